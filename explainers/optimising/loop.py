"""The loop: rows climb an objective less its penalties, all in one batch; each row keeps the best that it has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import Cancelled
from ..types import Array, Arrays
from .adam import OPTIMIZERS, falling
from .evaluation import Evaluation
from .parametrisation import Parametrisation
from .regularisers import Change, Jitter, Penalty

Report = Callable[[int, int], None]
ROUNDING = 16 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Plan:
    """How far and how fast, and how often rows are changed and kept for the film."""

    steps: int
    rates: Arrays
    """Per input, the length of a step at each place of an item."""
    optimizer: str = "adam"
    every: int = 8
    frames: int = 1


@dataclass
class Climb:
    """What is moved, what it costs, and what came of it."""

    evaluation: Evaluation
    moved: dict[str, Parametrisation]
    penalties: dict[str, list[Penalty]] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    jitter: dict[str, Jitter] = field(default_factory=dict)
    steps: int = 0
    """Steps taken; fewer than planned where the caller cancelled."""
    cancelled: bool = False
    best: Arrays = field(default_factory=dict)
    best_value: Array = field(default_factory=lambda: np.zeros(0))
    curve: list[Array] = field(default_factory=list)
    film: list[Arrays] = field(default_factory=list)
    film_steps: list[int] = field(default_factory=list)
    _enough: Array = field(default_factory=lambda: np.zeros(0))
    """What a row must reach to be taken for its best."""
    moves: Array = field(default_factory=lambda: np.zeros(0, bool))
    """Per row, whether the objective ever had a slope there."""

    def run(self, plan: Plan, report: Report) -> None:
        """Climb; a caller who cancels gets what was found by then."""
        movers = {n: OPTIMIZERS[plan.optimizer](p.values) for n, p in self.moved.items()}
        kept = {round(f) for f in np.linspace(0, plan.steps - 1, max(plan.frames, 1))}
        for step in range(plan.steps):
            images, value, slopes = self._look()
            self._remember(images, value, film=step in kept and plan.frames > 0)
            rate = falling(step, plan.steps)
            for n, parts in self.moved.items():
                changes = self.changes.get(n) if (step + 1) % plan.every == 0 else None
                contribution = slopes[n].copy() if changes else slopes[n]
                movers[n].step(parts.values, parts.slope(slopes[n]), plan.rates[n] * rate)
                parts.settle()
                for change in changes or ():
                    parts.put(change.made(parts.image(), contribution))
            try:
                report(step + 1, plan.steps)
            except Cancelled:
                self.cancelled = True
                break

    def _look(self) -> tuple[Arrays, Array, Arrays]:
        """Return the rows, their objective less the penalties, and its derivative by the rows."""
        images = {n: p.image() for n, p in self.moved.items()}
        seen = {n: self.jitter[n].rolled(x) if n in self.jitter else x for n, x in images.items()}
        value = self.evaluation(seen).astype(np.float64)
        slopes: Arrays = {}
        for n, x in images.items():
            slope = self.evaluation.slope(n)
            slopes[n] = self.jitter[n].back(slope) if n in self.jitter else slope
            if not self.steps:
                moved = np.asarray(slope.reshape(len(slope), -1).any(1))
                self.moves = moved if not len(self.moves) else self.moves | moved
            for penalty in self.penalties.get(n, ()):
                penalty.take(x, value, slopes[n])
        return images, value, slopes

    def _remember(self, images: Arrays, value: Array, *, film: bool) -> None:
        if not self.steps:
            self.best = {n: x.copy() for n, x in images.items()}
            self.best_value, self._enough = value.copy(), value - ROUNDING * abs(value)
        else:
            # the rate falls, so of values that rounding cannot tell apart the last one is nearest to the top
            better = value >= self._enough
            if better.any():
                np.maximum(self.best_value, value, out=self.best_value)
                self._enough = self.best_value - ROUNDING * abs(self.best_value)
                for n, x in images.items():
                    np.copyto(self.best[n].T, x.T, where=better)
        self.curve.append(value)
        if film:
            self.film.append({n: x.copy() for n, x in images.items()})
            self.film_steps.append(self.steps)
        self.steps += 1

    def settle(self) -> None:
        """Evaluate the best rows once more, as they are and each alone, so that what is said of them is about them."""
        value = self.evaluation(self.best).astype(np.float64)
        for n, x in self.best.items():
            for penalty in self.penalties.get(n, ()):
                if not penalty.between:
                    penalty.take(x, value, np.zeros_like(x))
        self.best_value = value
