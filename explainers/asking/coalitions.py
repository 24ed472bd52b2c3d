"""Coalitions: what a model answers when only some groups of an item are there, each coalition asked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ..errors import InvalidRequest
from ..types import Array, Arrays
from .blocks import Asker, asked_about
from .covers import Copies
from .fills import FillParams, covers_of, rows_of
from .groups import GroupParams, Groups, find_groups, gather, groups_of

if TYPE_CHECKING:
    from ..run import Run


class CoalitionParams(GroupParams, FillParams):
    """What every method that asks about coalitions of groups can be asked."""

    segments: int = Field(16, ge=1, le=100_000, description=GroupParams.model_fields["segments"].description)
    link: Literal["identity", "logit"] = Field(
        "identity",
        description="What is shared among the groups: the score, or the logit of a score that is a probability.",
    )


def sizes(params: CoalitionParams, shapes: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Return the number of groups and of background rows, judged from shapes alone."""
    own = asked_about(params, shapes)
    return find_groups(params, own).count, rows_of(params, own)


@dataclass
class Game:
    """The coalitions of one item's groups, and what each is worth."""

    asker: Asker
    item: int
    copies: Copies
    link: Literal["identity", "logit"] = "identity"
    _names: Array = field(init=False)
    """The coalitions whose worth is known, in rising order."""
    _worth: Array = field(init=False)

    def __post_init__(self) -> None:
        self._names = _named(np.ones((1, self.groups.count), bool))
        self._worth = self._linked(self.asker.run.frozen[1][[self.item]])

    @classmethod
    def of(cls, asker: Asker, params: CoalitionParams, item: int) -> Game:
        """Return the game of one item of a run."""
        run = asker.run
        copies = Copies(groups_of(run, params, item), covers_of(run, params, item))
        return cls(asker, item, copies, params.link)

    @property
    def groups(self) -> Groups:
        """The players."""
        return self.copies.groups

    @property
    def rows(self) -> int:
        """Evaluations that one coalition takes."""
        return self.copies.rows

    @property
    def known(self) -> int:
        """How many coalitions were asked, the whole item among them."""
        return len(self._names)

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
        names, first, which = np.unique(_named(masks), return_index=True, return_inverse=True)
        at = np.searchsorted(self._names, names)
        new = self._names[np.minimum(at, self.known - 1)] != names
        if new.any():
            order = np.argsort(first[new])
            worth = np.empty(len(order))
            worth[order] = self._linked(self._scores(masks[first[new][order]]))
            self._names = np.insert(self._names, at[new], names[new])
            self._worth = np.insert(self._worth, at[new], worth)
            at = np.searchsorted(self._names, names)
        return np.asarray(self._worth[at][which])

    def _scores(self, masks: Array) -> Array:
        asker = self.asker
        if asker.in_graph and (front := self.copies.front(masks, asker.run.axes)) is not None:
            return asker.scores(self.item, len(masks), front)

        def show(copy: Array, row: Array) -> Arrays:
            return self.copies.show(masks[copy], row)

        return asker.averages(self.item, len(masks), self.rows, show)

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


def _named(masks: Array) -> Array:
    """Return a name for each coalition, a row of `masks`: a whole number, or for more than 64 groups the bytes of several."""
    packed = np.packbits(masks, axis=1)
    words = -(-packed.shape[1] // 8)
    wide = np.zeros((len(packed), words), np.uint64)
    wide.view(np.uint8)[:, : packed.shape[1]] = packed
    return wide.reshape(-1) if words == 1 else wide.view(f"V{8 * words}").reshape(-1)


def shared_out(
    run: Run, params: CoalitionParams, explained: Callable[[Game], tuple[Array, Array | None]]
) -> Arrays:
    """Return each item's score shared among its groups; `explained` gives values and, where it samples, standard errors."""
    asker = Asker.of(run)
    groups, values, errors = [], [], []
    for item in range(run.items):
        game = Game.of(asker, params, item)
        found, error = explained(game)
        _tell(run, game, found, 0.0 if error is None else float(error.max(initial=0)))
        groups.append(game.groups)
        values.append(found)
        errors += [] if error is None else [error]
        asker.finished(item)
    return gather(run, params, groups, values, errors or None)


def _tell(run: Run, game: Game, values: Array, standard_error: float) -> None:
    """Enter one item's books: where it starts, what the sum misses, how sure the values are."""
    figures = {
        "baseline_score": game.nothing,
        "delta": game.whole - game.nothing - float(values.sum()),
        "standard_error": standard_error,
        "groups": float(game.groups.count),
        "coalitions": float(game.known),
    }
    if game.link != "identity":
        figures["linked_score"] = game.whole
    for name, value in figures.items():
        run.per_item.setdefault(name, []).append(value)
