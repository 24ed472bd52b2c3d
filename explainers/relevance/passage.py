"""How relevance passes each family but the linear one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
from ..graph.constant import constant_value
from ..graph.paths import is_float
from ..graph.table import VJPS, key
from .ledger import Lose
from .signs import Signs
from .stabilizer import Stabilizer


@dataclass
class Passage:
    """One node on the way back: what arrives, who receives, and where losses are written down."""

    op: Any
    node: ir.Node
    r: Any
    """The relevance of the output; a tuple where the VJP takes all outputs."""
    attributes: dict[str, Any]
    recipients: Sequence[int]
    stabilizer: Stabilizer
    signs: Signs
    lose: Lose
    rectified: ir.Value | None = None
    _shares: list[Any] = field(default_factory=list)

    @property
    def y(self) -> ir.Value:
        """The first output."""
        return self.node.outputs[0]

    @property
    def rank(self) -> int:
        """The number of the output's axes."""
        return len(dimensions(self.y) or [])

    @property
    def x(self) -> ir.Value:
        """The first input."""
        x = self.node.inputs[0]
        assert x is not None
        return x

    def vjp(self, g: Any) -> list[Any]:
        """Return the operator's own VJP of g, one value or thunk per input."""
        how = VJPS[key(self.node)]
        y: Any = tuple(self.node.outputs) if how.outputs == "all" else self.y
        found = how.rule(self.op, g, y, *self.node.inputs, **self.attributes)
        return list(found) if isinstance(found, tuple | list) else [found, *[None] * (len(self.node.inputs) - 1)]

    def over_output(self) -> Any:
        """Return r / stab(y), and write down what the stabiliser takes."""
        z, sign = (self.rectified, 1) if self.rectified is not None else (self.y, self.signs(self.y))
        s = self.stabilizer.divide(self.op, self.r, z, self.rank, sign)
        hole = lambda: self.op.Cast(self.op.Equal(z, 0.0), to=int(z.dtype))  # noqa: E731 - a thunk used thrice
        self.lose("empty", lambda: self.op.Mul(self.r, hole()))
        if self.stabilizer.epsilon:
            gap = lambda: self.op.Sub(self.stabilizer(self.op, z, self.rank, sign), z)  # noqa: E731 - as above
            self.lose("stabilizer", lambda: self.op.Mul(self.op.Mul(s, gap()), self.op.Sub(1.0, hole())))
        return s

    def give(self, of: Callable[[int], Any]) -> list[Any]:
        """Return one result per input: `of(i)` for those who receive."""
        return [of(i) if i in self.recipients else None for i in range(len(self.node.inputs))]

    def others(self) -> list[int]:
        """Return the real inputs that carry no signal."""
        values = enumerate(self.node.inputs)
        return [i for i, v in values if v is not None and i not in self.recipients and is_float(v)]


def force(v: Any) -> Any:
    """Return a value or what its thunk gives."""
    return v() if callable(v) else v


def pass_on(p: Passage) -> list[Any]:
    """The same to the signal: R_in = R_out."""
    return p.give(lambda i: p.r)


def share_evenly(p: Passage) -> list[Any]:
    """The same part to each who receives (uniform rule)."""
    part = p.r if len(p.recipients) < 2 else p.op.Mul(p.r, 1 / len(p.recipients))
    return p.give(lambda i: part)


def by_contribution(p: Passage) -> list[Any]:
    """Each summand in proportion (norm: ε without parameters); constant summands absorb their part."""
    received = p.vjp(p.over_output())
    for i in p.others():
        if received[i] is not None:
            p.lose("constant", lambda i=i: p.op.Mul(p.node.inputs[i], force(received[i])))  # type: ignore[misc]
    return p.give(lambda i: p.op.Mul(p.node.inputs[i], force(received[i])))


def by_product(p: Passage) -> list[Any]:
    """A product of signals: ε on the product, an equal part to each who receives (AttnLRP, Prop. 3.3)."""
    s = p.over_output()
    part = s if len(p.recipients) < 2 else p.op.Mul(s, 1 / len(p.recipients))
    received = p.vjp(part)
    return p.give(lambda i: p.op.Mul(p.node.inputs[i], force(received[i])))


def as_moved(p: Passage) -> list[Any]:
    """Relevance goes where values came from: the VJP on R."""
    received = p.vjp(p.r)
    for i in p.others():
        if received[i] is not None:
            p.lose("constant", lambda i=i: force(received[i]))  # type: ignore[misc]
    if p.node.op_type == "Pad" and p.attributes.get("mode", "constant") == "constant":
        p.lose("constant", lambda: _on_padding(p))
    return p.give(lambda i: received[i])


def _on_padding(p: Passage) -> Any:
    """Return the relevance that arrived at the padding."""
    inside = p.op.Pad(p.op.expand_like(p.op.constant(np.ones(1, (p.x.dtype or ir.DataType.FLOAT).numpy())), p.x),
                      p.node.inputs[1], None, *p.node.inputs[3:])
    return p.op.Mul(p.r, p.op.Sub(1.0, inside))


def through_softmax(p: Passage) -> list[Any]:
    """x ⊙ (R - s ΣR) (AttnLRP, Prop. 3.1); of a logarithm the same with R over its value."""
    op, axis = p.op, p.attributes.get("axis", -1)
    if not p.recipients:
        p.lose("softmax", lambda: p.r)
        return [None]
    # a masked score of minus infinity has weight 0 and receives 0
    finite = op.Max(p.x, float(np.finfo((p.x.dtype or ir.DataType.FLOAT).numpy()).min))
    log = p.node.op_type == "LogSoftmax"
    r, weights = (p.over_output(), op.Exp(p.y)) if log else (p.r, p.y)
    total = op.ReduceSum(r, [axis], keepdims=1)
    received = op.Mul(finite, op.Sub(r, op.Mul(weights, total)))
    p.lose("softmax", lambda: op.Mul(r, op.Sub(p.y if log else 1.0, finite)))
    p.lose("softmax", lambda: op.Mul(op.Mul(finite, weights), total))
    return [received]


def through_normalisation(p: Passage) -> list[Any]:
    """The deviation is held fixed; what is left is linear in x, and its bias absorbs its part."""
    return _NORMS[p.node.op_type](p)


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


def _centred(p: Passage, x: Any, over: list[int], fold: Callable[[Any], Any], scale: Any, bias: Any) -> list[Any]:
    """y = scale (x - mean) / deviation + bias, over the axes of `fold`ed tensors."""
    op, folded = p.op, fold(x)
    centre = op.Sub(folded, op.ReduceMean(folded, over, keepdims=1))
    deviation = op.Sqrt(op.Add(op.ReduceMean(op.Mul(centre, centre), over, keepdims=1), p.attributes.get("epsilon", 1e-5)))
    s = p.over_output()
    if bias is not None:
        p.lose("bias", lambda: op.Mul(s, bias))
    t = op.Div(fold(op.Mul(s, scale)), deviation)
    received = op.Mul(folded, op.Sub(t, op.ReduceMean(t, over, keepdims=1)))
    return p.give(lambda i: received if fold(x) is x else op.reshape_like(received, x))


_NORMS: dict[str, Callable[[Passage], list[Any]]] = {
    "BatchNormalization": _batch, "LayerNormalization": _layer, "InstanceNormalization": _instance, "GroupNormalization": _group,
    "RMSNormalization": pass_on, "LpNormalization": pass_on, "LRN": pass_on,
}


def through_quantiser(p: Passage) -> list[Any]:
    """The same where the value is representable, nothing where it was clipped."""
    if p.node.op_type == "DequantizeLinear":
        return p.give(lambda i: p.r)
    one = p.op.expand_like(p.op.constant(np.ones(1, (p.x.dtype or ir.DataType.FLOAT).numpy())), p.x)
    inside = p.op.Sign(force(p.vjp(one)[0]))
    p.lose("quantiser", lambda: p.op.Mul(p.r, p.op.Sub(1.0, inside)))
    return p.give(lambda i: p.op.Mul(p.r, inside))


def stop(p: Passage) -> list[Any]:
    """Nothing goes on."""
    p.lose("block", lambda: p.r)
    return [None] * len(p.node.inputs)


PASSAGES: dict[str, Callable[[Passage], list[Any]]] = {
    "bilinear": by_product, "gate": share_evenly, "scaling": pass_on, "activation": pass_on, "sum": by_contribution,
    "average": by_contribution, "winner": as_moved, "movement": as_moved, "normalisation": through_normalisation,
    "softmax": through_softmax, "quantiser": through_quantiser,
}
OVERRIDES: dict[str, Callable[[Passage], list[Any]]] = {
    "pass": pass_on, "norm": by_contribution, "uniform": share_evenly, "zero": stop,
}
"""Rules by name that a list of matches may give to a node of any family."""
_NEEDS_VJP = frozenset({"linear", "bilinear", "sum", "average", "winner", "movement"})


def lacks_vjp(node: ir.Node, family: str) -> bool:
    """Say whether a family's rule would ask for a VJP that there is not."""
    if family == "normalisation":
        return node.op_type not in _NORMS
    return (family in _NEEDS_VJP or node.op_type == "QuantizeLinear") and key(node) not in VJPS


def vanishes_with(node: ir.Node, family: str) -> bool | None:
    """Say whether what the input receives is 0 where the input is 0: always, never, or (None) if it is so for the output."""
    if family in ("bilinear", "sum", "average", "softmax"):
        return True
    if family == "normalisation":
        return True if _NORMS.get(node.op_type) is not pass_on else None
    if family == "quantiser" or (family == "activation" and not _zero_at_zero(node)):
        return False
    return None


_ZERO_AT_ZERO = frozenset({
    "Relu", "LeakyRelu", "PRelu", "Elu", "Celu", "Selu", "Gelu", "HardSwish", "Mish", "Swish", "Tanh", "Softsign", "Erf", "Sqrt",
    "Abs", "Sin", "Tan", "Asin", "Atan", "Sinh", "Asinh", "Atanh", "ThresholdedRelu",
})


def _zero_at_zero(node: ir.Node) -> bool:
    if node.op_type == "Clip":
        bounds = [constant_value(v) for v in node.inputs[1:3]]
        return bool(bounds) and bounds[0] is not None and float(bounds[0]) <= 0
    return node.op_type in _ZERO_AT_ZERO
