"""What is written out because the newest version has no kernel: equal to the runtime's kernel of an older version."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from explainers.graph.passes.opset import to_opset
from explainers.graph.prepare import prepare
from explainers.testing import check_gradient, lift, reference, runtime

RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 3, 7, 8)).astype(np.float32)
ROIS = np.array([[0.3, 0.7, 5.2, 4.4], [-1, 1.1, 9.5, 7.2], [2.2, 2.1, 2.9, 3.3]], np.float32)
BOXES = np.array([[0, 0, 1, 5, 4], [1, 2, 0, 7, 6], [0, 3, 3, 3, 3]], np.float32)
CASES = {
    **{
        f"RoiAlign {m} {s} {c}": (
            "RoiAlign",
            (X, ROIS, np.array([0, 1, 1])),
            {
                "mode": m,
                "sampling_ratio": s,
                "coordinate_transformation_mode": c,
                "output_height": 2,
                "output_width": 3,
                "spatial_scale": 0.8,
            },
        )
        for m in ("avg", "max")
        for s in (0, 2)
        for c in ("half_pixel", "output_half_pixel")
    },
    "MaxRoiPool": ("MaxRoiPool", (X, BOXES), {"pooled_shape": [2, 3]}),
    "MaxRoiPool scaled": ("MaxRoiPool", (X, BOXES), {"pooled_shape": [3, 2], "spatial_scale": 0.6}),
    **{f"GlobalLpPool {p}": ("GlobalLpPool", (X,), {"p": p}) for p in (1, 2, 3)},
}


def model(operator: str, inputs: tuple, attributes: dict) -> onnx.ModelProto:
    node = helper.make_node(operator, [f"x{i}" for i in range(len(inputs))], ["y"], **attributes)
    first = helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, inputs[0].shape)
    rest = [onnx.numpy_helper.from_array(a, f"x{i}") for i, a in enumerate(inputs) if i]
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "regions", [first], [out], rest)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def written_out(proto: onnx.ModelProto) -> onnx.ModelProto:
    return ir.to_proto(prepare(to_opset(proto), {"x0": ["N", *X.shape[1:]]}))


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_kernel_computes(name):
    proto = model(*CASES[name])
    np.testing.assert_allclose(
        runtime(written_out(proto))({"x0": X})["y"], runtime(proto)({"x0": X})["y"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", CASES)
def test_its_gradient_is_the_slope(name):
    check_gradient(model(*CASES[name]), {"x0": X}, forward=lambda p: reference(lift(written_out(p))))
