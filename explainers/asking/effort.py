"""Effort: how long an item is sampled, and what is said where it ends before it was meant to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..errors import InvalidRequest
from ..registry import Params
from ..types import Array

if TYPE_CHECKING:
    from ..run import Run

ROUND_BYTES = 1 << 24
"""What is drawn for one round: coalitions, or the cells of masks."""
MOST_CELLS = 1 << 27
"""Coalitions times groups that are held at a time: those of a regression, or of one order of the groups and its reverse."""


class BudgetParams(Params):
    """What every method that asks many times can be asked to spare."""

    budget: int | None = Field(
        None,
        ge=1,
        description="End an item after this many model evaluations, with what is known by then; the account says what remained.",
    )
    seconds: float | None = Field(
        None,
        gt=0,
        description="End an item after this time, with what is known by then; such a result does not repeat itself exactly.",
    )


class EffortParams(BudgetParams):
    """What every method that samples can be asked to spare."""

    tolerance: float | None = Field(
        None, gt=0, description="End an item as soon as every standard error is at most this."
    )


@dataclass
class Effort:
    """The samples of one item: as many as wanted, or as the tolerance needs, or as the budget pays for."""

    params: EffortParams
    wanted: int
    each: int = 1
    """Evaluations that one sample takes at most."""
    before: int = 0
    """Evaluations taken before the first sample."""
    least: int = 1
    """Samples without which there is no answer."""
    step: int = 64
    most: int = 1 << 20
    """Samples of one round, so that memory stays bounded."""
    taken: int = 0
    error: float = np.inf
    """The greatest standard error so far; whoever samples says it."""
    ends: float = np.inf
    """When the time is over, by the monotonic clock."""

    def __post_init__(self) -> None:
        self.ends = deadline(self.params)
        if self.params.budget is not None and self.paid < min(self.least, self.wanted):
            raise InvalidRequest(
                f"a budget of {self.params.budget} evaluations pays for {max(self.paid, 0)} samples; the least is "
                f"{min(self.least, self.wanted)}, which take {self.before + self.each * min(self.least, self.wanted)}",
                pointer="/params/budget",
            )

    @property
    def paid(self) -> int:
        """How many samples can be taken."""
        if self.params.budget is None:
            return self.wanted
        return min(self.wanted, (self.params.budget - self.before) // self.each)

    @property
    def precise(self) -> bool:
        """Whether the tolerance is reached."""
        return self.params.tolerance is not None and self.error <= self.params.tolerance

    @property
    def done(self) -> bool:
        """Whether the tolerance is reached or the time is over."""
        return self.precise or time.monotonic() > self.ends

    def rounds(self) -> Iterator[int]:
        """Yield how many samples to take next; all at once where nobody asks for a tolerance, or has no time."""
        watched = self.params.tolerance is not None or self.params.seconds is not None
        while self.taken < self.paid and not (self.done and self.taken >= self.least):
            step = max(self.step, self.taken // 2) if watched else self.paid
            n = min(step, self.paid - self.taken, self.most)
            yield n
            self.taken += n

    def tell(self, run: Run) -> None:
        """Enter what was taken and what remained."""
        remaining = 0 if self.precise else self.wanted - self.taken
        run.per_item.setdefault("samples", []).append(float(self.taken))
        run.per_item.setdefault("remaining", []).append(float(remaining))
        warn_of_rest(run, self.params, remaining, "samples")
        if self.params.tolerance is not None and not self.precise:
            _once(
                run, "the tolerance was not reached; see the account's standard_error, and take more samples"
            )


def refuse_large(coalitions: int, groups: int, pointer: str) -> None:
    """Refuse so many coalitions of so many groups at a time where memory would not hold them."""
    if coalitions * groups > MOST_CELLS:
        raise InvalidRequest(
            f"{coalitions} coalitions of {groups} groups are held at a time, {coalitions * groups} cells; the limit is "
            f"{MOST_CELLS}: take fewer groups" + " or samples" * pointer.endswith("samples"),
            pointer=pointer,
        )


class Mean:
    """The mean of observations, rows of arrays that come in blocks, and its standard error."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(0)
        self._squares = np.zeros(0)

    def add(self, rows: Array) -> None:
        """Add a block of observations."""
        n, mean = len(rows), rows.mean(0)
        squares = ((rows - mean) ** 2).sum(0)
        if not self.count:
            self.count, self.mean, self._squares = n, mean, squares
            return
        apart, both = mean - self.mean, self.count + n
        self.mean = self.mean + apart * n / both
        self._squares = self._squares + squares + apart**2 * self.count * n / both
        self.count = both

    @property
    def error(self) -> Array:
        """The mean's standard error; infinite for a single observation."""
        if self.count < 2:
            return np.full(self.mean.shape, np.inf)
        return np.asarray(np.sqrt(self._squares / (self.count - 1) / self.count))


def affordable(run: Run, params: BudgetParams, count: int, each: int = 1) -> Array:
    """Return which of `count` questions about each item are asked: all, or a random part that the budget pays for.

    Where the time is short they come in random order, so that what is answered by then is a random part.
    """
    paid = count if params.budget is None else params.budget // each
    if paid >= count and params.seconds is None:
        return np.arange(count)
    if not paid:
        raise InvalidRequest(
            f"a budget of {params.budget} evaluations pays for no question: one takes {each}",
            pointer="/params/budget",
        )
    chosen = run.rng().permutation(count)[:paid]
    return np.sort(chosen) if params.seconds is None else chosen


def paid_for(params: BudgetParams, wanted: int, each: int, what: str) -> int:
    """Return how many of the wanted samples of a data set the budget pays for, at least one, or refuse it."""
    paid = wanted if params.budget is None else min(wanted, params.budget // each)
    if not paid:
        raise InvalidRequest(
            f"a budget of {params.budget} evaluations of each item pays for no {what}: the first takes {each}",
            pointer="/params/budget",
        )
    return paid


def deadline(params: BudgetParams) -> float:
    """Return when the time of an item that begins now is over, by the monotonic clock."""
    return time.monotonic() + (np.inf if params.seconds is None else params.seconds)


def warn_of_rest(
    run: Run, params: BudgetParams, remaining: int, what: str, ended: str = "some items"
) -> None:
    """Warn once where the budget ended an item, or the work on a data set, before it was done."""
    if remaining:
        _once(
            run,
            f"{_limit(params)} ended {ended} before all {what} were asked; the account's `remaining` says how many were not",
        )


def warn_of_few(run: Run, taken: int, enough: int, what: str) -> None:
    """Warn once where standard errors stand on too few observations to be true."""
    if taken < enough:
        _once(
            run,
            f"fewer than {enough} {what} were taken: the standard errors are themselves uncertain, and on average too small; "
            "that of a single one is infinite",
        )


def _limit(params: BudgetParams) -> str:
    limits = {"the budget of {} evaluations": params.budget, "the time of {} s": params.seconds}
    return " or ".join(text.format(v) for text, v in limits.items() if v is not None)


def _once(run: Run, text: str) -> None:
    if text not in run.warnings:
        run.warnings.append(text)
