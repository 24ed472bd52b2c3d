"""Convolutions and pools in one to three dimensions."""

from __future__ import annotations

from reference.arrays import inside, normal
from reference.vjp_case import Case

CONVOLUTIONS = {
    "1d": ((2, 3, 9), (4, 3, 3), {}),
    "2d": ((2, 3, 7, 6), (4, 3, 3, 2), {"pads": [1, 0, 2, 1]}),
    "3d": ((2, 2, 4, 5, 4), (3, 2, 2, 3, 2), {"pads": [1, 1, 0, 0, 1, 1]}),
    "strides": ((2, 3, 8, 9), (4, 3, 3, 3), {"strides": [2, 3], "pads": [1, 1, 1, 1]}),
    "dilations": ((2, 3, 9, 9), (4, 3, 3, 2), {"dilations": [2, 3], "strides": [1, 2], "pads": [2, 1, 0, 3]}),
    "groups": ((2, 4, 6, 6), (6, 2, 3, 3), {"group": 2, "pads": [1] * 4}),
    "depthwise": ((2, 4, 7, 7), (4, 1, 3, 3), {"group": 4, "strides": [2, 2], "pads": [1] * 4}),
    "depthwise multiplied": ((2, 3, 5, 5), (6, 1, 3, 3), {"group": 3}),
    "pointwise": ((2, 3, 5, 4), (4, 3, 1, 1), {}),
    "pointwise strided": ((2, 3, 5, 4), (4, 3, 1, 1), {"strides": [2, 2]}),
    "same upper": ((2, 3, 8, 7), (4, 3, 3, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same lower": ((2, 3, 8, 7), (4, 3, 3, 4), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "valid": ((2, 3, 8, 7), (4, 3, 3, 4), {"auto_pad": "VALID"}),
    "wide pads": ((2, 3, 4, 4), (4, 3, 2, 2), {"pads": [3, 2, 3, 2]}),
    "rest": ((2, 2, 10, 8), (3, 2, 3, 3), {"strides": [3, 3]}),
}
TRANSPOSED = {
    "1d": ((2, 3, 5), (3, 4, 3), {}),
    "2d": ((2, 3, 4, 5), (3, 4, 3, 2), {"strides": [2, 3], "pads": [1, 0, 0, 1]}),
    "3d": ((2, 2, 3, 2, 3), (2, 3, 2, 2, 2), {"strides": [2, 1, 2]}),
    "output padding": (
        (2, 3, 4, 5),
        (3, 4, 3, 3),
        {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]},
    ),
    "dilations": ((2, 3, 4, 5), (3, 4, 2, 3), {"dilations": [2, 2]}),
    "groups": ((2, 4, 4, 3), (4, 2, 3, 3), {"group": 2}),
    "output shape": ((2, 3, 4, 5), (3, 4, 3, 3), {"strides": [2, 2], "output_shape": [10, 12]}),
    "same": ((2, 3, 4, 5), (3, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "same lower": ((2, 3, 4, 5), (3, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
}
POOLS = {
    "1d": ((2, 3, 9), {"kernel_shape": [3], "strides": [2]}),
    "2d": ((2, 3, 6, 6), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "overlap": ((2, 3, 7, 8), {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 0, 1, 1]}),
    "3d": ((2, 2, 5, 4, 4), {"kernel_shape": [2, 3, 2], "pads": [0, 1, 0, 1, 1, 0]}),
    "ceil": ((2, 3, 8, 7), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "ceil pads": (
        (2, 2, 6, 7),
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 1, 1, 1]},
    ),
    "dilations": ((2, 2, 8, 8), {"kernel_shape": [2, 3], "dilations": [2, 2]}),
    "same": ((2, 2, 7, 8), {"kernel_shape": [3, 2], "strides": [2, 3], "auto_pad": "SAME_UPPER"}),
    "same lower": ((2, 2, 7, 8), {"kernel_shape": [3, 2], "strides": [2, 3], "auto_pad": "SAME_LOWER"}),
    "gaps": ((2, 2, 7, 8), {"kernel_shape": [2, 2], "strides": [3, 3]}),
}
DEFORMED = {
    "plain": ({}, (4, 3, 3, 2), 1, (2, 3, 6, 5)),
    "padded": ({"pads": [1, 1, 1, 1], "strides": [2, 1]}, (4, 3, 3, 2), 1, (2, 3, 6, 5)),
    "dilated": ({"dilations": [2, 2]}, (4, 3, 2, 2), 1, (2, 3, 6, 5)),
    "groups": ({"group": 2, "offset_group": 2}, (4, 2, 2, 2), 2, (2, 4, 5, 5)),
}


def deformed(attributes: dict, w: tuple, groups: int, x: tuple, masked: bool) -> Case:
    begin = attributes.get("pads", [0] * 4)
    steps, gaps = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    out = [
        (x[2 + i] + begin[i] + begin[2 + i] - gaps[i] * (w[2 + i] - 1) - 1) // steps[i] + 1 for i in (0, 1)
    ]
    k = w[2] * w[3]
    mask = inside(0.2, 1, x[0], groups * k, *out) if masked else None
    offset = normal(x[0], groups * k * 2, *out, scale=0.7)
    return Case(
        "DeformConv", (normal(*x), normal(*w), offset, normal(w[0]), mask), attributes, runtime_lacks=""
    )


ROWS = [
    *(Case("Conv", (normal(*x), normal(*w)), a, label=f" {n}") for n, (x, w, a) in CONVOLUTIONS.items()),
    Case("Conv", (normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(4))),
    *(
        Case("ConvTranspose", (normal(*x), normal(*w)), a, label=f" {n}")
        for n, (x, w, a) in TRANSPOSED.items()
    ),
    Case("ConvTranspose", (normal(2, 3, 5, 5), normal(3, 4, 3, 3), normal(4))),
    *(Case("MaxPool", (normal(*x),), a, label=f" {n}") for n, (x, a) in POOLS.items()),
    Case("MaxPool", (normal(2, 2, 4, 6),), {"kernel_shape": [2, 2], "storage_order": 1}, outputs=2),
    Case("MaxPool", (normal(2, 2, 4, 6),), {"kernel_shape": [2, 2]}, outputs=2),
    *(
        Case("AveragePool", (normal(*x),), a | {"count_include_pad": c}, label=f" {n}")
        for n, (x, a) in POOLS.items()
        for c in (0, 1)
    ),
    *(
        Case("LpPool", (normal(*x),), a | {"p": p}, label=f" {n}")
        for n, (x, a) in POOLS.items()
        for p in (1, 2, 3)
    ),
    *(
        Case(
            "GlobalLpPool",
            (normal(2, 3, 4, 5),),
            {"p": p},
            runtime_lacks="GlobalLpPool of opset 22; test_regions runs it written out",
        )
        for p in (1, 2, 3)
    ),
    Case("GlobalAveragePool", (normal(2, 3, 4, 5),)),
    Case("GlobalAveragePool", (normal(2, 3, 7),)),
    Case("GlobalMaxPool", (normal(2, 3, 4, 5),)),
    Case("GlobalMaxPool", (normal(2, 3, 2, 2, 3),)),
    *(deformed(*d, masked) for d in DEFORMED.values() for masked in (False, True)),
]
