"""What exporters and ONNX Runtime's optimiser fuse, as standard operators: activations, products, normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..build import dimensions
from .expand import expansion

MS = "com.microsoft::"

expansion(MS + "Gelu")(lambda op, x: op.Gelu(x))
expansion(MS + "BiasGelu")(lambda op, x, bias: op.Gelu(op.Add(x, bias)))
expansion(MS + "FastGelu")(
    lambda op, x, bias=None: op.Gelu(x if bias is None else op.Add(x, bias), approximate="tanh")
)
expansion(MS + "QuickGelu")(lambda op, x, *, alpha=1.702: op.Mul(x, op.Sigmoid(op.Mul(x, alpha))))

# ---- products with something behind --------------------------------------------------------------------------------

_ACTIVATIONS: dict[str, Any] = {
    "": lambda op, x, *_: x,
    "Relu": lambda op, x, *_: op.Relu(x),
    "Tanh": lambda op, x, *_: op.Tanh(x),
    "Sigmoid": lambda op, x, *_: op.Sigmoid(x),
    "LeakyRelu": lambda op, x, alpha=0.01, *_: op.LeakyRelu(x, alpha=alpha),
    "HardSigmoid": lambda op, x, alpha=0.2, beta=0.5, *_: op.HardSigmoid(x, alpha=alpha, beta=beta),
    "Clip": lambda op, x, low, high, *_: op.Clip(x, low, high),
    "Elu": lambda op, x, alpha=1.0, *_: op.Elu(x, alpha=alpha),
    "Selu": lambda op, x, *_: op.Selu(x),
    "Softplus": lambda op, x, *_: op.Softplus(x),
    "Softsign": lambda op, x, *_: op.Softsign(x),
    "ThresholdedRelu": lambda op, x, alpha=1.0, *_: op.ThresholdedRelu(x, alpha=alpha),
    "HardSwish": lambda op, x, *_: op.HardSwish(x),
    "Gelu": lambda op, x, *_: op.Gelu(x),
}


@expansion(MS + "FusedConv")
def fused_conv(
    op: Any,
    x: Any,
    w: Any,
    b: Any = None,
    z: Any = None,
    *,
    activation: str = "",
    activation_params: Any = (),
    **conv: Any,
) -> Any:
    """Convolution, then the sum with z, then the activation."""
    y = op.Conv(x, w, b, **conv) if b is not None else op.Conv(x, w, **conv)
    return _ACTIVATIONS[activation](op, y if z is None else op.Add(y, z), *activation_params)


@expansion(MS + "FusedGemm")
def fused_gemm(
    op: Any,
    a: Any,
    b: Any,
    c: Any = None,
    *,
    activation: str = "",
    activation_alpha: Any = None,
    activation_beta: Any = None,
    activation_gamma: Any = None,
    **gemm: Any,
) -> Any:
    """Gemm and its activation."""
    y = op.Gemm(a, b, c, **gemm) if c is not None else op.Gemm(a, b, **gemm)
    given = [v for v in (activation_alpha, activation_beta) if v is not None]
    return _ACTIVATIONS[activation](op, y, *given)


@expansion(MS + "FusedMatMul", MS + "TransposeMatMul")
def fused_mat_mul(
    op: Any,
    a: Any,
    b: Any,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> Any:
    """alpha A' B', where ' exchanges the last axes, or moves the second axis behind the batch's."""
    ranks = [dimensions(a), dimensions(b)]
    if None in ranks:
        return None
    a = _turn(op, a, len(ranks[0] or []), transA, transBatchA)
    b = _turn(op, b, len(ranks[1] or []), transB, transBatchB)
    y = op.MatMul(a, b)
    return y if alpha == 1.0 else op.Mul(y, alpha)


def _turn(op: Any, x: Any, rank: int, matrix: int, batch: int) -> Any:
    perm = list(range(rank))
    if batch and rank > 2:
        perm = [*perm[1:-1], perm[0], perm[-1]]
    if matrix and rank > 1:
        perm[-1], perm[-2] = perm[-2], perm[-1]
    return x if perm == list(range(rank)) else op.Transpose(x, perm=perm)


# ---- normalisations ------------------------------------------------------------------------------------------------


@expansion(MS + "SkipLayerNormalization")
def skip_layer_normalization(
    op: Any, x: Any, skip: Any, gamma: Any, beta: Any = None, bias: Any = None, *, epsilon: float = 1e-12
) -> Any:
    """LayerNormalization of a sum; the sum is the fourth output."""
    total = _sum(op, x, skip, bias)
    rest = [beta] if beta is not None else []
    return op.LayerNormalization(total, gamma, *rest, axis=-1, epsilon=epsilon), None, None, total


@expansion(MS + "SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(
    op: Any, x: Any, skip: Any, gamma: Any, bias: Any = None, *, epsilon: float = 1e-5
) -> Any:
    """RMSNormalization of a sum; the sum is the fourth output."""
    total = _sum(op, x, skip, bias)
    return op.RMSNormalization(total, gamma, axis=-1, epsilon=epsilon), None, None, total


def _sum(op: Any, x: Any, skip: Any, bias: Any) -> Any:
    total = op.Add(x, skip)
    return total if bias is None else op.Add(total, bias)


@expansion(MS + "SimplifiedLayerNormalization")
def simplified_layer_normalization(
    op: Any, x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """The runtime's older name of RMSNormalization."""
    del stash_type
    return op.RMSNormalization(x, scale, axis=axis, epsilon=epsilon)


@expansion(MS + "LayerNormalization")
def layer_normalization(
    op: Any,
    x: Any,
    scale: Any,
    bias: Any = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:
    """The runtime's operator of the time before the standard had it."""
    del stash_type
    return op.LayerNormalization(x, scale, *([bias] if bias is not None else []), axis=axis, epsilon=epsilon)


@expansion(MS + "EmbedLayerNormalization")
def embed_layer_normalization(
    op: Any,
    ids: Any,
    segments: Any,
    words: Any,
    places: Any,
    kinds: Any = None,
    gamma: Any = None,
    beta: Any = None,
    mask: Any = None,
    positions: Any = None,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 1,
) -> Any:
    """The sum of three embeddings, normalised; the third output is the sum, the second counts the mask."""
    if positions is None:
        length = op.Squeeze(op.Slice(op.shape(ids), [1], [2]), [0])
        positions = op.Range(np.array(0, np.int64), length, np.array(1, np.int64))
    total = op.Add(op.Gather(words, ids, axis=0), op.Gather(places, positions, axis=0))
    if segments is not None and kinds is not None:
        total = op.Add(total, op.Gather(kinds, segments, axis=0))
    y = op.LayerNormalization(total, gamma, beta, axis=-1, epsilon=epsilon)
    counted = op.ReduceSum(mask if mask is not None else op.Mul(ids, 0), [1], keepdims=0)
    return y, counted if mask_index_type == 1 else mask, total
