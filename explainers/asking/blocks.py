"""Ask a model about perturbed copies of an item: made lazily in bounded blocks, several of them side by side."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .. import finite, itemwise
from ..errors import ResourceLimit
from ..front import Front
from ..layout import Shapes
from ..parallel import in_order, tapered
from ..registry import Params, find
from ..types import Array, Arrays
from ..words import asked_for
from .alone import ALONE
from .lanes import USUAL_ROWS, Lanes, spread, weights

if TYPE_CHECKING:
    from ..run import Run
    from ..runtime import Session

Make = Callable[[int, int], Arrays]
"""Makes rows `begin` to `end` of the changed inputs, rows first."""
Show = Callable[[Array, Array], Arrays]
"""Makes copies, told their numbers and which of the rows each one shows."""
MOST_EVALUATIONS = 100_000_000
FRONT_WEIGHTS = 1 << 24
"""Weights, in bytes, above which copies take little beside the model, and a second session with them much."""


@dataclass
class Asker:
    """What asks about the items of a run, one after the other; `planned` evaluations are foreseen for each."""

    run: Run
    planned: int
    done: int = 0

    def __post_init__(self) -> None:
        if self.total > MOST_EVALUATIONS:
            raise ResourceLimit(
                f"{self.total} model evaluations are above the limit of {MOST_EVALUATIONS}; "
                "take fewer samples, larger groups or fewer items",
                pointer="/params",
                evaluations=self.total,
            )
        spread(self.run, self.total)

    @classmethod
    def of(cls, run: Run) -> Asker:
        """Return what asks as often as the request's method foresees."""
        return cls(run, find(run.request.method).evaluations(run.request.params, run.shapes))

    @property
    def total(self) -> int:
        """The evaluations planned for all items."""
        return self.planned * self.run.items

    def stream(
        self, item: int, count: int, make: Make | Front, until: float = math.inf
    ) -> Iterator[tuple[int, Array]]:
        """Yield the first row and the scores of one block after the other, until a time."""
        # settled before other threads read the run
        score, (session, feeds), lanes = self._score(item), self._asked(item, make), self.lanes
        self.run.batch = lanes.batch
        free = threading.Semaphore(lanes.count)

        def asked(part: tuple[int, int]) -> Array:
            rows = feeds(*part)
            with free:
                return score(self.run.answers(rows, session=session))

        parts = tapered(count, lanes.block, lanes.count, min(lanes.batch, USUAL_ROWS))
        with ALONE:
            for (begin, end), scores in zip(parts, in_order(asked, parts, lanes.makers), strict=True):
                self._tell(end - begin)
                yield begin, scores
                if time.monotonic() > until:
                    return

    def _asked(self, item: int, make: Make | Front) -> tuple[Session, Make]:
        """Return the session that is asked, and what makes the rows of all that is fed to it."""
        run = self.run
        if not isinstance(make, Front):
            return run.session, lambda begin, end: run.copies(item, make(begin, end))
        front, own = make, run.take([item])
        kept = {n: a for n, a in own.items() if n not in front.makes}
        run.axes.update(dict.fromkeys(front.shared))

        def rows(begin: int, end: int) -> Arrays:
            changed = front.rows(begin, end)
            return {**front.shared, **changed, **itemwise.copies(kept, run.axes, changed)}

        return run.model.fronted(run.one, run.place, front, run.explained), rows

    @cached_property
    def in_graph(self) -> bool:
        """Whether a front can be put to the model, and a second session with it is worth its weights."""
        from ..graph.front import fits

        run = self.run
        # one lane has a second thread that makes copies while the model runs
        worth = run.place.lanes > 1 and run.together and weights(run.model) <= FRONT_WEIGHTS
        return worth and run.model.keep(("fits a front",), lambda: fits(run.model.proto))

    def scores(self, item: int, count: int, make: Make | Front, until: float = math.inf) -> Array:
        """Return the explained scalar of each of `count` rows, of the first ones where the time `until` comes before."""
        found = [s for _, s in self.stream(item, count, make, until)]
        return np.concatenate(found) if found else np.zeros(0)

    def averages(self, item: int, count: int, rows: int, show: Show, until: float = math.inf) -> Array:
        """Return the score of each of `count` copies, averaged over the rows shown in turn in place of what is covered.

        Where the time `until` comes before, those of the first ones alone.
        """

        def make(begin: int, end: int) -> Arrays:
            copy, row = np.divmod(np.arange(begin, end), rows)
            return show(copy, row)

        found = self.scores(item, count * rows, make, until)
        return (
            found if rows == 1 else np.asarray(found[: len(found) // rows * rows].reshape(-1, rows).mean(1))
        )

    def finished(self, item: int) -> None:
        """Say that an item is done, with however few evaluations."""
        self.done = self.planned * (item + 1)
        self.run.progress(self.done, self.total, "evaluations")

    def _score(self, item: int) -> Callable[[Array], Array]:
        """Return what takes the explained scalar of each row from answers about copies of one item."""
        weights = self._frozen[item].reshape(-1)
        # most targets are one value of many
        counted = np.flatnonzero(weights)

        def score(answers: Array) -> Array:
            found = answers.reshape(len(answers), -1)[:, counted].astype(np.float64) @ weights[counted]
            return finite.of_copies(found, self.run.explained)

        return score

    @cached_property
    def _frozen(self) -> Array:
        """The target's weights per item, each of which has a finite score."""
        weights, scores, _ = self.run.frozen
        finite.of_items(scores, self.run.explained)
        return weights

    def _tell(self, rows: int) -> None:
        self.run.evaluations += rows
        self.done += rows
        self.run.progress(min(self.done, self.total), self.total, "evaluations")

    @cached_property
    def lanes(self) -> Lanes:
        """How many copies are made and run at a time, and where."""
        return Lanes.of(self.run, self.total)


def asked_about(params: Params, shapes: Mapping[str, Sequence[int]]) -> Shapes:
    """Return the shapes of the inputs that the parameters ask for."""
    known = shapes if isinstance(shapes, Shapes) else Shapes(shapes)
    return known.only(asked_for(known, params.explain_inputs, known.cards))
