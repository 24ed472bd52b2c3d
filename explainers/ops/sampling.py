"""Reading between the cells of an image: taps, each a cell and its weight, and the operators that read through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp
from .movement import constant_ints
from .windows import spatial

A = -0.75
# weights of the taps as polynomials of the distance to the cell below; rows are taps, columns powers
POLYNOMIALS = {
    "nearest": np.array([[1.0]]),
    "linear": np.array([[1.0, -1], [0, 1]]),
    "cubic": np.array(
        [[0, A, -2 * A, A], [1, 0, -(A + 3), A + 2], [0, -A, 2 * A + 3, -(A + 2)], [0, 0, A, -A]]
    ),
}


@dataclass(frozen=True)
class Taps:
    """For each of P positions of N items, K cells with weights and, per axis, the weights' slopes; all (N, K, P)."""

    cells: Any
    weights: Any
    slopes: list[Any]

    def read(self, op: Any, flat: Any) -> Any:
        """Return the cells' values (N, C, K, P) out of (N, C, cells)."""
        wide = self._wide(op, flat)
        values = op.GatherElements(flat, wide, axis=2)
        shape = op.Shape(self.cells)
        return op.Reshape(values, op.Concat([0, 0], op.Slice(shape, [1], [3]), axis=0))

    def add(self, op: Any, g: Any, flat: Any) -> Any:
        """Return zeros like `flat` with g (N, C, P) added to the cells, by weight."""
        parts = op.Mul(op.Unsqueeze(g, [2]), op.Unsqueeze(self.weights, [1]))
        return op.ScatterElements(
            op.Mul(flat, 0.0), self._wide(op, flat), op.Reshape(parts, [0, 0, -1]), axis=2, reduction="add"
        )

    def _wide(self, op: Any, flat: Any) -> Any:
        cells = op.Unsqueeze(op.Reshape(self.cells, [0, -1]), [1])
        return op.Expand(cells, op.Concat([1], op.Slice(op.Shape(flat), [1], [2]), [1], axis=0))


def taps(
    op: Any, at: list[Any], lengths: list[int], mode: str, padding: str = "zeros", aligned: bool = True
) -> Taps:
    """Return the taps for positions (N, P) per axis, in units of cells."""
    parts = [_axis_taps(op, p, n, mode, padding, aligned) for p, n in zip(at, lengths, strict=True)]
    cells, weights = None, None
    slopes: list[Any] = [None] * len(at)
    for axis, ((cell, weight, slope), n) in enumerate(zip(parts, lengths, strict=True)):
        for j in range(axis):
            slopes[j] = _outer(op, op.Mul, slopes[j], weight)
        slopes[axis] = slope if weights is None else _outer(op, op.Mul, weights, slope)
        cells = cell if cells is None else _outer(op, op.Add, op.Mul(cells, n), cell)
        weights = weight if weights is None else _outer(op, op.Mul, weights, weight)
    return Taps(cells, weights, slopes)


def _outer(op: Any, combine: Any, a: Any, b: Any) -> Any:
    """(N, J, P) and (N, K, P) to (N, J K, P)."""
    both = combine(op.Unsqueeze(a, [2]), op.Unsqueeze(b, [1]))
    shape = op.Shape(both)
    return op.Reshape(both, op.Concat(op.Slice(shape, [0], [1]), [-1], op.Slice(shape, [3], [4]), axis=0))


def _axis_taps(op: Any, p: Any, n: int, mode: str, padding: str, aligned: bool) -> tuple[Any, Any, Any]:
    low, high = (0.0, n - 1.0) if aligned else (-0.5, n - 0.5)
    p = op.Round(p) if mode == "nearest" else p
    p, turn = _padded(op, p, n, low, high, padding)
    below = op.Floor(p)
    rest = op.Unsqueeze(op.Sub(p, below), [1])
    table = POLYNOMIALS[mode]
    powers = [op.Add(op.Mul(rest, 0.0), 1.0)]
    for _ in range(table.shape[1] - 1):
        powers.append(op.Mul(powers[-1], rest))
    column = op.Concat(*powers, axis=1) if len(powers) > 1 else powers[0]
    dtype = p.dtype.numpy()
    falling = np.concatenate([table[:, 1:] * np.arange(1, table.shape[1]), np.zeros((len(table), 1))], axis=1)
    offsets = np.arange(len(table)).astype(dtype).reshape(1, -1, 1) - (1 if mode == "cubic" else 0)
    cell = op.Add(op.Unsqueeze(below, [1]), offsets.astype(dtype))
    cell, inside = _cell(op, cell, n, low, high, padding)
    weight = op.MatMul(table.astype(dtype), column)
    slope = op.Mul(op.MatMul(falling.astype(dtype), column), op.Unsqueeze(turn, [1]))
    if inside is not None:
        weight, slope = op.Mul(weight, inside), op.Mul(slope, inside)
    return op.Cast(cell, to=7), weight, slope


def _padded(op: Any, p: Any, n: int, low: float, high: float, padding: str) -> tuple[Any, Any]:
    """Return the position that a position outside stands for, and how it moves with it: 1, 0 or -1."""
    one = op.Add(op.Mul(p, 0.0), 1.0)
    if padding == "zeros":
        return p, one
    out = op.Or(op.Less(p, low), op.Greater(p, high))
    if padding == "border":
        return op.Where(out, op.Clip(p, 0.0, n - 1.0), p), op.Where(out, op.Mul(p, 0.0), one)
    back, turn = _reflected(op, p, low, high)
    return op.Where(out, back, p), op.Where(out, turn, one)


def _reflected(op: Any, p: Any, low: float, high: float) -> tuple[Any, Any]:
    if high == low:
        return op.Add(op.Mul(p, 0.0), low), op.Mul(p, 0.0)
    away = op.Sub(p, low)
    period = 2 * (high - low)
    phase = op.Abs(away)
    phase = op.Sub(phase, op.Mul(op.Floor(op.Div(phase, period)), period))
    back = op.Add(op.Min(phase, op.Sub(period, phase)), low)
    return back, op.Mul(
        op.Sign(away), op.Where(op.Less(phase, period / 2), op.Add(op.Mul(p, 0.0), 1.0), -1.0)
    )


def _cell(op: Any, cell: Any, n: int, low: float, high: float, padding: str) -> tuple[Any, Any]:
    """Return the cell that is read in place of one outside, and where zeros are read instead."""
    inside = None
    if padding == "zeros":
        good = op.And(op.GreaterOrEqual(cell, 0.0), op.LessOrEqual(cell, n - 1.0))
        inside = op.Cast(good, to=int(cell.dtype))
    elif padding == "reflection":
        out = op.Or(op.Less(cell, low), op.Greater(cell, high))
        cell = op.Where(out, op.Floor(_reflected(op, cell, low, high)[0]), cell)
    return op.Clip(cell, 0.0, n - 1.0), inside


@vjp("GridSample")
def grid_sample(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    grid: Any,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Any:
    """To the image by the weights, to the grid by their slopes; between two cells a nearest sample has none."""
    d = len(dimensions(x) or []) - 2
    lengths = spatial(x, d)
    flat_grid = op.Reshape(grid, op.Concat(op.Slice(op.Shape(grid), [0], [1]), [-1, d], axis=0))
    stretch = [((n - 1) if align_corners else n) / 2 for n in lengths]
    at = []
    for axis, n in enumerate(lengths):
        # the grid names the last axis first
        raw = op.Squeeze(op.Slice(flat_grid, [d - 1 - axis], [d - axis], [2]), [2])
        at.append(op.Add(op.Mul(raw, stretch[axis]), (n - 1) / 2))
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    found = taps(op, at, lengths, mode, padding_mode, bool(align_corners))
    flat, flat_g = op.Reshape(x, [0, 0, -1]), op.Reshape(g, [0, 0, -1])

    def to_grid() -> Any:
        pull = op.ReduceSum(op.Mul(op.Unsqueeze(flat_g, [2]), found.read(op, flat)), [1], keepdims=0)
        parts = [
            op.Unsqueeze(op.Mul(op.ReduceSum(op.Mul(pull, s), [1], keepdims=0), f), [2])
            for s, f in zip(found.slopes, stretch, strict=True)
        ]
        return op.reshape_like(op.Concat(*parts[::-1], axis=2), grid)

    return lambda: op.reshape_like(found.add(op, flat_g, flat), x), to_grid


@vjp("AffineGrid")
def affine_grid(op: Any, g: Any, y: Any, theta: Any, size: Any, *, align_corners: int = 0) -> Any:
    """The grid is linear in theta: the positions before the map, times what arrives."""
    lengths = constant_ints(size)
    if lengths is False:
        raise ValueError(f"the size of the grid of {theta.name!r} must be known")
    steps = [np.linspace(-1, 1, n) if align_corners else (np.arange(n) * 2 + 1) / n - 1 for n in lengths[2:]]
    mesh = np.meshgrid(*steps, indexing="ij")
    points = np.stack([*(m.reshape(-1) for m in mesh[::-1]), np.ones(mesh[0].size)], axis=1).astype(
        g.dtype.numpy()
    )
    flat = op.Reshape(g, [0, -1, len(steps)])
    return op.MatMul(op.Transpose(flat, perm=[0, 2, 1]), points), None
