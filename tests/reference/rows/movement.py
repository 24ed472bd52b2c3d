"""Operators that only move, copy or drop values."""

from __future__ import annotations

import numpy as np
from reference.arrays import RNG, floats, ints, normal, number
from reference.vjp_case import Case

X = normal(2, 3, 4)
TRUE = np.array(True)
ROWS = [
    Case("Reshape", (X, ints(2, 12))),
    Case("Reshape", (X, ints(0, -1))),
    Case("Reshape", (X, ints(-1, 6)), label="batch mixed"),
    Case("Flatten", (X,), {"axis": 2}),
    Case("Squeeze", (normal(2, 1, 3, 1), ints(1, -1))),
    Case("Squeeze", (normal(2, 1, 3, 1), ints(1, 3))),
    Case("Unsqueeze", (X, ints(0, -1))),
    Case("Expand", (normal(2, 1, 4), ints(2, 3, 4))),
    Case("Expand", (normal(3, 1), ints(2, 3, 4))),
    Case("Transpose", (X,), {"perm": [2, 0, 1]}),
    Case("Transpose", (X,)),
    Case("Dropout", (X, np.array(0.3, np.float32)), wrt=(0,)),
    Case("Concat", (X, normal(2, 1, 4), normal(2, 2, 4)), {"axis": 1}),
    Case("Concat", (X, normal(2, 3, 1)), {"axis": -1}),
    Case("Concat", (X, normal(1, 3, 4)), {"axis": 0}, fixed="", label="along the batch"),
    Case("Split", (normal(2, 6), ints(1, 3, 2)), {"axis": 1}, outputs=3),
    Case(
        "Split",
        (normal(2, 6), ints(1, 3, 2)),
        {"axis": 1},
        outputs=3,
        used=(0, 2),
        runtime_lacks="leaving out an output in the middle: it crashes",
    ),
    Case("Split", (normal(2, 7),), {"axis": -1, "num_outputs": 3}, outputs=3),
    Case("Slice", (X, ints(1, 1), ints(3, -1), ints(1, 2))),
    Case("Slice", (X, ints(-1), ints(-100), ints(2), ints(-2))),
    Case("Slice", (X, ints(0, 1, 0), ints(2, 3, 100))),
    Case("Slice", (X, ints(3, 0), ints(0, 3), ints(-1, -2), ints(-1, 2))),
    Case("Pad", (X, ints(0, 1, 2, 0, 3, 1), np.array(0.5, np.float32))),
    Case("Pad", (X, ints(0, -1, 2, 0, 1, -2))),
    Case("Pad", (X, ints(1, 2, 0, 3), None, ints(-1, 1))),
    Case("Pad", (X, ints(1, 2, 0, 3), None, ints(-1, 1)), {"mode": "edge"}),
    Case("Pad", (X, ints(0, 2, 3, 0, 1, 2)), {"mode": "reflect"}),
    Case("Pad", (X, ints(0, 2, 3, 0, 1, 2)), {"mode": "wrap"}),
    Case(
        "Pad",
        (X, ints(0, -1, 3, 0, 1, -1)),
        {"mode": "edge"},
        runtime_lacks="negative pads of copied padding",
    ),
    Case("Tile", (X, ints(1, 2, 3))),
    Case("Tile", (X, ints(2, 1, 1))),
    Case("Gather", (X, ints(0, 2, 2, -1)), {"axis": 1}),
    Case("Gather", (X, np.array([[0, 3], [3, 1]])), {"axis": -1}),
    Case("Gather", (X, number(1)), {"axis": 1}),
    Case("GatherElements", (X, np.array([[[0, 2, 2, 1]], [[1, 0, -1, 1]]])), {"axis": 1}),
    Case("GatherND", (X, np.array([[0, 1], [0, 1], [1, 2]]))),
    Case("GatherND", (X, np.array([[1], [-1]])), {"batch_dims": 1}),
    Case("Compress", (X, np.array([True, False, True])), {"axis": 1}),
    Case("Compress", (X, RNG.random(20) > 0.5)),
    Case("TopK", (normal(2, 7), ints(3)), {"axis": 1}, outputs=2),
    Case("TopK", (normal(2, 7, 3), ints(4)), {"axis": -2, "largest": 0}, outputs=2),
    Case(
        "OneHot", (np.array([[0, 2], [-1, 9]]), number(4), floats(0.3, 1.5)), {"axis": 1}, wrt=(2,), fixed=""
    ),
    Case("ScatterElements", (X, np.array([[[0, 2, 2, 1]], [[1, 0, -1, 1]]]), normal(2, 1, 4)), {"axis": 1}),
    *(
        Case(
            "ScatterElements",
            (X, np.array([[[0, 2, 2, 1]] * 2, [[1, 0, 0, 1]] * 2]), normal(2, 2, 4)),
            {"axis": 1, "reduction": how},
        )
        for how in ("add", "mul", "max", "min")
    ),
    Case("ScatterND", (X, np.array([[0, 1], [1, 2]]), normal(2, 4))),
    *(
        Case("ScatterND", (X, np.array([[0, 1], [1, 2], [0, 1]]), normal(3, 4)), {"reduction": how})
        for how in ("add", "mul", "max", "min")
    ),
    Case(
        "ScatterND",
        (
            np.array([0.0, 2.0, 0.0, 1.5], np.float32),
            np.array([[0], [0], [1], [2]]),
            np.array([3.0, 0.0, 0.0, 1.0], np.float32),
        ),
        {"reduction": "mul"},
        label="zeros",
    ),
    Case("TensorScatter", (normal(2, 3, 5, 4), normal(2, 3, 2, 4), ints(1, 3)), opset=24),
    Case(
        "TensorScatter", (normal(2, 3, 5, 4), normal(2, 3, 2, 4), ints(4, 3)), {"mode": "circular"}, opset=24
    ),
    Case("TensorScatter", (normal(2, 5, 4), normal(2, 2, 4)), {"axis": 1}, opset=24),
    Case("ReverseSequence", (normal(4, 3, 2), ints(4, 2, 1)), {"time_axis": 0, "batch_axis": 1}),
    Case("Trilu", (normal(2, 4, 5), number(1))),
    Case("Trilu", (normal(2, 4, 5), number(-1)), {"upper": 0}),
    Case("CenterCropPad", (normal(2, 5, 4), ints(3, 7)), {"axes": [1, 2]}),
    Case("CenterCropPad", (normal(2, 5, 4), ints(2, 6, 3))),
    *(Case("DepthToSpace", (normal(2, 8, 3, 2),), {"blocksize": 2, "mode": mode}) for mode in ("DCR", "CRD")),
    Case("SpaceToDepth", (normal(2, 3, 4, 6),), {"blocksize": 2}),
    Case("SpaceToDepth", (normal(2, 3, 4, 6),), {"blocksize": 2, "mode": "CRD"}, opset=28),
    Case(
        "MaxUnpool",
        (normal(1, 1, 2, 2), np.array([[[[0, 3], [9, 15]]]])),
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        fixed="",
    ),
    Case(
        "MaxUnpool",
        (normal(1, 1, 2, 2), np.array([[[[0, 3], [9, 15]]]]), ints(1, 1, 5, 6)),
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ),
    Case("Col2Im", (normal(2, 12, 16), ints(5, 6), ints(2, 3))),
    Case(
        "Col2Im",
        (normal(2, 18, 3), ints(5, 6), ints(3, 3)),
        {"strides": [2, 3], "pads": [1, 1, 0, 2], "dilations": [2, 1]},
        label="d",
    ),
    Case("CumSum", (X, number(1))),
    Case("CumSum", (X, number(-1)), {"exclusive": 1, "reverse": 1}),
    *(
        Case(
            "CumProd",
            (np.array([[2, 0, 3, 0.5], [1, 2, -1, 3]], np.float32), number(-1)),
            {"exclusive": e, "reverse": r},
            opset=26,
        )
        for e in (0, 1)
        for r in (0, 1)
    ),
    Case(
        "Range", (np.array(1.0, np.float32), np.array(8.2, np.float32), np.array(1.7, np.float32)), wrt=(0, 2)
    ),
]
