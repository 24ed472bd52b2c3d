"""What is to be drawn: an explanation with its inputs and its card, and one item of it or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from explainers.centres import levels
from explainers.errors import InvalidRequest
from explainers.layout import axes_of
from explainers.types import Array, Arrays, Card, Explanation, InputCard

from .forms import Form, form_of

Level = Literal["item", "all"]


@dataclass(frozen=True)
class Scene:
    """An explanation as a picture sees it; `item` None: all items together.

    `of` names one of several inputs or layers; `number` is what the item is called where the arrays hold that item alone.
    """

    explanation: Explanation
    inputs: Arrays
    card: Card
    item: int | None
    of: str | None = None
    clip: float = 99.5
    number: int | None = None

    @property
    def level(self) -> Level:
        """Whether one item is drawn, or all."""
        return "all" if self.item is None else "item"

    @property
    def title(self) -> str:
        """The method in words."""
        return self.explanation.account.method.replace("_", " ")

    def suffixes(self, array: str) -> list[str]:
        """Return what follows the prefix in the arrays' names; of a whole name, that it is there."""
        names = self.explanation.arrays
        if not array.endswith("."):
            return [""] if array in names else []
        return [n.removeprefix(array) for n in names if n.startswith(array)]

    def chosen(self, array: str) -> str:
        """Return the suffix that is drawn: the one that was asked for, else the first."""
        there = self.suffixes(array)
        if self.of is not None and self.of not in there:
            raise InvalidRequest(
                f"nothing of {self.of!r} to draw under {array.rstrip('.')}; there is that of {', '.join(there)}"
            )
        return there[0] if self.of is None else self.of

    def whole(self, name: str) -> Array | None:
        """Return an array over all items, in float64 where it holds numbers; attributions about what they lie about."""
        found = self.explanation.arrays.get(name)
        if found is None or found.dtype.kind not in "fiub":
            return found
        array, _, suffix = name.partition(".")
        found = found.astype(np.float64)
        about = self._centres(suffix) if array == "attribution" else None
        return found if about is None else self._less(found, about, suffix)

    def centre(self, name: str) -> float | None:
        """Return the score that this item's attributions of an input lie about; None: zero, or all items together."""
        about = self._centres(name)
        return None if about is None or self.item is None else float(about[self.item])

    def _centres(self, name: str) -> Array | None:
        account = self.explanation.account
        found = levels(account.method, account.per_item, name)
        return None if found is None else np.array(found, np.float64)

    def _less(self, found: Array, about: Array, name: str) -> Array:
        axis = self.own(name).batch_axis or 0
        # of long batches not all items come along
        shape = [n if i == axis else 1 for i, n in enumerate(found.shape)]
        return np.asarray(found - about[: found.shape[axis]].reshape(shape))

    def one(self, name: str) -> Array | None:
        """Return this item's part of an array that is named after an input, or has its items first."""
        assert self.item is not None
        found = self.whole(name)
        axis = self.own(name.partition(".")[2]).batch_axis
        return None if found is None else np.take(found, self.item, axis or 0)

    def own(self, name: str) -> InputCard:
        """Return an input's card."""
        return self.card.input(name)

    def given(self, name: str) -> Array | None:
        """Return this item's input, or nothing where it did not come along."""
        if name not in self.inputs or self.item is None:
            return None
        axis = self.own(name).batch_axis
        # an input without an item axis is everyone's
        return self.inputs[name] if axis is None else np.take(self.inputs[name], self.item, axis)

    def shape(self, array: str, name: str) -> tuple[int, ...]:
        """Return the shape of one item of an array, or of all of it where it has no items."""
        found = self.explanation.arrays[array + name]
        if array not in PER_ITEM:
            return found.shape
        axis = self.own(name).batch_axis or 0
        return tuple(n for i, n in enumerate(found.shape) if i != axis)

    def form(self, array: str) -> Form:
        """Return how the drawn input looks: by the card's kind, then by its shape."""
        name = self.chosen(array)
        shape = self.shape(array, name)
        return form_of(self.own(name), axes_of(self.own(name), shape), shape)


PER_ITEM = (
    "attribution.",
    "error.",
    "segment.",
    "group.",
    "token.",
    "activation.",
    "attention.",
    "weighted.",
)
"""Arrays that have an item axis."""
