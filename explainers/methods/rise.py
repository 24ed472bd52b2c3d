"""RISE: randomized input sampling (Petsiuk et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..asking.blocks import Asker, asked_about
from ..asking.effort import Effort, EffortParams
from ..asking.fills import FillParams, as_type, check_names, filler
from ..asking.masks import Drawn, Masks, WeightedScores, is_smooth
from ..layout import card_of
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

MOST = 1_000_000
LEAST = 16
"""Masks without which a standard error says nothing."""


class RiseParams(FillParams, EffortParams):
    """Parameters of `rise`."""

    masks: int = Field(4000, ge=LEAST, le=MOST, description="Random masks over each input.")
    cells: int = Field(
        8,
        ge=1,
        le=256,
        description="Cells of a mask along each axis; tables and tokens have one for each value.",
    )
    keep: float = Field(0.5, gt=0, lt=1, description="Probability that a cell is shown.")


def _evaluations(params: RiseParams, shapes: Mapping[str, Sequence[int]]) -> int:
    own = asked_about(params, shapes)
    # tables of few values have few different masks
    few = {
        n: s
        for n, s in own.items()
        if not is_smooth(s, card_of(shapes, n)) and math.prod(s) < MOST.bit_length()
    }
    asked = sum(min(params.masks, 2 ** math.prod(s)) if n in few else params.masks for n, s in own.items())
    return min(asked, params.budget or asked) + 1


@method(
    family="sampling", paper="Petsiuk et al., 2018, arXiv:1806.07421, equation 6", evaluations=_evaluations
)
def rise(run: Run, params: RiseParams) -> Arrays:
    """The mean score of randomly masked copies, weighted by how much of each value a mask shows."""
    asker = Asker.of(run)
    names = run.explainable()
    check_names(params, names)
    found: dict[str, list[Array]] = {}
    for item in range(run.items):
        maps = _explained(asker, params, item, names)
        for name, m in maps.items():
            shape = run.item_shape(name)
            found.setdefault(f"attribution.{name}", []).append(np.broadcast_to(m.mean, shape))
            found.setdefault(f"error.{name}", []).append(np.broadcast_to(m.error, shape))
        run.per_item.setdefault("standard_error", []).append(max(float(m.error.max()) for m in maps.values()))
        asker.finished(item)
    return {n: np.moveaxis(np.stack(a).astype(np.float32), 0, run.axis_of(n) or 0) for n, a in found.items()}


def _explained(asker: Asker, params: RiseParams, item: int, names: list[str]) -> dict[str, WeightedScores]:
    """Return one item's maps, an input covered at a time."""
    run = asker.run
    effort = Effort(params, params.masks, len(names), 0, LEAST, 256)
    covers = {n: Cover.of(run, params, n, item) for n in names}
    maps = {n: WeightedScores(c.shape, params.keep) for n, c in covers.items()}
    rng = run.rng()
    for number in effort.rounds():
        for name, cover in covers.items():
            drawn = cover.masks.draw(rng, number)
            for begin, scores in asker.stream(item, len(drawn.counts), partial(cover.copies, drawn)):
                end = begin + len(scores)
                maps[name].add(cover.kept.pop(begin), scores, drawn.counts[begin:end])
        effort.error = max(float(m.error.max()) for m in maps.values())
    effort.tell(run)
    return maps


@dataclass
class Cover:
    """One input of one item, and what shows where a mask covers it."""

    name: str
    x: Array
    fill: Array
    masks: Masks
    kept: dict[int, Array] = field(default_factory=dict)
    """Masks of the blocks that are on their way, by their first row."""

    @classmethod
    def of(cls, run: Run, params: RiseParams, name: str, item: int) -> Cover:
        """Return the cover of one input of one item."""
        x, card = run.of_item(run.inputs[name], name, item), run.model.card.input(name)
        return cls(
            name, x, filler(params, name, x, card), Masks.over(name, x, card, params.cells, params.keep)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a mask, which broadcasts to the item."""
        space = self.masks.space
        return tuple(n if a in space or not space else 1 for a, n in enumerate(self.x.shape))

    def copies(self, drawn: Drawn, begin: int, end: int) -> Arrays:
        """Return masked copies, and keep their masks for the sums."""
        m = self.masks.render(drawn, begin, end)
        self.kept[begin] = m
        if self.x.dtype != np.float32:
            return {self.name: as_type(self.fill + (self.x.astype(np.float64) - self.fill) * m, self.x.dtype)}
        if not self.fill.any():
            return {self.name: self.x * m}
        out = (self.x - self.fill) * m
        out += self.fill
        return {self.name: out}
