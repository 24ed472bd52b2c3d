"""LSTM, GRU and RNN as the steps they take, one for each element of a sequence of known length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import ResourceLimit
from ..build import dimensions
from .activations import Activation, activations
from .expand import Expansion, expansion

LONGEST = 4096
"""Steps that one recurrent operator may take."""


@dataclass
class Way:
    """One direction of a recurrent operator: its weights, its activations, and how a step is clipped."""

    op: Any
    recurrent: Any
    """(H, gates x H)"""
    bias: Any
    """Recurrent biases (gates x H) where they cannot be added to the projected input, else None."""
    peepholes: list[Any]
    acts: list[Activation]
    clip: float | None
    options: dict[str, Any] = field(default_factory=dict)
    cut: dict[int, Any] = field(default_factory=dict)

    def columns(self, begin: int, end: int) -> Any:
        """Return these columns of the recurrent weights, cut once for all steps."""
        if begin not in self.cut:
            self.cut[begin] = _cut(self.op, self.recurrent, begin, end, 1)
        return self.cut[begin]

    def act(self, which: int, x: Any) -> Any:
        """Clip a pre-activation and activate it."""
        if self.clip:
            x = self.op.Clip(x, -self.clip, self.clip)
        return self.acts[which](self.op, x)

    def from_state(self, x: Any, h: Any, weights: Any = None) -> Any:
        """Return x plus the state's part; there is none before the first step."""
        return (
            x
            if h is None
            else self.op.Add(x, self.op.MatMul(h, self.recurrent if weights is None else weights))
        )


Cell = Callable[[Way, Any, Any, Any], tuple[Any, Any]]
"""`cell(way, x, h, c)` -> the next h and c; x is the step's projected input, (1, N, gates x H)."""


def lstm_cell(way: Way, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """Gates i, o, f and the candidate, in ONNX's order; peepholes look at the cell's state."""
    op = way.op
    i, o, f, candidate = op.Split(way.from_state(x, h), axis=2, num_outputs=4, outputs=4)
    look_i, look_o, look_f = way.peepholes or [None] * 3
    if look_i is not None and c is not None:
        i, f = op.Add(i, op.Mul(c, look_i)), op.Add(f, op.Mul(c, look_f))
    i, candidate = way.act(0, i), way.act(1, candidate)
    new = op.Mul(i, candidate)
    if c is not None:
        f = op.Sub(1.0, i) if way.options.get("input_forget") else way.act(0, f)
        new = op.Add(op.Mul(f, c), new)
    if look_o is not None:
        o = op.Add(o, op.Mul(new, look_o))
    return op.Mul(way.act(0, o), way.acts[2](op, new)), new


def gru_cell(way: Way, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """Gates z, r and the candidate; `linear_before_reset` says which side of the recurrent product r stands on."""
    op, size = way.op, way.options["hidden_size"]
    gates, candidate = op.Split(x, [2 * size, size], axis=2, outputs=2)
    to_gates, to_candidate = way.columns(0, 2 * size), way.columns(2 * size, 3 * size)
    z, r = op.Split(way.act(0, way.from_state(gates, h, to_gates)), axis=2, num_outputs=2, outputs=2)
    if way.options.get("linear_before_reset"):
        if h is None and way.bias is not None:
            # a state of zeros that still is a signal: relevance then sees a gate before it, and not before a constant
            h = op.Mul(op.Slice(x, [0], [size], [2]), 0.0)
        if h is not None:
            inner = op.MatMul(h, to_candidate)
            inner = inner if way.bias is None else op.Add(inner, way.bias)
            candidate = op.Add(candidate, op.Mul(r, inner))
    elif h is not None:
        candidate = way.from_state(candidate, op.Mul(r, h), to_candidate)
    candidate = way.act(1, candidate)
    new = op.Mul(op.Sub(1.0, z), candidate)
    return (new if h is None else op.Add(new, op.Mul(z, h))), None


def rnn_cell(way: Way, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """One activation of input and state."""
    return way.act(0, way.from_state(x, h)), None


def _unrolled(cell: Cell, gates: int, defaults: list[str]) -> Expansion:
    def write(
        op: Any,
        x: Any,
        w: Any,
        r: Any,
        b: Any = None,
        lengths: Any = None,
        h: Any = None,
        c: Any = None,
        p: Any = None,
        *,
        direction: str = "forward",
        layout: int = 0,
        **options: Any,
    ) -> Any:
        steps = _steps(op, x, 1 if layout else 0)
        if steps is None:
            return None
        if layout:
            x, h, c = (v if v is None else op.Transpose(v, perm=[1, 0, 2]) for v in (x, h, c))
        options["hidden_size"] = _constant_shape(r)[2]
        ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
        acts, alive = activations(options, defaults, len(ways)), _alive(op, lengths, steps)
        found = []
        for i, backwards in enumerate(ways):
            xs, way = _project(op, x, [_part(op, v, i) for v in (w, r, b, p)], gates, acts[i], options, steps)
            states = [None if v is None else _cut(op, v, i, i + 1, 0) for v in (h, c)]
            found.append(_walk(cell, way, xs, states, alive, backwards=backwards))
        return _join(op, found, layout)

    return write


def _steps(op: Any, x: Any, axis: int) -> int | None:
    steps = (dimensions(x) or [None] * 3)[axis]
    if not isinstance(steps, int):
        return None
    if steps > LONGEST:
        raise ResourceLimit(
            f"{op.prefix} takes {steps} steps and derivatives are compiled for at most {LONGEST}; give it shorter inputs"
        )
    return steps


def _constant_shape(v: Any) -> list[Any]:
    return list(dimensions(v) or [None] * 3)


def _part(op: Any, v: Any, i: int) -> Any:
    """Return a direction's part of a weight: computed now where the weight is constant."""
    if v is None:
        return None
    return (
        op.constant(v.const_value.numpy()[i])
        if v.const_value is not None
        else op.Gather(v, np.array(i), axis=0)
    )


def _turned(op: Any, v: Any) -> Any:
    return op.constant(v.const_value.numpy().T) if v.const_value is not None else op.Transpose(v, perm=[1, 0])


def _cut(op: Any, v: Any, begin: int, end: int, axis: int) -> Any:
    if v.const_value is not None:
        return op.constant(np.take(v.const_value.numpy(), range(begin, end), axis))
    return op.Slice(v, [begin], [end], [axis])


def _alive(op: Any, lengths: Any, steps: int) -> list[Any]:
    """Return for each step which items still have an element, (1, N, 1); None where all have."""
    if lengths is None or (lengths.const_value is not None and (lengths.const_value.numpy() >= steps).all()):
        return [None] * steps
    wide = op.Unsqueeze(lengths, [0, 2])
    return [op.Greater(wide, np.array(t, np.int32)) for t in range(steps)]


def _project(
    op: Any, x: Any, parts: list[Any], gates: int, acts: list[Activation], options: dict[str, Any], steps: int
) -> tuple[list[Any], Way]:
    """Project the inputs of all steps in one product and cut them apart."""
    w, r, b, p = parts
    size, inner = options["hidden_size"], None
    projected = op.MatMul(x, _turned(op, w))
    if b is not None:
        of_x, of_h = _cut(op, b, 0, gates * size, 0), _cut(op, b, gates * size, 2 * gates * size, 0)
        if options.get("linear_before_reset"):
            # the reset gate multiplies the candidate's recurrent bias too
            inner = _cut(op, of_h, 2 * size, 3 * size, 0)
            of_h = op.Concat(_cut(op, of_h, 0, 2 * size, 0), np.zeros(size, inner.dtype.numpy()), axis=0)
        projected = op.Add(projected, op.Add(of_x, of_h))
    xs = op.Split(projected, axis=0, num_outputs=steps, outputs=steps) if steps > 1 else [projected]
    peepholes = [] if p is None else [_cut(op, p, k * size, (k + 1) * size, 0) for k in range(3)]
    return list(xs), Way(op, _turned(op, r), inner, peepholes, acts, options.get("clip"), options)


def _walk(
    cell: Cell, way: Way, xs: list[Any], states: list[Any], alive: list[Any], *, backwards: bool
) -> tuple[list[Any], Any, Any]:
    """Take the steps; an item whose sequence has ended, or not begun from behind, keeps its state and gives zeros."""
    op, (h, c), ys = way.op, states, list(xs)
    zero = np.zeros((), xs[0].dtype.numpy())
    for t in reversed(range(len(xs))) if backwards else range(len(xs)):
        new_h, new_c = cell(way, xs[t], h, c)
        ys[t] = new_h
        if alive[t] is not None:
            ys[t] = op.Where(alive[t], new_h, zero)
            new_h = op.Where(alive[t], new_h, zero if h is None else h)
            new_c = None if new_c is None else op.Where(alive[t], new_c, zero if c is None else c)
        h, c = new_h, new_c
    return ys, h, c


def _join(op: Any, ways: list[tuple[list[Any], Any, Any]], layout: int) -> tuple[Any, ...]:
    """Put steps and directions together: Y, Y_h and, for LSTM, Y_c."""
    both = [op.Unsqueeze(_concat(op, ys, 0), [1]) for ys, _, _ in ways]
    y = _concat(op, both, 1)
    states = [None if ways[0][k] is None else _concat(op, [way[k] for way in ways], 0) for k in (1, 2)]
    if layout:
        y = op.Transpose(y, perm=[2, 0, 1, 3])
        states = [None if s is None else op.Transpose(s, perm=[1, 0, 2]) for s in states]
    return y, *states


def _concat(op: Any, parts: list[Any], axis: int) -> Any:
    return op.Concat(*parts, axis=axis) if len(parts) > 1 else parts[0]


expansion("LSTM")(_unrolled(lstm_cell, 4, ["Sigmoid", "Tanh", "Tanh"]))
expansion("GRU")(_unrolled(gru_cell, 3, ["Sigmoid", "Tanh"]))
expansion("RNN")(_unrolled(rnn_cell, 1, ["Tanh"]))
