"""Noisy copies of items, and the moments of what is found for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from ..registry import Method, Params
from ..signature import Request
from ..types import Array, Arrays, Target
from .rows import Rows


def noisy_blocks(rows: Rows, item: int, samples: int, noise: float) -> Iterator[Arrays]:
    """Yield blocks of noisy copies of one item's points; every item hears the same noise, scaled to its range."""
    rng = rows.run.rng()
    values = {n: a[item] for n, a in rows.values.items()}
    spread = {n: noise * float(a.max() - a.min()) if a.size else 0.0 for n, a in values.items()}
    for begin in range(0, samples, rows.block):
        # sample by sample, so that the noise does not depend on the size of a block
        drawn = [
            {n: rng.standard_normal(a.shape) for n, a in values.items()}
            for _ in range(begin, min(begin + rows.block, samples))
        ]
        yield {n: np.stack([a + spread[n] * d[n] for d in drawn]).astype(a.dtype) for n, a in values.items()}


@dataclass
class Moments:
    """Running sums of the first four powers, taken from the first sample on to keep their digits."""

    count: int = 0
    first: Any = None
    sums: list[Any] = field(default_factory=lambda: [0.0] * 4)
    squares: list[Any] = field(default_factory=lambda: [0.0] * 2)

    def add(self, a: Array) -> None:
        """Take in samples, rows first."""
        a = a.astype(np.float64)
        self.first = a[0] if self.first is None else self.first
        d = a - self.first
        self.sums = [s + (d**k).sum(0) for k, s in enumerate(self.sums, 1)]
        q = a**2 - self.first**2
        self.squares = [s + (q**k).sum(0) for k, s in enumerate(self.squares, 1)]
        self.count += len(a)

    def reduced(self, how: str) -> tuple[Array, Array]:
        """Return mean, mean square or variance, each with its standard error, in float32."""
        n = self.count
        m1, m2, m3, m4 = (s / n for s in self.sums)
        variance = np.maximum(m2 - m1**2, 0)
        if how == "mean":
            value, error = self.first + m1, variance
        elif how == "square":
            s1, s2 = (s / n for s in self.squares)
            value, error = self.first**2 + s1, np.maximum(s2 - s1**2, 0)
        else:
            fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
            value, error = variance, np.maximum(fourth - variance**2, 0)
        return value.astype(np.float32), np.sqrt(error / max(n - 1, 1)).astype(np.float32)


def driven_samples(rows: Rows, kind: Method, params: Params) -> Callable[[Arrays, Array], Arrays]:
    """Return what explains noisy rows by a method that drives its own graphs: each row as an item of a run of its own."""
    from ..run import Run

    if any(p.opened for p in rows.points):
        raise InvalidRequest(
            f"smooth_grad of {kind.name} needs float inputs: tokens and inner tensors are moved by {kind.name} itself; "
            "use a compiled method such as gradient or lrp",
            pointer="/params/of",
        )
    outer = rows.run

    def explain(values: Arrays, items: Array) -> Arrays:
        inputs = outer.take(items) | {n: np.moveaxis(a, 0, outer.axes[n] or 0) for n, a in values.items()}
        request = Request(kind.name, params, _frozen_target(rows, items), outer.request.seed)
        run = Run(outer.model, request, inputs, len(items), outer.place, lambda done, total, unit: None)
        found: Arrays = kind.run(run, params)
        outer.evaluations += run.evaluations
        return {n: np.moveaxis(a, outer.axis_of(n) or 0, 0) for n, a in found.items()}

    return explain


def _frozen_target(rows: Rows, items: Array) -> Target:
    """Return the rows' own target: their item's class, frozen at the unperturbed item."""
    target, index = rows.run.request.target, rows.run.frozen[2]
    fields = target.model_dump()
    if index:
        fields |= {"index": [index[i] for i in items]}
    elif target.weights is not None and np.asarray(target.weights).ndim == rows.run.frozen[0].ndim:
        fields |= {"weights": rows.run.frozen[0][items].tolist()}
    return Target.model_validate(fields)
