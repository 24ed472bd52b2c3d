"""Resizing, sampling, regions, and the operators of ai.onnx.ml."""

from __future__ import annotations

import numpy as np
from reference.arrays import floats, inside, ints, normal
from reference.vjp_case import Case

MODES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
X = normal(2, 3, 5, 4)


def resize(
    x: np.ndarray,
    scales: tuple[float, ...] | None = None,
    sizes: tuple[int, ...] | None = None,
    roi: tuple[float, ...] | None = None,
    fixed: str = "",
    **attributes: object,
) -> Case:
    inputs = (
        x,
        None if roi is None else floats(*roi),
        None if scales is None else floats(*scales),
        None if sizes is None else ints(*sizes),
    )
    label = f" {scales or sizes}"
    return Case("Resize", inputs, attributes, label=label, wrt=(0,), fixed=fixed)


RESIZED = [
    *(
        resize(X, (1, 1, s, t), mode=m, coordinate_transformation_mode=c)
        for m in ("nearest", "linear", "cubic")
        for c in MODES
        for s, t in ((2, 3), (0.6, 1.5))
    ),
    *(
        resize(
            X, (1, 1, 1.6, 0.7), mode="nearest", nearest_mode=n, coordinate_transformation_mode="asymmetric"
        )
        for n in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    *(resize(X, (1, 1, 0.6, 0.5), mode=m, antialias=1) for m in ("linear", "cubic")),
    *(resize(X, (1, 1, 0.8, 1.3), mode="cubic", exclude_outside=1, cubic_coeff_a=a) for a in (-0.5, -0.75)),
    *(
        resize(X, sizes=(7, 8), axes=[2, 3], mode="linear", keep_aspect_ratio_policy=p)
        for p in ("stretch", "not_larger", "not_smaller")
    ),
    resize(X, sizes=(2, 3, 10, 2), mode="linear", fixed="the sizes name the batch"),
    resize(X, (2.0, 0.5), axes=[3, 2], mode="linear"),
    resize(
        X,
        (1, 1, 2, 2),
        roi=(0, 0, 0.2, 0.3, 1, 1, 0.9, 1.1),
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=7.0,
    ),
    resize(normal(2, 3, 7), (1, 1, 1.7), mode="linear"),
    resize(normal(2, 2, 3, 4, 2), (1, 1, 2, 1.5, 2), mode="linear"),
    resize(normal(2, 2, 3, 4, 2), (1, 1, 2, 3, 2), mode="nearest"),
    resize(X, (1, 1, 1, 1), mode="nearest"),
]
ROIS = np.array([[0.3, 0.7, 5.2, 4.4], [-1, 1.1, 9.5, 7.2], [2.2, 2.1, 2.9, 3.3]], np.float32)
ROWS = [
    *RESIZED,
    *(
        Case(
            "GridSample",
            (normal(2, 2, 4, 5), normal(2, 3, 2, 2, scale=0.9)),
            {"mode": m, "padding_mode": p, "align_corners": a},
        )
        for m in ("linear", "nearest", "cubic")
        for p in ("zeros", "border", "reflection")
        for a in (0, 1)
    ),
    *(
        Case(
            "GridSample",
            (normal(2, 2, 3, 4, 2), normal(2, 2, 3, 2, 3, scale=0.8)),
            {"mode": m, "padding_mode": p},
        )
        for m in ("linear", "nearest")
        for p in ("zeros", "reflection")
    ),
    *(Case("AffineGrid", (normal(2, 2, 3), ints(2, 3, 4, 5)), {"align_corners": a}) for a in (0, 1)),
    Case("AffineGrid", (normal(2, 3, 4), ints(2, 1, 2, 3, 4))),
    *(
        Case(
            "RoiAlign",
            (normal(2, 2, 7, 8), ROIS, ints(0, 1, 1)),
            {
                "output_height": 2,
                "output_width": 3,
                "sampling_ratio": s,
                "mode": m,
                "coordinate_transformation_mode": c,
                "spatial_scale": 0.8,
            },
            wrt=(0,),
            runtime_lacks="RoiAlign of opset 22; test_regions runs it written out",
        )
        for s in (0, 2)
        for m in ("avg", "max")
        for c in ("half_pixel", "output_half_pixel")
    ),
    Case("ai.onnx.ml::Scaler", (normal(2, 3),), {"offset": [0.1, 0.2, 0.3], "scale": [1.0, 2.0, -0.5]}),
    Case(
        "ai.onnx.ml::Imputer",
        (np.array([[1, 2, 3], [2, 6, 1]], np.float32),),
        {"imputed_value_floats": [9.0], "replaced_value_float": 5.0},
    ),
    *(
        Case(
            "ai.onnx.ml::LinearRegressor",
            (normal(2, 3),),
            {
                "coefficients": [0.5, -0.3, 0.2, 0.1, 0.7, -0.4],
                "intercepts": [0.1, 0.2],
                "targets": 2,
                "post_transform": p,
            },
        )
        for p in ("NONE", "SOFTMAX", "LOGISTIC")
    ),
    *(
        Case(
            "ai.onnx.ml::LinearClassifier",
            (normal(2, 3),),
            {
                "coefficients": [0.5, -0.3, 0.2, 0.1, 0.7, -0.4, 0.3, 0.3, -0.1],
                "intercepts": [0.1, 0.2, 0.3],
                "classlabels_ints": [0, 1, 2],
                "post_transform": p,
            },
            outputs=2,
        )
        for p in ("NONE", "SOFTMAX", "LOGISTIC")
    ),
    *(Case("ai.onnx.ml::Normalizer", (inside(0.2, 2, 2, 3),), {"norm": n}) for n in ("MAX", "L1", "L2")),
    Case("ai.onnx.ml::FeatureVectorizer", (normal(2, 3), normal(2, 2)), {"inputdimensions": [3, 2]}),
    Case("ai.onnx.ml::ArrayFeatureExtractor", (normal(2, 3), ints(2, 0))),
    *(
        Case(
            "ai.onnx.ml::SVMRegressor",
            (normal(2, 3),),
            {
                "coefficients": [0.5, -0.3],
                "support_vectors": [0.1, 0.2, 0.3, -0.5, 0.6, 0.2],
                "n_supports": 2,
                "rho": [0.3],
                "kernel_type": k,
                "kernel_params": [0.4, 0.3, 3.0],
            },
        )
        for k in ("LINEAR", "POLY", "RBF", "SIGMOID")
    ),
]
