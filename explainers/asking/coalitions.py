"""Coalitions: what a model answers when only some groups of an item are there, each coalition asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ..errors import InvalidRequest
from ..types import Array, Arrays
from .blocks import Asker, asked_about
from .fills import BackgroundParams, background_size, check_names, fillers
from .groups import GroupParams, Groups, find_groups, groups_of

if TYPE_CHECKING:
    from ..run import Run


class CoalitionParams(GroupParams, BackgroundParams):
    """What every method that asks about coalitions of groups can be asked."""

    segments: int = Field(16, ge=1, le=100_000, description=GroupParams.model_fields["segments"].description)
    link: Literal["identity", "logit"] = Field(
        "identity",
        description="What is shared among the groups: the score, or the logit of a score that is a probability.",
    )


def sizes(params: CoalitionParams, shapes: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Return the number of groups and of background rows, judged from shapes alone."""
    own = asked_about(params, shapes)
    return find_groups(params, own).count, background_size(params, own)


@dataclass
class Game:
    """The coalitions of one item's groups, and what each is worth."""

    asker: Asker
    item: int
    groups: Groups
    fillers: Arrays
    link: Literal["identity", "logit"] = "identity"
    known: dict[bytes, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole = np.ones((1, self.groups.count), bool)
        self.known[_names(whole)[0]] = float(self._linked(self.asker.run.frozen[1][[self.item]])[0])

    @classmethod
    def of(cls, asker: Asker, params: CoalitionParams, item: int) -> Game:
        """Return the game of one item of a run."""
        run = asker.run
        cards = run.model.card
        names = run.explainable()
        check_names(params, names)
        rows = {n: fillers(params, n, run.of_item(run.inputs[n], n, item), cards.input(n)) for n in names}
        return cls(asker, item, groups_of(run, params, item), rows, params.link)

    @property
    def rows(self) -> int:
        """Evaluations that one coalition takes."""
        return len(next(iter(self.fillers.values())))

    @property
    def whole(self) -> float:
        """What all groups together are worth."""
        return float(self.values(np.ones((1, self.groups.count), bool))[0])

    @property
    def nothing(self) -> float:
        """What the item is worth without any group."""
        return float(self.values(np.zeros((1, self.groups.count), bool))[0])

    def values(self, masks: Array) -> Array:
        """Return the worth of coalitions, one row of `masks` each; one that was asked before is not asked again."""
        names = _names(masks)
        first = {name: i for i, name in reversed(list(enumerate(names))) if name not in self.known}
        new = np.array(sorted(first.values()), np.int64)
        if len(new):
            worth = self._linked(self._means(masks[new]))
            self.known |= {names[i]: float(v) for i, v in zip(new, worth, strict=True)}
        return np.array([self.known[name] for name in names])

    def _means(self, masks: Array) -> Array:
        """Return the mean score of each coalition over the background."""
        k = self.rows
        scores = self.asker.scores(
            self.item, len(masks) * k, lambda begin, end: self._copies(masks, begin, end)
        )
        out: Array = scores.reshape(-1, k).mean(1)
        return out

    def _copies(self, masks: Array, begin: int, end: int) -> Arrays:
        at = np.arange(begin, end)
        chosen, back = masks[at // self.rows], at % self.rows
        return {n: self._covered(n, chosen, back) for n in self.groups.ids}

    def _covered(self, name: str, masks: Array, back: Array) -> Array:
        run = self.asker.run
        x = run.of_item(run.inputs[name], name, self.item)
        there = masks[:, self.groups.ids[name]]
        return np.where(there, x, self.fillers[name] if self.rows == 1 else self.fillers[name][back])

    def _linked(self, scores: Array) -> Array:
        if self.link == "identity":
            return scores
        if (scores < 0).any() or (scores > 1 + 1e-6).any():
            raise InvalidRequest(
                "the link 'logit' needs a score between 0 and 1; explain a probability, or use 'identity'",
                pointer="/params/link",
            )
        p = np.clip(scores, 1e-7, 1 - 1e-7)
        out: Array = np.log(p / (1 - p))
        return out


def _names(masks: Array) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(masks, axis=1)]


def tell(run: Run, game: Game, values: Array, standard_error: float) -> None:
    """Enter one item's books: where it starts, what the sum misses, how sure the values are."""
    figures = {
        "baseline_score": game.nothing,
        "delta": game.whole - game.nothing - float(values.sum()),
        "standard_error": standard_error,
        "groups": float(game.groups.count),
        "coalitions": float(len(game.known)),
    }
    if game.link != "identity":
        figures["linked_score"] = game.whole
    for name, value in figures.items():
        run.per_item.setdefault(name, []).append(value)
