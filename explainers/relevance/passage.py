"""How relevance passes each family but the linear one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
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
    rs: Sequence[Any]
    """The relevance of each output, None where there is none."""
    attributes: dict[str, Any]
    recipients: Sequence[int]
    stabilizer: Stabilizer
    signs: Signs
    lose: Lose
    rectified: ir.Value | None = None

    @property
    def r(self) -> Any:
        """The relevance of the first output."""
        return self.rs[0]

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
        """Return the operator's own VJP of g, one value or thunk per input; g may be of all outputs."""
        how = VJPS[key(self.node)]
        gs = g if isinstance(g, tuple) else (g, *[None] * (len(self.node.outputs) - 1))
        g, y = (gs, tuple(self.node.outputs)) if how.outputs == "all" else (gs[0], self.y)
        found = how.rule(self.op, g, y, *self.node.inputs, **self.attributes)
        return (
            list(found) if isinstance(found, tuple | list) else [found, *[None] * (len(self.node.inputs) - 1)]
        )

    def over_output(self) -> Any:
        """Return r / stab(y), and write down what the stabiliser takes."""
        z, sign = (self.rectified, 1) if self.rectified is not None else (self.y, self.signs(self.y))
        s = self.stabilizer.divide(self.op, self.r, z, self.rank, sign)
        self.lose("empty", lambda: self.op.Mul(self.r, is_zero(self.op, z)))
        if self.stabilizer.epsilon:
            self.lose("stabilizer", lambda: self._gap(s, z, sign))
        return s

    def _gap(self, s: Any, z: Any, sign: int) -> Any:
        """Return what the stabiliser takes where there is something to share."""
        gap = self.op.Sub(self.stabilizer(self.op, z, self.rank, sign), z)
        return self.op.Mul(self.op.Mul(s, gap), self.op.Sub(1.0, is_zero(self.op, z)))

    def give(self, of: Callable[[int], Any]) -> list[Any]:
        """Return one result per input: `of(i)` for those who receive."""
        return [of(i) if i in self.recipients else None for i in range(len(self.node.inputs))]

    def others(self) -> list[int]:
        """Return the real inputs that carry no signal."""
        values = enumerate(self.node.inputs)
        return [i for i, v in values if v is not None and i not in self.recipients and is_float(v)]


def is_zero(op: Any, z: Any) -> Any:
    """Return 1 where z is exactly 0, else 0."""
    return op.CastLike(op.Equal(z, 0.0), z)


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
    received = p.vjp(tuple(p.rs))
    for i in p.others():
        if received[i] is not None:
            p.lose("constant", lambda i=i: force(received[i]))  # type: ignore[misc]
    if p.node.op_type == "Pad" and p.attributes.get("mode", "constant") == "constant":
        p.lose("constant", lambda: _on_padding(p))
    return p.give(lambda i: received[i])


def _on_padding(p: Passage) -> Any:
    """Return the relevance that arrived at the padding."""
    inside = p.op.Pad(p.op.ones_like(p.x), p.node.inputs[1], None, *p.node.inputs[3:])
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


def through_quantiser(p: Passage) -> list[Any]:
    """The same where the value is representable, nothing where it was clipped."""
    if p.node.op_type == "DequantizeLinear":
        return p.give(lambda i: p.r)
    inside = p.op.Sign(force(p.vjp(p.op.ones_like(p.x))[0]))
    p.lose("quantiser", lambda: p.op.Mul(p.r, p.op.Sub(1.0, inside)))
    return p.give(lambda i: p.op.Mul(p.r, inside))


def stop(p: Passage) -> list[Any]:
    """Nothing goes on."""
    for r in p.rs:
        if r is not None:
            p.lose("block", lambda r=r: r)  # type: ignore[misc]
    return [None] * len(p.node.inputs)
