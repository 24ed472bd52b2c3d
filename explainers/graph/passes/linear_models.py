"""Linear models of ai.onnx.ml and what stands before them, as standard operators: what explains a Gemm explains them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from ..build import dimensions
from .expand import expansion

ML = "ai.onnx.ml::"


def _softmax_zero(op: Any, z: Any) -> Any:
    """A softmax in which scores that are exactly 0 stay 0 and have no part."""
    none = op.Equal(z, 0.0)
    parts = op.Softmax(op.Where(none, op.constant(np.float32(-np.inf)), z), axis=-1)
    return op.Where(op.And(none, op.Equal(op.ReduceMax(op.Abs(z), [-1], keepdims=1), 0.0)), 0.0, parts)


LAST_STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "NONE": lambda op, z: z,
    "LOGISTIC": lambda op, z: op.Sigmoid(z),
    "SOFTMAX": lambda op, z: op.Softmax(z, axis=-1),
    "SOFTMAX_ZERO": _softmax_zero,
}
"""What is done to the scores at last. PROBIT is not here: the runtime gives no numbers for scores outside (0, 1)."""


@expansion(ML + "Scaler")
def scaler(op: Any, x: Any, *, offset: Sequence[float] = (0.0,), scale: Sequence[float] = (1.0,)) -> Any:
    """(x - offset) · scale, one of each for all features or per feature."""
    return op.Mul(op.Sub(_floats(op, x), np.array(offset, "f4")), np.array(scale, "f4"))


@expansion(ML + "LinearRegressor")
def linear_regressor(
    op: Any,
    x: Any,
    *,
    coefficients: Sequence[float],
    targets: int = 1,
    intercepts: Sequence[float] | None = None,
    post_transform: str = "NONE",
) -> Any:
    """One row of coefficients for each target."""
    if post_transform not in LAST_STEPS:
        return None
    rows = np.array(coefficients, "f4").reshape(targets, -1)
    return LAST_STEPS[post_transform](op, _product(op, x, rows, intercepts))


@expansion(ML + "LinearClassifier")
def linear_classifier(
    op: Any,
    x: Any,
    *,
    coefficients: Sequence[float],
    intercepts: Sequence[float] | None = None,
    classlabels_ints: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
    post_transform: str = "NONE",
    multi_class: int = 0,
) -> Any:
    """One row of coefficients for each class, or one for the second of two; the label is that of the greatest score."""
    features = (dimensions(x) or [None])[-1]
    labels = classlabels_strings or classlabels_ints
    if not isinstance(features, int) or not labels or post_transform not in LAST_STEPS:
        return None
    rows = np.array(coefficients, "f4").reshape(-1, features)
    z = _product(op, x, rows, intercepts)
    if len(rows) == len(labels):
        first, scores = op.ArgMax(z, axis=-1, keepdims=0), LAST_STEPS[post_transform](op, z)
    elif (len(rows), len(labels)) == (1, 2):
        first = op.Squeeze(op.Cast(op.Greater(z, 0.0), to=int(ir.DataType.INT64)), [-1])
        scores = _two(op, z, post_transform)
    else:
        return None
    # strings as objects: numpy's strings of one width are no ONNX type
    names = op.constant(np.array(labels, object if classlabels_strings else "i8"))
    return op.Gather(names, first, axis=0), scores


def _two(op: Any, z: Any, post_transform: str) -> Any:
    """The scores of two classes from the second one's; the runtime applies no softmax to them."""
    if post_transform == "LOGISTIC":
        return op.Sigmoid(op.Concat(op.Neg(z), z, axis=-1))
    return op.Concat(op.Sub(1.0, z), z, axis=-1)


@expansion(ML + "FeatureVectorizer")
def feature_vectorizer(op: Any, *xs: Any, inputdimensions: Sequence[int]) -> Any:
    """The first features of each input, one behind the other."""
    return op.Concat(
        *(op.Slice(_floats(op, x), [0], [int(n)], [-1]) for x, n in zip(xs, inputdimensions, strict=True)),
        axis=-1,
    )


def _product(op: Any, x: Any, rows: Any, intercepts: Sequence[float] | None) -> Any:
    z = op.MatMul(_floats(op, x), np.ascontiguousarray(rows.T))
    return z if not intercepts else op.Add(z, np.array(intercepts, "f4"))


def _floats(op: Any, x: Any) -> Any:
    return x if x.dtype == ir.DataType.FLOAT else op.Cast(x, to=int(ir.DataType.FLOAT))
