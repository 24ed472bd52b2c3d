"""The operators of ai.onnx.ml that are smooth and no standard operator stands for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.table import rules, vjp

rules(
    {
        # a value that is filled in hides its input
        "ai.onnx.ml::Imputer": lambda op, g, y, x, replaced_value_float=0.0, **_: op.Where(
            op.IsNaN(x) if math.isnan(replaced_value_float) else op.Equal(x, replaced_value_float),
            op.Mul(g, 0.0),
            g,
        )
    }
)


# what arrives before the last step, from the step's output alone
POST = {
    "NONE": lambda op, g, y: g,
    "LOGISTIC": lambda op, g, y: op.Mul(g, op.Mul(y, op.Sub(1.0, y))),
    "SOFTMAX": lambda op, g, y: op.Mul(y, op.Sub(g, op.ReduceSum(op.Mul(g, y), [-1], keepdims=1))),
    "SOFTMAX_ZERO": lambda op, g, y: op.Mul(y, op.Sub(g, op.ReduceSum(op.Mul(g, y), [-1], keepdims=1))),
    "PROBIT": lambda op, g, y: op.Mul(g, op.Mul(op.Exp(op.Mul(op.Mul(y, y), 0.5)), math.sqrt(2 * math.pi))),
}


def _like(g: Any, values: Any, *shape: int) -> Any:
    return np.array(values, np.float64).reshape(shape).astype(g.dtype.numpy())


@vjp("ai.onnx.ml::Normalizer")
def normalizer(op: Any, g: Any, y: Any, x: Any, *, norm: str = "MAX") -> Any:
    """The norm of each row; 0 for a row of zeros, and the first of the greatest for MAX."""
    size = {"MAX": op.ReduceMax, "L1": op.ReduceL1, "L2": op.ReduceL2}[norm](x, [-1], keepdims=1)
    none = op.Equal(size, 0.0)
    back = op.ReduceSum(op.Mul(g, y), [-1], keepdims=1)
    if norm == "MAX":
        first = op.ArgMax(x, axis=-1, keepdims=1)
        along = op.ScatterElements(op.Mul(g, 0.0), first, back, axis=-1)
    else:
        along = op.Mul(y if norm == "L2" else op.Sign(x), back)
    return op.Where(none, g, op.Div(op.Sub(g, along), op.Where(none, 1.0, size)))


@vjp("ai.onnx.ml::SVMRegressor")
def svm_regressor(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    *,
    coefficients: Any,
    kernel_params: Any = None,
    kernel_type: str = "LINEAR",
    n_supports: int = 0,
    one_class: int = 0,
    post_transform: str = "NONE",
    rho: Any = None,
    support_vectors: Any = None,
) -> Any:
    """A weighted sum of kernels; a one-class model only decides."""
    if one_class:
        return op.zeros_like(x)
    g = POST[post_transform](op, g, y)
    if n_supports == 0:
        return op.MatMul(g, _like(g, coefficients, 1, -1))
    vectors, weights = _like(g, support_vectors, n_supports, -1), _like(g, coefficients, 1, -1)
    gamma, shift, degree = [*(kernel_params or []), 0.0, 0.0, 0.0][:3]
    inner = op.MatMul(x, np.ascontiguousarray(vectors.T))
    along = op.Mul(
        op.Mul(g, weights), _kernel_slope(op, kernel_type, x, inner, vectors, gamma, shift, degree)
    )
    gx = op.MatMul(along, vectors)
    # the radial kernel falls with the distance, not with the product
    return op.Sub(gx, op.Mul(x, op.ReduceSum(along, [1], keepdims=1))) if kernel_type == "RBF" else gx


def _kernel_slope(
    op: Any, kind: str, x: Any, inner: Any, vectors: Any, gamma: float, shift: float, degree: float
) -> Any:
    """Return the kernel's derivative by the product of x and each support vector."""
    if kind == "LINEAR":
        return op.Add(op.Mul(inner, 0.0), 1.0)
    if kind == "RBF":
        square = op.Add(op.ReduceSumSquare(x, [1], keepdims=1), (vectors**2).sum(1))
        return op.Mul(op.Exp(op.Mul(op.Sub(square, op.Mul(inner, 2.0)), -gamma)), 2 * gamma)
    z = op.Add(op.Mul(inner, gamma), shift)
    if kind == "POLY":
        return op.Mul(op.Pow(z, degree - 1), degree * gamma)
    t = op.Tanh(z)
    return op.Mul(op.Sub(1.0, op.Mul(t, t)), gamma)
