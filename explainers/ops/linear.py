"""Matrix products."""

from __future__ import annotations

from typing import Any

from ..graph.build import dimensions
from ..graph.table import vjp


@vjp("MatMul")
def mat_mul(op: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    """numpy's matmul: vectors are promoted, leading axes broadcast."""
    rank_a, rank_b = _rank(a), _rank(b)
    matrix_a = op.Unsqueeze(a, [0]) if rank_a == 1 else a
    matrix_b = op.Unsqueeze(b, [1]) if rank_b == 1 else b
    lead = _lead(y, rank_a, rank_b)
    if rank_b == 1:
        g = op.Unsqueeze(g, [-1])
    if rank_a == 1:
        g = op.Unsqueeze(g, [-2])

    def to_a() -> Any:
        ga = op.MatMul(g, _swap(op, matrix_b, max(rank_b, 2)))
        return _sum_to(op, ga, lead, a, 1 if rank_a == 1 else 2, promoted=-2 if rank_a == 1 else None)

    def to_b() -> Any:
        gb = op.MatMul(_swap(op, matrix_a, max(rank_a, 2)), g)
        return _sum_to(op, gb, lead, b, 1 if rank_b == 1 else 2, promoted=-1 if rank_b == 1 else None)

    return to_a, to_b


def _rank(x: Any) -> int:
    dims = dimensions(x)
    if dims is None:
        raise ValueError(f"the rank of {x.name!r} must be known")
    return len(dims)


def _lead(y: Any, rank_a: int, rank_b: int) -> list[Any]:
    dims = dimensions(y) or []
    return dims[: len(dims) - (rank_a > 1) - (rank_b > 1)]


def _swap(op: Any, x: Any, rank: int) -> Any:
    return op.Transpose(x, perm=[*range(rank - 2), rank - 1, rank - 2])


def _sum_to(op: Any, g: Any, lead: list[Any], x: Any, own: int, promoted: int | None) -> Any:
    if promoted is not None:
        g = op.Squeeze(g, [promoted])
    own_axes = (dimensions(x) or [])[-own:]
    return op.reduce_to(g, [*lead, *own_axes], x)


@vjp("Gemm")
def gemm(
    op: Any,
    g: Any,
    y: Any,
    a: Any,
    b: Any,
    c: Any = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Any:
    """y = alpha A' B' + beta C, where ' transposes on demand."""

    def to_a() -> Any:
        if transA:
            return op.Gemm(b, g, alpha=alpha, transA=transB, transB=1)
        return op.Gemm(g, b, alpha=alpha, transB=1 - transB)

    def to_b() -> Any:
        if transB:
            return op.Gemm(g, a, alpha=alpha, transA=1, transB=transA)
        return op.Gemm(a, g, alpha=alpha, transA=1 - transA)

    def to_c() -> Any:
        scaled = g if beta == 1.0 else op.Mul(g, beta)
        return op.reduce_to(scaled, dimensions(y), c) if c is not None else None

    return to_a, to_b, to_c
