"""Which axis of an input means what, from its card or, where that is silent, from its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .datasets import Datasets
from .types import Card, Feeds, InputCard, ModelDescription, TensorSpec

_UNKNOWN = 1 << 30  # an axis of unknown length is long


class Shapes(dict[str, tuple[int, ...]]):
    """The shape of one item of each input, with the inputs' cards and the data sets that parameters name."""

    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        cards: Mapping[str, InputCard] | None = None,
        datasets: Datasets | None = None,
    ) -> None:
        super().__init__({n: tuple(s) for n, s in shapes.items()})
        self.cards = cards or {}
        self.datasets: Datasets = datasets or {}
        """Rows first."""

    def only(self, names: Sequence[str]) -> Shapes:
        """Return the shapes of these inputs alone."""
        return Shapes({n: s for n, s in self.items() if n in names}, self.cards, self.datasets)


def shapes_of(
    arrays: Feeds, description: ModelDescription | None, card: Card | None, datasets: Datasets | None = None
) -> Shapes:
    """Return the shapes of the explained inputs' items; the description says which those are and where their items are."""
    axes: dict[str, int | None] = dict.fromkeys(arrays, 0)
    if description is not None:
        own = [s for s in description.inputs if s.name in description.explained_inputs]
        axes = {s.name: s.batch_axis for s in own if s.batch_axis is not None}
    items = {
        n: tuple(d for i, d in enumerate(a.shape) if i != axes[n])
        for n, a in arrays.items()
        if a.ndim and n in axes
    }
    return Shapes(items, card.inputs if card else None, rows_first(datasets or {}, axes))


def rows_first(datasets: Datasets, axes: Mapping[str, int | None]) -> Datasets:
    """Return data sets of inputs with their rows in front."""
    return {
        key: {n: a if (axis := axes.get(n)) is None else np.moveaxis(a, axis, 0) for n, a in arrays.items()}
        for key, arrays in datasets.items()
    }


def card_of(shapes: Mapping[str, Sequence[int]], name: str) -> InputCard:
    """Return the card of one input, the default one where the shapes come without cards."""
    return shapes.cards.get(name, InputCard()) if isinstance(shapes, Shapes) else InputCard()


def item_shape(spec: TensorSpec) -> list[int | str | None] | None:
    """Return the shape of one item, or nothing where the model does not say it."""
    if spec.shape is None:
        return None
    return [d for i, d in enumerate(spec.shape) if i != spec.batch_axis]


def axes_of(card: InputCard, shape: Sequence[int | str | None]) -> str:
    """Return a letter per axis of one item, from the card's layout or, for images and series, from the shape."""
    given = (card.layout or "").upper().replace("N", "", 1)
    lengths = [d if isinstance(d, int) else _UNKNOWN for d in shape]
    if given and len(given) == len(lengths):
        return given
    if card.kind in ("image", "any") and len(lengths) == 3:
        return _image(lengths)
    if card.kind == "image" and len(lengths) == 2:
        return "HW"
    if card.kind == "volume" and len(lengths) in (3, 4):
        last = len(lengths) == 4 and lengths[3] in (1, 3) and lengths[0] not in (1, 3)
        return "DHW" if len(lengths) == 3 else "DHWC" if last else "CDHW"
    if card.kind == "series" and len(lengths) in (1, 2):
        return "T" if len(lengths) == 1 else ("TC" if lengths[0] >= lengths[1] else "CT")
    return ""


def _image(lengths: list[int]) -> str:
    if lengths[0] in (1, 3) and min(lengths[1:]) > 3:
        return "CHW"
    return "HWC" if lengths[2] in (1, 3) and min(lengths[:2]) > 3 else ""


def is_image(axes: str) -> bool:
    """Say whether these are the axes of an image: height and width, with channels or without."""
    return {"H", "W"} <= set(axes) <= {"C", "H", "W"}


def is_volume(axes: str) -> bool:
    """Say whether these are the axes of a volume or a video: three of depth, time, height and width, with channels or without."""
    return len(axes.replace("C", "")) == 3 and set(axes) <= set("CDTHW")
