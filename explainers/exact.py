"""Operators of ONNX's reference evaluator that round to float32 inside, or fail, in float64 as the standard has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops import op_affine_grid, op_cast_like, op_causal_conv_with_state, op_grid_sample

from .exact_windows import WINDOWS


class Erf(OpRun):
    """The package's own vectorises with a float32 result."""

    def _run(self, x: Any) -> tuple[Any]:
        return (np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype),)


class CastLike(OpRun):
    """The package's own does not know `round_mode`."""

    def _run(self, x: Any, like: Any, saturate: Any = True, round_mode: Any = "up") -> tuple[Any]:  # noqa: ARG002
        return tuple(op_cast_like._cast_like(x, like, saturate))  # noqa: SLF001 - its conversion is the one wanted


class GridSample(op_grid_sample.GridSample):
    """The package's own keeps positions in float32."""

    def _gs_denormalize_coordinates(self, n: Any, dims: Any, align_corners: Any) -> Any:
        pairs = zip(n, dims, strict=False)
        return np.array(
            [self._gs_denormalize(n=v, length=d, align_corners=align_corners) for v, d in pairs], np.float64
        )


class AffineGrid(OpRun):
    """The package's own returns float32."""

    def _run(self, theta: Any, size: Any, align_corners: Any = 0) -> tuple[Any]:
        points = op_affine_grid.construct_original_grid(size[2:], align_corners)  # type: ignore[no-untyped-call]
        flat = points.reshape(-1, points.shape[-1]) @ np.swapaxes(theta, 1, 2)
        return (flat.reshape(len(theta), *points.shape[:-1], -1).astype(theta.dtype),)


class LpNormalization(OpRun):
    """The package's own forgets the absolute value where p is odd."""

    def _run(self, x: Any, axis: Any = -1, p: Any = 2) -> tuple[Any]:
        norm = np.power(np.power(np.abs(x), p).sum(axis=axis, keepdims=True), 1.0 / p)
        return (np.where(norm == 0, 0.0, x / np.where(norm == 0, 1.0, norm)).astype(x.dtype),)


class MeanVarianceNormalization(OpRun):
    """The function body in the standard adds a float32 constant."""

    def _run(self, x: Any, axes: Any = (0, 2, 3)) -> tuple[Any]:
        over = tuple(axes)
        deviation = np.sqrt((x**2).mean(over, keepdims=True) - x.mean(over, keepdims=True) ** 2)
        return ((x - x.mean(over, keepdims=True)) / (deviation + 1e-9),)


class Gelu(OpRun):
    """The function body is evaluated with the package's own Erf."""

    def _run(self, x: Any, approximate: Any = "none") -> tuple[Any]:
        if approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return ((0.5 * x * (1 + np.tanh(inner))).astype(x.dtype),)
        erf = np.vectorize(math.erf, otypes=[np.float64])
        return ((0.5 * x * (1 + erf(x / math.sqrt(2)))).astype(x.dtype),)


class GatherElements(OpRun):
    """The package's own chooses among at most 64 positions."""

    def _run(self, x: Any, indices: Any, axis: Any = 0) -> tuple[Any]:
        return (np.take_along_axis(x, np.where(indices < 0, indices + x.shape[axis], indices), axis),)


class CausalConvWithState(op_causal_conv_with_state.CausalConvWithState):
    """The package's own computes the activation in float32."""

    def _run(
        self, x: Any, weight: Any, bias: Any = None, past: Any = None, activation: Any = "none"
    ) -> tuple[Any, Any]:
        y, state = super()._run(x, weight, bias, past, activation="none")  # type: ignore[no-untyped-call]
        return (y if activation == "none" else y / (1 + np.exp(-y))), state


class LinearRegressor(OpRun):
    """The package's own knows no last step."""

    op_domain = "ai.onnx.ml"

    def _run(
        self,
        x: Any,
        coefficients: Any = None,
        intercepts: Any = None,
        post_transform: Any = "NONE",
        targets: Any = 1,
    ) -> tuple[Any]:
        z = x @ np.array(coefficients).reshape(targets, -1).T + (
            0.0 if intercepts is None else np.array(intercepts)
        )
        last = {
            "NONE": lambda v: v,
            "LOGISTIC": lambda v: 1 / (1 + np.exp(-v)),
            "SOFTMAX": lambda v: np.exp(v) / np.exp(v).sum(-1, keepdims=True),
        }
        return (last[post_transform](z).astype(x.dtype),)


CORRECTED = [
    *WINDOWS,
    Erf,
    CastLike,
    GridSample,
    AffineGrid,
    LpNormalization,
    MeanVarianceNormalization,
    Gelu,
    GatherElements,
    CausalConvWithState,
    LinearRegressor,
]
