"""The objective and its slope at rows, by a compiled graph whose buffers are bound once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import itemwise
from ..errors import ResourceLimit
from ..graph.explanation import WEIGHTS
from ..types import Array, Arrays
from .objective import OBJECTIVE, SLOPE

if TYPE_CHECKING:
    from ..explainer import Explainer
    from ..run import Run


@dataclass(frozen=True)
class Block:
    """Some rows with buffers of their own: what is fed, what comes back, and what runs the graph."""

    begin: int
    end: int
    feeds: Arrays
    results: Arrays
    run: Callable[[], None]


class Evaluation:
    """All rows of a search, in as few blocks as memory allows."""

    def __init__(self, run: Run, explainer: Explainer, weights: Arrays, names: Sequence[str]) -> None:
        self.run, self.explainer, self.names = run, explainer, list(names)
        self.feeds = {n: a for n, a in {**run.inputs, **weights}.items() if n in explainer.session.inputs}
        """What the graph is given at the start, all rows."""
        self._axes = {**run.axes, WEIGHTS: 0}
        self.values: Arrays = {}
        """What the graph gave last, by name, rows first; overwritten by the next evaluation."""
        self._blocks = self._made(run.batch)

    def _made(self, size: int) -> list[Block]:
        """Cut the rows into blocks; where one does not fit in memory, into halves of it."""
        try:
            return list(self._cut(size))
        except ResourceLimit:
            if size < 2:
                raise
            return self._made(size // 2)

    def _cut(self, size: int) -> Iterator[Block]:
        rows = self.run.items
        for begin in range(0, rows, size):
            end = min(begin + size, rows)
            part = itemwise.cut(self.feeds, self._axes, begin, end)
            # a copy of its own, even of what is contiguous: it is written to
            feeds = {n: np.array(a, order="C") for n, a in part.items()}
            wanted = [OBJECTIVE, "account.score", *(SLOPE + n for n in self.names)]
            wanted += [n for n in self.explainer.emission.arrays if n not in wanted]
            results = {
                n: np.ascontiguousarray(a) for n, a in self.explainer.session.run(feeds, wanted).items()
            }
            if size < rows:
                self._keep(results, begin, end)
            else:
                self.values = {n: self._first(a, n) for n, a in results.items()}
            yield Block(begin, end, feeds, results, self.explainer.session.bound(feeds, results))

    def _first(self, a: Array, name: str) -> Array:
        axis = self._axes.get(name.removeprefix(SLOPE), 0)
        return np.moveaxis(a, axis, 0) if axis else a

    def _keep(self, results: Arrays, begin: int, end: int) -> None:
        for name, a in results.items():
            rows = self._first(a, name)
            if name not in self.values:
                self.values[name] = np.zeros((self.run.items, *rows.shape[1:]), rows.dtype)
            self.values[name][begin:end] = rows

    def __call__(self, x: Arrays) -> Array:
        """Evaluate at rows and return the objective of each; `slope` has the derivatives."""
        for block in self._blocks:
            for name in self.names:
                np.copyto(
                    self._first(block.feeds[name], name),
                    x[name][block.begin : block.end],
                    casting="same_kind",
                )
            block.run()
            if len(self._blocks) > 1:
                self._keep(block.results, block.begin, block.end)
        self.run.evaluations += self.run.items
        return self.values[OBJECTIVE]

    def slope(self, name: str) -> Array:
        """Return the derivative by an input at the rows that were evaluated last."""
        return self.values[SLOPE + name]
