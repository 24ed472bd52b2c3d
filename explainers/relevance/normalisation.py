"""How relevance passes normalisations: their deviation is held fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .passage import Passage, pass_on


def through_normalisation(p: Passage) -> list[Any]:
    """The deviation is held fixed; what is left is linear in x, and its bias absorbs its part."""
    return NORMS[p.node.op_type](p)


def _batch(p: Passage) -> list[Any]:
    op, (x, scale, bias, mean, var) = p.op, p.node.inputs[:5]
    wide = [1, -1, *[1] * (p.rank - 2)]
    factor = op.Div(scale, op.Sqrt(op.Add(var, p.attributes.get("epsilon", 1e-5))))
    s = p.over_output()
    p.lose("bias", lambda: op.Mul(s, op.Reshape(op.Sub(bias, op.Mul(mean, factor)), wide)))
    return p.give(lambda i: op.Mul(x, op.Mul(s, op.Reshape(factor, wide))))


def _layer(p: Passage) -> list[Any]:
    over = list(range(p.attributes.get("axis", -1) % p.rank, p.rank))
    bias = p.node.inputs[2] if len(p.node.inputs) > 2 else None
    return _centred(p, p.x, over, lambda v: v, p.node.inputs[1], bias)


def _instance(p: Passage) -> list[Any]:
    scale, bias = (p.op.Reshape(v, [1, -1, *[1] * (p.rank - 2)]) for v in p.node.inputs[1:3])
    return _centred(p, p.x, list(range(2, p.rank)), lambda v: v, scale, bias)


def _group(p: Passage) -> list[Any]:
    scale, bias = (p.op.Reshape(v, [1, -1, *[1] * (p.rank - 2)]) for v in p.node.inputs[1:3])
    groups = p.attributes["num_groups"]
    return _centred(p, p.x, [2], lambda v: p.op.Reshape(v, [0, groups, -1]), scale, bias)


def _centred(
    p: Passage, x: Any, over: list[int], fold: Callable[[Any], Any], scale: Any, bias: Any
) -> list[Any]:
    """y = scale (x - mean) / deviation + bias, over the axes of `fold`ed tensors."""
    op, folded = p.op, fold(x)
    centre = op.Sub(folded, op.ReduceMean(folded, over, keepdims=1))
    deviation = op.Sqrt(
        op.Add(op.ReduceMean(op.Mul(centre, centre), over, keepdims=1), p.attributes.get("epsilon", 1e-5))
    )
    s = p.over_output()
    if bias is not None:
        p.lose("bias", lambda: op.Mul(s, bias))
    t = op.Div(fold(op.Mul(s, scale)), deviation)
    received = op.Mul(folded, op.Sub(t, op.ReduceMean(t, over, keepdims=1)))
    return p.give(lambda i: received if fold(x) is x else op.reshape_like(received, x))


NORMS: dict[str, Callable[[Passage], list[Any]]] = {
    "BatchNormalization": _batch,
    "LayerNormalization": _layer,
    "InstanceNormalization": _instance,
    "GroupNormalization": _group,
    "Normalizer": pass_on,
    "RMSNormalization": pass_on,
    "LpNormalization": pass_on,
    "LRN": pass_on,
}
