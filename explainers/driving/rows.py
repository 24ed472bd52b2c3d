"""Rows: perturbed copies of items, explained towards the items' own frozen targets by a compiled graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidRequest
from ..graph.points import Point, named_points
from ..registry import part
from ..types import Array, Arrays, Feeds

if TYPE_CHECKING:
    from ..explainer import Explainer
    from ..graph.explanation import ExplanationGraph
    from ..run import Run

BLOCK_BYTES = 1 << 26
"""Perturbed copies made at a time."""


@part("points/values")
def point_values(graph: ExplanationGraph, _params: Any) -> dict[str, Any]:
    """Give the tensors inside the model that stand for its integer inputs, or that an `at` names."""
    return {name: v for leaf in graph.leaves for v, name in named_points(leaf).items() if name != leaf.name}


@part("points/slopes")
def point_slopes(graph: ExplanationGraph, _params: Any) -> dict[str, Any]:
    """Give the plain derivative by each point, embeddings whole."""
    arrived = graph.gradients()
    return {
        f"slope.{v.name}": g
        for leaf in graph.leaves
        for v, g in zip(leaf.values, arrived[leaf.name], strict=True)
    }


@dataclass
class Rows:
    """A compiled graph that explains rows; `at` moves the points, a call takes whole feeds."""

    run: Run
    explainer: Explainer
    reader: Callable[[], Explainer]
    weights: Arrays

    def __post_init__(self) -> None:
        for p in self.points:
            self.run.axes.setdefault(p.name, self._axis(p))

    @property
    def points(self) -> list[Point]:
        """What can be moved."""
        return self.explainer.emission.points

    def _axis(self, p: Point) -> int | None:
        axis = self.run.axes.get(p.leaf, 0)
        if axis is None:
            raise InvalidRequest(
                f"{p.leaf!r} is shared by all items: it cannot be moved for each of them; hold it fixed or give it an item axis",
                pointer="/params/explain_inputs",
            )
        return axis

    def __call__(self, feeds: Feeds, items: Sequence[int] | Array) -> Arrays:
        """Explain rows given whole; the arrays have the model's own axes."""
        chosen = {n: a[np.asarray(items)] for n, a in self.weights.items()}
        self.run.evaluations += self.run.rows_in(feeds)
        return self.run.join(list(self.run.in_batches({**feeds, **chosen}, self.explainer.run)))

    def at(self, values: Feeds, items: Sequence[int] | Array) -> Arrays:
        """Explain items whose points have these values, rows first; so are the arrays."""
        moved = {n: np.moveaxis(a, 0, self.run.axes[n] or 0) for n, a in values.items()}
        found = self({**self.run.take(items), **moved}, items)
        return {n: np.moveaxis(a, self.run.axis_of(n) or 0, 0) for n, a in found.items()}

    @cached_property
    def values(self) -> Arrays:
        """The unperturbed points, items first."""
        return self.read(self.run.inputs)

    def read(self, feeds: Feeds) -> Arrays:
        """Return the points of these inputs, items first."""
        inside: Arrays = {}
        if any(p.opened for p in self.points):
            weights = {
                n: np.zeros((self.run.rows_in(feeds), *a.shape[1:]), a.dtype) for n, a in self.weights.items()
            }
            inside = self.run.join(list(self.run.in_batches({**feeds, **weights}, self.reader().run)))
        return {
            p.name: np.moveaxis((inside if p.opened else feeds)[p.name], self.run.axes[p.name] or 0, 0)
            for p in self.points
        }

    @cached_property
    def unperturbed(self) -> Arrays:
        """What the graph gives for the items themselves."""
        return self.at(self.values, range(self.run.items))

    @property
    def score(self) -> Array:
        """Per item, the explained quantity."""
        return self.unperturbed["account.score"]

    @cached_property
    def block(self) -> int:
        """How many rows are made at a time."""
        size = sum(a[:1].nbytes for a in self.values.values())
        return int(np.clip(BLOCK_BYTES // max(size, 1), 1, self.run.batch))

    def attribution(self, contributions: Arrays) -> Arrays:
        """Turn contributions of the points, items first, into one array per input; a token gets the sum over its embedding."""
        out: Arrays = {}
        for p in self.points:
            a = np.moveaxis(self._per_value(p, contributions[p.name]), 0, self.run.axes[p.name] or 0)
            name = f"attribution.{p.leaf}"
            out[name] = out[name] + a if name in out else a
        return {n: a.astype(self.explainer.emission.dtype) for n, a in out.items()}

    def _per_value(self, p: Point, a: Array) -> Array:
        if not p.embedding:
            return a
        total: Array = a.sum(tuple(range(self.run.inputs[p.leaf].ndim, a.ndim)))
        return total
