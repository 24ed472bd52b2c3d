"""Emit a rule at a linear operator: the branches forward, the relevance over their sum, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
from .linear import Linear, take
from .passage import is_zero
from .rule import ONE, SAME, Branch, Group, Part
from .rules import Applied
from .signs import Signs


@dataclass
class Site:
    """Where a rule is applied: the operator, what is known of it, and where its losses are written down."""

    op: Any
    linear: Linear
    applied: Applied
    signs: Signs
    rectified: ir.Value | None
    """The Relu of z, where nothing else hands relevance to z and what it hands is 0 wherever it is 0 itself."""
    lose: Any
    """`lose(kind, thunk)` writes down relevance that does not go on."""
    bounds: tuple[Any, Any] | None = None
    """Least and greatest values of x, with one item."""


def propagate(site: Site, r: Any) -> Any:
    """Return what the input receives of the relevance r of z."""
    parts = [p for g in site.applied.rule.groups if (p := _group(site, g, r)) is not None]
    total = parts[0] if parts else site.op.zeros_like(site.linear.x)
    for part in parts[1:]:
        total = site.op.Add(total, part)
    return total


def _group(site: Site, group: Group, r: Any) -> Any:
    op = site.op
    r = _chosen(site, group, r)
    if r is None:
        return None
    r = r if group.share == 1.0 else op.Mul(r, group.share)
    live = [b for b in group.branches if not _dead(site, b)]
    if not live:
        # the input has no part on which any branch could stand: only the bias speaks
        live = list(group.branches[:1])
    z, stabilised, sign = _denominator(site, group, live)
    rank = len(dimensions(site.linear.z) or [])
    stabilizer = site.applied.stabilizer
    s = op.Div(r, z) if stabilised else stabilizer.divide(op, r, z, rank, sign)
    _write_losses(site, group, r, s, z, (stabilised, sign, rank))
    received = [_receive(site, b, s) for b in live]
    total = received[0]
    for part in received[1:]:
        total = op.Add(total, part)
    return total


def _chosen(site: Site, group: Group, r: Any) -> Any:
    """Return the relevance of the outputs whose z has the group's sign; None where there are none."""
    if group.where == "everywhere":
        return r
    op, z = site.op, site.linear.z
    if site.rectified is not None:
        return r if group.where == "above" else None
    mask = op.Greater(z, 0.0) if group.where == "above" else op.Less(z, 0.0)
    if group.where == "above":
        # nothing is propagated where z is exactly 0
        site.lose("empty", lambda: op.Mul(r, is_zero(op, z)))
    return op.Mul(r, op.CastLike(mask, z))


def _dead(site: Site, branch: Branch) -> bool:
    """Say whether a branch's part of the input is provably 0."""
    if not isinstance(branch.x, Part) or branch.x.same or branch.x.one or branch.x.square:
        return False
    sign = site.signs(site.linear.x)
    return (sign > 0 and not branch.x.positive) or (sign < 0 and not branch.x.negative)


def _denominator(site: Site, group: Group, live: list[Branch]) -> tuple[Any, bool, int]:
    """Return the branches' sum, whether it already holds the stabiliser, and its sign where that is known."""
    op, linear = site.op, site.linear
    sign = _sign(site, group, live)
    stabilizer = site.applied.stabilizer
    fold = stabilizer.epsilon if sign > 0 and stabilizer.plain else 0.0
    if len(live) == 1 and _is_z(live[0], linear):
        if site.rectified is not None:
            return site.rectified, False, 1
        return linear.z, False, site.signs(linear.z)
    biases = [b for b in group.branches if linear.adds(b.b)]
    total = None
    for branch in live:
        bias, plus = branch.b, fold if total is None else 0.0
        if branch is live[0] and not linear.adds(bias) and biases and biases[0] not in live:
            bias = biases[0].b
        part = (
            linear.z
            if _is_z(branch, linear)
            else linear.forward(op, _source(site, branch), branch.w, bias, plus)
        )
        if total is None:
            total = part if branch.sign > 0 else op.Neg(part)
        else:
            total = op.Add(total, part) if branch.sign > 0 else op.Sub(total, part)
    dropped = linear.bias is not None and not biases
    if group.where == "everywhere" or dropped:
        return total, bool(fold), sign
    # where r is not 0, z and with it the sum has the group's sign; elsewhere any denominator but 0 will do
    return (
        (op.Relu(total), False, 1) if group.where == "above" else (op.Neg(op.Relu(op.Neg(total))), False, -1)
    )


def _is_z(branch: Branch, linear: Linear) -> bool:
    return branch.x == SAME and linear.is_z(branch.w, branch.b) and branch.sign > 0


def _sign(site: Site, group: Group, live: list[Branch]) -> int:
    signs = set()
    for b in live:
        of_x = b.x.sign if isinstance(b.x, Part) else 0
        if isinstance(b.x, Part) and (b.x.positive or b.x.negative) and not b.x.same:
            of_x = 1 if b.x.positive else -1
            of_w = 1 if b.w.positive and not b.w.negative else -1 if b.w.negative and not b.w.positive else 0
            of_w = 0 if b.w.same else of_w
        else:
            of_w = b.w.sign
        signs.add(of_x * of_w * (1 if b.sign > 0 else -1))
    for b in group.branches:
        if site.linear.adds(b.b):
            signs.add(0 if b.b.same else 1 if b.b.positive or b.b.square else -1)
    return signs.pop() if len(signs) == 1 else 0


def _source(site: Site, branch: Branch) -> Any:
    """Return the part of the input that a branch reads, with one item where it is the same for all."""
    op, x = site.op, site.linear.x
    if not isinstance(branch.x, Part):
        assert site.bounds is not None
        return site.bounds[0] if branch.x == "low" else site.bounds[1]
    if branch.x == ONE:
        return _ones(op, x)
    sign = site.signs(x)
    if branch.x == SAME or (sign > 0 and branch.x.positive == 1.0) or (sign < 0 and branch.x.negative == 1.0):
        return x
    return take(op, x, branch.x)


def _ones(op: Any, x: ir.Value) -> Any:
    dims = dimensions(x) or []
    item = [d for d in dims[1:] if isinstance(d, int)]
    if item and len(item) == len(dims) - 1:
        return op.constant(np.ones([1, *item], (x.dtype or ir.DataType.FLOAT).numpy()))
    return op.ones_like(x)


def _receive(site: Site, branch: Branch, s: Any) -> Any:
    op = site.op
    back = site.linear.back(op, s, branch.w)
    if branch.x == ONE:
        return back if branch.sign > 0 else op.Neg(back)
    part = op.Mul(_source(site, branch), back)
    return part if branch.sign > 0 else op.Neg(part)


def _write_losses(site: Site, group: Group, r: Any, s: Any, z: Any, known: tuple[bool, int, int]) -> None:
    """What the bias absorbs is R b / stab(z), what the stabiliser does R (stab(z) - z) / stab(z)."""
    op, stabilised, sign, rank = site.op, *known
    for branch in group.branches:
        if site.linear.adds(branch.b):
            site.lose("bias", lambda b=branch: op.Mul(op.Mul(s, site.linear.bias_part(op, b.b)), b.sign))

    def bare() -> Any:
        return op.Sub(z, site.applied.stabilizer.epsilon) if stabilised else z

    def kept() -> Any:
        stab = z if stabilised else site.applied.stabilizer(op, z, rank, sign)
        return op.Mul(s, op.Sub(stab, bare()))

    def split(empty: bool) -> Any:
        hole = is_zero(op, bare())
        return op.Mul(kept(), hole if empty else op.Sub(1.0, hole))

    if site.applied.stabilizer.epsilon == 0:
        site.lose("empty", lambda: op.Mul(r, is_zero(op, z)))
        return
    site.lose("empty", lambda: split(True))
    site.lose("stabilizer", lambda: split(False))
