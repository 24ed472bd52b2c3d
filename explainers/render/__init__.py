"""Explanations as pictures: what an array is called and what the card says of its input decide how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from explainers.types import Arrays, Card, Explanation

from .frame import finish
from .painter import Format, able, choose
from .scene import Scene
from .sheet import contact_sheet

__all__ = [
    "Format",
    "Scene",
    "able",
    "contact_sheet",
    "draw",
    "finish",
    "picture",
    "settled",
    "usual_item",
    "views",
]


def picture(
    explanation: Explanation,
    inputs: Arrays,
    item: int | None,
    card: Card,
    of: str | None = None,
    *,
    view: str | None = None,
    format: Format = "png",
    clip: float = 99.5,
    number: int | None = None,
) -> bytes:
    """Draw one item, or all where `item` is None, as PNG, SVG or HTML; `of` names one of several inputs or layers.

    Colours reach from minus to plus the `clip` percentile of the magnitudes, so that one spike hides nothing.
    `number` is what the item is called where the arrays hold that item alone.
    """
    made = draw(Scene(explanation, inputs, card, item, of, clip, number), view, format)
    return made.encode() if isinstance(made, str) else finish(made, format)


def draw(scene: Scene, view: str | None = None, format: Format = "png") -> Figure | str:
    """Return a scene as a figure, or as HTML: by the view of that name, or the usual one."""
    return choose(scene, view, format).paint(scene)


def views(explanation: Explanation, inputs: Arrays, card: Card) -> dict[str, list[str]]:
    """Return the names of the views of single items, of all items together, and of pages; the usual one first."""
    one = able(Scene(explanation, inputs, card, 0))
    every = able(Scene(explanation, inputs, card, None))
    return {
        "item": [p.name for p in one if not p.page],
        "all": [p.name for p in every if not p.page],
        "html": [p.name for p in one if p.page],
    }


def usual_item(explanation: Explanation, inputs: Arrays, card: Card, view: str | None = None) -> int | None:
    """Return which item to draw where nobody says: the first, or none where only all together have that picture."""
    there = views(explanation, inputs, card)
    only_all = view in there["all"] if view is not None else not there["item"]
    return None if only_all and there["all"] else 0


def settled(card: Card, axes: Mapping[str, int | None]) -> Card:
    """Return a card that says of every input where its items are."""
    own = {name: card.input(name).model_copy(update={"batch_axis": axis}) for name, axis in axes.items()}
    return card.model_copy(update={"inputs": {**card.inputs, **own}})
