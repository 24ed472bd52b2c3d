"""What a picture is about: one item's attributions, the input they belong to, and the words around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from explainers.errors import InvalidRequest
from explainers.labels import label_of
from explainers.layout import axes_of, is_image
from explainers.types import Account, Array, Arrays, Card, Explanation, InputCard

Form = Literal["image", "series", "bars", "heatmap"]
MOST_BARS = 64

# the methods whose values are not shares of the score; all others are in the score's own unit
_UNITS = {
    "gradient": "{score} per unit of input",
    "guided_backprop": "{score} per unit of input, guided",
    "deconvnet": "{score} per unit of input, deconvolved",
    "smooth_grad": "{score} per unit of input, smoothed",
    "sensitivity": "({score} per unit of input)²",
}


@dataclass(frozen=True)
class Subject:
    """One item's attributions as they are drawn, with their input.

    `axes` has a letter for every axis of the input, or is empty where unknown; `summed` says what was summed up.
    """

    values: Array
    given: Array | None
    axes: str
    summed: str
    card: InputCard
    form: Form
    title: str
    subtitle: str
    unit: str
    limit: float
    clipped: bool


def subject(
    explanation: Explanation, inputs: Arrays, item: int, card: Card, name: str | None, *, clip: float
) -> Subject:
    """Gather what is drawn of one item, or refuse with what there is."""
    name = _named(explanation, name)
    account = explanation.account
    if not 0 <= item < account.items:
        raise InvalidRequest(f"item {item} does not exist; there are {account.items}, counted from 0")
    own = card.input(name)
    raw = one_item(explanation.attributions[name], own, item).astype(np.float64)
    axes = axes_of(own, raw.shape)
    form = form_of(own, axes, raw.shape)
    values, summed = _drawn(raw, form, axes)
    limit, clipped = limits(values, clip)
    return Subject(
        values=values,
        given=one_item(inputs[name], own, item) if name in inputs else None,
        axes=axes,
        summed=summed,
        card=own,
        form=form,
        title=account.method.replace("_", " ") + (f" · {name}" if len(explanation.attributions) > 1 else ""),
        subtitle=_explained(account, item, card),
        unit=unit_of(account),
        limit=limit,
        clipped=clipped,
    )


def unit_of(account: Account) -> str:
    """Return what one unit of the attributions means, in words."""
    unit = _UNITS.get(account.method, "{score}").format(score=account.explained or "score")
    return f"attribution ({unit})"


def _drawn(values: Array, form: Form, axes: str) -> tuple[Array, str]:
    """Sum what a picture cannot show: the channels of an image, the axes before the last two of anything else."""
    if form == "image" and "C" in axes:
        many = values.shape[axes.index("C")] > 1
        return channels_last(values, axes).sum(axis=-1), "channels summed" if many else ""
    if form == "image":
        return values.transpose([axes.index(letter) for letter in "HW"]), ""
    if form != "heatmap" or values.ndim == 2:
        return values, ""
    leading = tuple(range(values.ndim - 2))
    return values.sum(axis=leading), f"summed over axes {', '.join(str(a + 1) for a in leading)}"


def channels_last(array: Array, axes: str) -> Array:
    """Return an image as (H, W, C)."""
    array = array.transpose([axes.index(letter) for letter in "HWC" if letter in axes])
    return array if "C" in axes else array[..., None]


def _named(explanation: Explanation, name: str | None) -> str:
    there = explanation.attributions
    if not there:
        held = ", ".join(explanation.arrays) or "nothing"
        raise InvalidRequest(f"this explanation has no attributions to draw; it holds {held}")
    if name is not None and name not in there:
        raise InvalidRequest(f"no attributions of {name!r} to draw; there are those of {', '.join(there)}")
    return name if name is not None else next(iter(there))


def one_item(array: Array, card: InputCard, item: int) -> Array:
    """Return one item of a batch; an input without a batch axis is everyone's."""
    return array if card.batch_axis is None else np.take(array, item, axis=card.batch_axis)


def form_of(card: InputCard, axes: str, shape: tuple[int, ...]) -> Form:
    """Choose how an input is drawn: by its axes, then by its length."""
    if is_image(axes):
        return "image"
    words = card.kind in ("text", "tokens", "tabular")
    if "T" in axes and set(axes) <= {"T", "C"} and not words:
        return "series"
    if len(shape) <= 1:
        return "bars" if words or int(np.prod(shape)) <= MOST_BARS else "series"
    return "heatmap"


def limits(values: Array, clip: float) -> tuple[float, bool]:
    """Return the end of a scale that is symmetric about zero, and whether values reach beyond it."""
    sizes = np.abs(values[np.isfinite(values)])
    if not sizes.size or not sizes.max():
        return 1.0, False
    limit = float(np.percentile(sizes, clip, method="higher")) or float(sizes.max())
    return limit, bool(sizes.max() > limit)


def _explained(account: Account, item: int, card: Card) -> str:
    parts = [f"item {item}"]
    target = label_of(account, item, card)
    if item < len(account.score):
        parts.append(f"explains {target or account.explained or 'the score'} = {account.score[item]:.4g}")
    if item < len(account.attribution_sum):
        parts.append(f"attributions sum to {account.attribution_sum[item]:.4g}")
    return " · ".join(parts)
