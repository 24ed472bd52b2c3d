"""The attention operators of ONNX Runtime's own domain, as products, masks and a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..build import dimensions
from .contrib import MS
from .expand import expansion


@expansion(MS + "Attention")
def attention(
    op: Any,
    x: Any,
    w: Any,
    b: Any = None,
    mask: Any = None,
    past: Any = None,
    added: Any = None,
    past_length: Any = None,
    *,
    num_heads: int,
    qkv_hidden_sizes: Any = None,
    scale: float = 0.0,
    unidirectional: int = 0,
    mask_filter_value: float = -10000.0,
    do_rotary: int = 0,
    **_: Any,
) -> Any:
    """One product gives queries, keys and values; heads attend; the second output is past and new keys and values."""
    width = (dimensions(w) or [None, None])[1]
    if do_rotary or past_length is not None or not isinstance(width, int):
        return None
    projected = op.MatMul(x, w) if b is None else op.Add(op.MatMul(x, w), b)
    sizes = list(qkv_hidden_sizes or [width // 3] * 3)
    q, k, v = (_heads(op, part, num_heads) for part in op.Split(projected, sizes, axis=2, outputs=3))
    if past is not None:
        k, v = (op.Concat(op.Gather(past, np.array(i), axis=0), new, axis=2) for i, new in ((0, k), (1, v)))
    bias = _mask_bias(op, mask, k, mask_filter_value, q.dtype)
    y = _attend(op, q, k, v, [bias, added], scale, sizes[0] // num_heads, causal=bool(unidirectional))
    return y, op.Concat(op.Unsqueeze(k, [0]), op.Unsqueeze(v, [0]), axis=0)


@expansion(MS + "MultiHeadAttention")
def multi_head_attention(
    op: Any,
    q: Any,
    k: Any = None,
    v: Any = None,
    b: Any = None,
    mask: Any = None,
    added: Any = None,
    past_k: Any = None,
    past_v: Any = None,
    past_length: Any = None,
    indirection: Any = None,
    *,
    num_heads: int,
    scale: float = 0.0,
    unidirectional: int = 0,
    mask_filter_value: float = -10000.0,
) -> Any:
    """Attention whose projections were made before; keys and values may already stand by head."""
    width = (dimensions(q) or [None])[-1]
    if (
        k is None
        or v is None
        or past_length is not None
        or indirection is not None
        or not isinstance(width, int)
    ):
        return None
    begins = np.cumsum([0, width, width])
    q, k, v = (
        _projected(op, x, b, int(begin), num_heads) for x, begin in zip((q, k, v), begins, strict=True)
    )
    if past_k is not None:
        k, v = op.Concat(past_k, k, axis=2), op.Concat(past_v, v, axis=2)
    bias = _mask_bias(op, mask, k, mask_filter_value, q.dtype)
    return _attend(op, q, k, v, [bias, added], scale, width // num_heads, causal=bool(unidirectional)), k, v


def _projected(op: Any, x: Any, b: Any, begin: int, heads: int) -> Any:
    """Return queries, keys or values by head, their part of the bias added; what stands by head already has it."""
    dims = dimensions(x) or []
    if len(dims) == 4:
        return x
    if b is not None:
        x = op.Add(x, op.Slice(b, [begin], [begin + int(dims[-1] or 0)], [0]))
    return _heads(op, x, heads)


def _heads(op: Any, x: Any, heads: int) -> Any:
    """(N, L, heads x H) -> (N, heads, L, H)"""
    return op.Transpose(op.Reshape(x, [0, 0, heads, -1]), perm=[0, 2, 1, 3])


def _attend(
    op: Any, q: Any, k: Any, v: Any, biases: list[Any], scale: float, size: int, *, causal: bool
) -> Any:
    scores = op.Mul(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), scale or size**-0.5)
    for bias in biases:
        scores = scores if bias is None else op.Add(scores, bias)
    if causal:
        scores = op.Where(_future(op, q, k), np.array(np.finfo(np.float32).min, q.dtype.numpy()), scores)
    mixed = op.MatMul(op.Softmax(scores, axis=-1), v)
    return op.Reshape(op.Transpose(mixed, perm=[0, 2, 1, 3]), [0, 0, -1])


def _length(op: Any, x: Any) -> Any:
    return op.Squeeze(op.Slice(op.Shape(x), [2], [3]), [0])


def _count(op: Any, n: Any) -> Any:
    return op.Range(np.array(0, np.int64), n, np.array(1, np.int64))


def _future(op: Any, q: Any, k: Any) -> Any:
    """Say which keys lie behind each query, the queries being the last of the keys' positions."""
    length, total = _length(op, q), _length(op, k)
    at = op.Add(_count(op, length), op.Sub(total, length))
    return op.Greater(op.Unsqueeze(_count(op, total), [0]), op.Unsqueeze(at, [1]))


def _mask_bias(op: Any, mask: Any, k: Any, value: float, dtype: Any) -> Any:
    """Return what a mask adds to the scores, (N, 1, 1 or L, T); a vector counts the keys that are there."""
    if mask is None:
        return None
    rank = len(dimensions(mask) or [])
    if rank == 1:
        there = op.Less(op.Unsqueeze(_count(op, _length(op, k)), [0]), op.Unsqueeze(op.Cast(mask, to=7), [1]))
    else:
        there = op.Greater(mask, np.array(0, mask.dtype.numpy()))
    bias = op.Where(there, np.zeros((), dtype.numpy()), np.array(value, dtype.numpy()))
    return op.Unsqueeze(bias, {1: [1, 2], 2: [1, 2], 3: [1]}[rank]) if rank < 4 else bias


@expansion(MS + "RotaryEmbedding")
def rotary_embedding(
    op: Any,
    x: Any,
    positions: Any,
    cos: Any,
    sin: Any,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
    is_packed_batching: int = 0,
) -> Any:
    """Turn pairs of features by an angle that grows with the position."""
    rank, half = len(dimensions(x) or []), (dimensions(cos) or [None, None])[1]
    if rank not in (3, 4) or not isinstance(half, int) or is_packed_batching or scale != 1.0:
        return None
    size = 2 * half
    by_head = x
    if rank == 3:
        by_head = (
            _heads(op, x, num_heads)
            if rotary_embedding_dim and num_heads
            else op.Transpose(op.Reshape(x, [0, 0, -1, size]), perm=[0, 2, 1, 3])
        )
    turned, rest = by_head, None
    if rotary_embedding_dim:
        limit = np.iinfo(np.int64).max
        turned, rest = op.Slice(by_head, [0], [size], [3]), op.Slice(by_head, [size], [limit], [3])
    if (dimensions(positions) or [None]) == [1]:
        positions = op.Unsqueeze(op.Add(_count(op, _length(op, by_head)), positions), [0])
    c, s = (op.Unsqueeze(op.Gather(table, positions, axis=0), [1]) for table in (cos, sin))
    y = _turned(op, turned, c, s, half, interleaved)
    y = y if rest is None else op.Concat(y, rest, axis=3)
    return y if rank == 4 else op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])


def _turned(op: Any, x: Any, c: Any, s: Any, half: int, interleaved: int) -> Any:
    if interleaved:
        pairs = op.Reshape(x, [0, 0, 0, half, 2])
        a, b = (op.Squeeze(p, [4]) for p in op.Split(pairs, axis=4, num_outputs=2, outputs=2))
    else:
        a, b = op.Split(x, axis=3, num_outputs=2, outputs=2)
    parts = op.Sub(op.Mul(a, c), op.Mul(b, s)), op.Add(op.Mul(a, s), op.Mul(b, c))
    if not interleaved:
        return op.Concat(*parts, axis=3)
    return op.Reshape(op.Concat(*(op.Unsqueeze(p, [4]) for p in parts), axis=4), [0, 0, 0, 2 * half])
