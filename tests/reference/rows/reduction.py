"""Reductions, matrix products, normalisations, losses, transforms."""

from __future__ import annotations

import numpy as np
from reference.arrays import inside, ints, normal, number
from reference.vjp_case import Case

X, POSITIVE = normal(2, 3, 4), inside(0.3, 2, 2, 3, 4)
REDUCTIONS = (
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
)
ZEROS = np.array([[2, 0, 3], [0, 1, 0], [1, 2, 3]], np.float32)


def over(name: str) -> np.ndarray:
    return POSITIVE if name == "ReduceLogSum" else X


ROWS = [
    *(Case(name, (over(name), ints(1, -1)), {"keepdims": keep}) for name in REDUCTIONS for keep in (0, 1)),
    *(Case(name, (over(name),), {"keepdims": 0}) for name in REDUCTIONS),
    *(Case(name, (over(name),), {"noop_with_empty_axes": 1}) for name in REDUCTIONS),
    *(Case(name, (over(name), ints(0)), {"keepdims": 0}) for name in REDUCTIONS),
    Case("ReduceProd", (ZEROS, ints(1)), label="zeros"),
    Case("MatMul", (normal(2, 3, 4), normal(4, 5))),
    Case("MatMul", (normal(2, 3, 4), normal(2, 4, 5))),
    Case("MatMul", (normal(2, 1, 3, 4), normal(5, 4, 2))),
    Case("MatMul", (normal(4), normal(2, 4, 5))),
    Case("MatMul", (normal(2, 3, 4), normal(4))),
    Case("MatMul", (normal(4), normal(4))),
    *(
        Case(
            "Gemm",
            (normal(*((4, 2) if ta else (2, 4))), normal(*((5, 4) if tb else (4, 5))), normal(5)),
            {"transA": ta, "transB": tb, "alpha": 0.7, "beta": 1.3},
        )
        for ta in (0, 1)
        for tb in (0, 1)
    ),
    Case("Gemm", (normal(2, 4), normal(4, 5))),
    Case("Gemm", (normal(2, 4), normal(4, 5), normal(2, 1))),
    *(
        Case("Einsum", xs, {"equation": e}, label="")
        for e, xs in {
            "bij,bjk->bik": (normal(2, 3, 4), normal(2, 4, 5)),
            "ij->ji": (normal(2, 3),),
            "ij->": (normal(2, 3),),
            "bhid,bhjd->bhij": (normal(2, 2, 3, 4), normal(2, 2, 5, 4)),
            "ij,jk": (normal(2, 3), normal(3, 4)),
            "ij,ij,j->i": (normal(2, 3), normal(2, 3), normal(3)),
            "i,j->ij": (normal(2), normal(3)),
            "bij->b": (normal(2, 3, 4),),
            "aij,jk->k": (normal(2, 3, 4), normal(4, 5)),
        }.items()
    ),
    Case(
        "Einsum",
        (normal(2, 1, 3, 4), normal(5, 4, 2)),
        {"equation": "...ij,...jk->...ik"},
        runtime_lacks="broadcasting in an ellipsis",
    ),
    Case("Einsum", (normal(2, 5, 3, 4), normal(2, 5, 4, 2)), {"equation": "...ij,...jk->...ik"}),
    Case("Einsum", (normal(3, 3),), {"equation": "ii->i"}, label="diagonal", fixed=""),
    Case("Einsum", (normal(2, 3, 3),), {"equation": "bii->b"}, label="trace"),
    Case("Det", (normal(2, 3, 3),)),
    Case("Det", (np.array([[[1, 2], [2, 4]], [[0, 0], [1, 3]]], np.float32),), label="singular"),
    Case("Det", (normal(2, 1, 1),)),
    *(Case("Softmax", (X,), {"axis": a}) for a in (0, 1, -1)),
    *(Case("LogSoftmax", (X,), {"axis": a}) for a in (0, 1, -1)),
    Case("BatchNormalization", (normal(2, 3, 4, 2), normal(3), normal(3), normal(3), inside(0.5, 2, 3))),
    Case("BatchNormalization", (normal(2, 3), normal(3), normal(3), normal(3), inside(0.5, 2, 3))),
    *(
        Case(
            "LayerNormalization",
            (normal(2, 3, 4), normal(*([3, 4][-n:])), normal(*([3, 4][-n:]))),
            {"axis": -n},
        )
        for n in (1, 2)
    ),
    Case("LayerNormalization", (normal(2, 3, 4), normal(4))),
    Case("LayerNormalization", (normal(2, 3, 4), normal(4), normal(4)), outputs=3),
    Case("LayerNormalization", (normal(2, 3, 4), normal(4), normal(4)), outputs=3, used=(0, 2)),
    *(Case("RMSNormalization", (normal(2, 3, 4), normal(*([3, 4][-n:]))), {"axis": -n}) for n in (1, 2)),
    Case("InstanceNormalization", (normal(2, 3, 4, 2), normal(3), normal(3))),
    Case("InstanceNormalization", (normal(2, 3, 5), normal(3), normal(3)), {"epsilon": 0.1}),
    Case("GroupNormalization", (normal(2, 4, 3, 2), normal(4), normal(4)), {"num_groups": 2}),
    Case("MeanVarianceNormalization", (normal(2, 3, 4, 2),)),
    Case("MeanVarianceNormalization", (normal(2, 3, 4),), {"axes": [1, 2]}),
    *(
        Case(
            "LRN",
            (normal(2, 7, 3, 2),),
            {"size": n, "alpha": 0.5, "beta": 0.7, "bias": 1.3},
            runtime_lacks="" if n % 2 else "windows of even size",
        )
        for n in (3, 4)
    ),
    *(Case("LpNormalization", (X,), {"axis": a, "p": p}) for a in (1, -1) for p in (1, 2)),
    *(
        Case("NegativeLogLikelihoodLoss", (normal(2, 3, 2), np.array([[0, 2], [1, 1]]), w), {"reduction": r})
        for r in ("none", "sum", "mean")
        for w in (None, inside(0.5, 2, 3))
    ),
    Case("NegativeLogLikelihoodLoss", (normal(2, 3), ints(2, 1), inside(0.5, 2, 3)), {"ignore_index": 1}),
    *(
        Case(
            "SoftmaxCrossEntropyLoss",
            (normal(2, 3, 2), np.array([[0, 2], [1, 1]]), w),
            {"reduction": r},
            outputs=2,
        )
        for r in ("none", "sum", "mean")
        for w in (None, inside(0.5, 2, 3))
    ),
    Case("SoftmaxCrossEntropyLoss", (normal(2, 3), ints(2, 1)), {"ignore_index": 2}),
    *(
        Case("DFT", (normal(2, 5, parts), None, number(1)), {"onesided": one, "inverse": 0})
        for parts, one in ((1, 0), (1, 1), (2, 0))
    ),
    Case("DFT", (normal(2, 5, 2), None, number(1)), {"inverse": 1}),
    *(
        Case("DFT", (normal(2, 5, 4, 1), number(n), number(-3)), {"onesided": one})
        for n in (4, 7)
        for one in (0, 1)
    ),
    *(
        Case(
            "DFT",
            (normal(2, 4, 2), number(n), number(1)),
            {"onesided": 1, "inverse": 1},
            label=f" n={n}",
            runtime_lacks="real inverse transforms",
        )
        for n in (6, 7)
    ),
    *(
        Case("STFT", (normal(2, 12, 1), number(3), w, number(4)), {"onesided": one})
        for one in (0, 1)
        for w in (None, inside(0.5, 1, 4))
    ),
    Case("STFT", (normal(2, 12, 1), number(2), None, number(5))),
]
