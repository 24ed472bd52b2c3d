"""RISE: randomized input sampling (Petsiuk et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import Field

from ..asking.blocks import Asker, asked_about
from ..asking.covers import Cover, as_type
from ..asking.effort import Effort, EffortParams
from ..asking.fills import FillParams, constants, cover_of, joint, rows_of
from ..asking.groups import GroupParams, find_groups
from ..asking.guesses import GUESSES
from ..asking.masks import MOST, Drawn, Masks, is_smooth
from ..asking.weighted_scores import WeightedScores
from ..errors import InvalidRequest
from ..layout import Shapes, card_of
from ..registry import Centre, method
from ..tables import vector
from ..types import Array, Arrays, InputCard

if TYPE_CHECKING:
    from ..run import Run

VECTOR = ""
"""The name of all inputs together where each is one value of a feature vector."""
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
    rows = rows_of(params, own)
    _refuse_guesses(params, own)
    if parts := vector((), own):
        own = Shapes({VECTOR: (len(parts),)}, {VECTOR: InputCard(kind="tabular")})
    # tables of few values have few different masks
    few = {
        n: s
        for n, s in own.items()
        if not is_smooth(s, card_of(shapes, n)) and math.prod(s) < MOST.bit_length()
    }
    asked = sum(
        min(params.masks, rows * 2 ** math.prod(s)) if n in few else params.masks for n, s in own.items()
    )
    return min(asked, params.budget or asked) + 1


def _refuse_guesses(params: RiseParams, shapes: Mapping[str, Sequence[int]]) -> None:
    for name in shapes:
        way = params.fill.get(name) if isinstance(params.fill, dict) else params.fill
        if params.background is None and isinstance(way, str) and way in GUESSES:
            raise InvalidRequest(
                f"the masks of rise fade, and {way!r} needs parts that are there or not; take 'blur' or 'mean'",
                pointer="/params/fill" + (f"/{name}" if isinstance(params.fill, dict) else ""),
            )


@method(
    family="sampling",
    paper="Petsiuk et al., 2018, arXiv:1806.07421, equation 6",
    evaluations=_evaluations,
    centre=Centre("masked_score", "the mean score of masked copies"),
)
def rise(run: Run, params: RiseParams) -> Arrays:
    """The mean score of randomly masked copies, weighted by how much of each value a mask shows."""
    asker = Asker.of(run)
    names = run.explainable()
    found: dict[str, list[Array]] = {}
    for item in range(run.items):
        maps = _explained(asker, params, item, names)
        for name, (mean, error, _) in maps.items():
            shape = run.item_shape(name)
            found.setdefault(f"attribution.{name}", []).append(np.broadcast_to(mean, shape))
            found.setdefault(f"error.{name}", []).append(np.broadcast_to(error, shape))
        _say(run, maps)
        asker.finished(item)
    return {n: np.moveaxis(np.stack(a).astype(np.float32), 0, run.axis_of(n) or 0) for n, a in found.items()}


def _explained(asker: Asker, params: RiseParams, item: int, names: list[str]) -> dict[str, Map]:
    """Return one item's maps, an input covered at a time."""
    run = asker.run
    parts = vector((), run.shapes)
    veils = (
        {VECTOR: Veil.over(run, params, parts, item)}
        if parts
        else {n: Veil.of(run, params, n, item) for n in names}
    )
    most = min(veil.masks.at_once for veil in veils.values())
    effort = Effort(params, params.masks, len(veils), 0, LEAST, 256, max(1, most))
    rng = run.rng()
    for number in effort.rounds():
        for veil in veils.values():
            drawn = veil.masks.draw(rng, number, veil.rows)
            veil.sums.add(drawn, asker.stream(item, len(drawn.counts), partial(veil.copies, drawn)))
        if params.tolerance is not None:
            effort.error = max(float(v.found().error.max()) for v in veils.values())
    effort.tell(run)
    found = {n: v.found() for n, v in veils.items()}
    if not parts:
        return found
    mean, error, level = found[VECTOR]
    return {n: Map(m, e, level) for n, m, e in zip(parts, mean, error, strict=True)}


def _say(run: Run, maps: dict[str, Map]) -> None:
    """Write down the greatest error, and about which score each map lies: one for all inputs, or one for each."""
    error = max(float(m.error.max()) for m in maps.values())
    levels = {f"masked_score.{n}": m.level for n, m in maps.items()}
    if len(levels) == 1 or vector((), run.shapes):
        levels = {"masked_score": next(iter(levels.values()))}
    for name, value in {"standard_error": error, **levels}.items():
        run.per_item.setdefault(name, []).append(value)


class Map(NamedTuple):
    """The map of one input of one item."""

    mean: Array
    error: Array
    """One standard error of each value."""
    level: float
    """The mean score of all masked copies, as exact as the map is kept."""


@dataclass
class Veil:
    """One input of one item under masks, and what shows where they cover it."""

    name: str
    x: Array
    masks: Masks
    cover: Cover | None
    """What covers where masks do not fade."""
    fills: Array
    """What masks fade to, rows first."""

    @cached_property
    def sums(self) -> WeightedScores:
        """The sums over all masks so far."""
        return WeightedScores(self.masks)

    @classmethod
    def of(cls, run: Run, params: RiseParams, name: str, item: int) -> Veil:
        """Return the veil of one input of one item."""
        x, card = run.of_item(run.inputs[name], name, item), run.model.card.input(name)
        masks = Masks.over(name, x, card, params.cells, params.keep)
        if masks.space:
            return cls(name, x, masks, None, constants(run, params, name, item))
        if name in run.model.words:
            words = GroupParams(groups="words", segments=max(x.size, 1))
            shapes = Shapes({name: x.shape}, {name: card})
            masks = replace(masks, groups=find_groups(words, shapes, {name: x}, run.model.words))
        return cls(name, x, masks, cover_of(run, params, name, item), np.zeros((1, 1)))

    @classmethod
    def over(cls, run: Run, params: RiseParams, names: list[str], item: int) -> Veil:
        """Return the veil over a feature vector whose values are inputs."""
        x, cover = np.zeros(len(names)), joint(run, params, names, item)
        return cls(VECTOR, x, Masks(x.shape, (), 1, params.keep), cover, np.zeros((1, 1)))

    @property
    def rows(self) -> int:
        """How many rows of a background there are to draw from."""
        return len(self.fills) if self.cover is None else self.cover.rows

    @property
    def moves(self) -> Array:
        """Where a mask can cover: not at the start, the end and the padding of a text."""
        groups = self.masks.groups
        return np.ones(self.masks.extent, bool) if groups is None else groups.ids[self.name] < groups.count

    def found(self) -> Map:
        """Return the map; a value that every mask shows has the mean score of all copies."""
        (mean, error), level = self.sums.estimate(), self.sums.level
        return Map(np.where(self.moves, mean, level), error * self.moves, level)

    def copies(self, drawn: Drawn, begin: int, end: int) -> Arrays:
        """Return masked copies."""
        m = self.sums.render(drawn, begin, end)
        if self.cover is not None:
            return self.cover.show(m > 0, drawn.rows[begin:end])
        fill = self.fills[0] if self.rows == 1 else self.fills[drawn.rows[begin:end]]
        if self.x.dtype != np.float32:
            return {self.name: as_type(fill + (self.x.astype(np.float64) - fill) * m, self.x.dtype)}
        own = m.shape[1:] == self.x.shape and not self.sums.keeps
        out = np.multiply(self.x - fill, m, out=m if own else None)
        if fill.any():
            out += fill
        return {self.name: out}
