"""What a picture is about: the values that are drawn, the input they belong to, and the words around them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from explainers.centres import centre_of, shares_out
from explainers.labels import label_of
from explainers.layout import axes_of
from explainers.types import Account, Array, InputCard

from .forms import Form, form_of
from .scene import Scene

# the methods whose values are not shares of the score; all others are in the score's own unit
_UNITS = {
    "gradient": "{score} per unit of input",
    "guided_backprop": "{score} per unit of input, guided",
    "deconvnet": "{score} per unit of input, deconvolved",
    "smooth_grad": "{score} per unit of input, smoothed",
    "sensitivity": "({score} per unit of input)²",
    "meaningful_perturbation": "how much the mask covers, 0 to 1",
}
_NOUNS = {"attribution.": "attributions"}


@dataclass(frozen=True)
class Subject:
    """Values as they are drawn, with their input.

    `axes` has a letter for every axis of the input, or is empty where unknown; `summed` says what was summed up.
    """

    name: str
    values: Array
    given: Array | None
    axes: str
    summed: str
    card: InputCard
    form: Form
    what: str
    title: str
    subtitle: str
    unit: str
    limit: float
    clipped: bool


def subject(scene: Scene, array: str = "attribution.") -> Subject:
    """Gather what is drawn of an array that is named after an input: of one item, or of all where the array has no items."""
    name = scene.chosen(array)
    own = scene.own(name)
    raw = scene.whole(array + name) if scene.item is None else scene.one(array + name)
    assert raw is not None
    axes = axes_of(own, raw.shape)
    form = form_of(own, axes, raw.shape)
    values, summed = _drawn(raw, form, axes)
    limit, clipped = limits(values, scene.clip)
    several = len(scene.suffixes(array)) > 1
    return Subject(
        name=name,
        values=values,
        given=scene.given(name),
        axes=axes,
        summed=summed,
        card=own,
        form=form,
        what=_NOUNS.get(array, array.rstrip(".")),
        title=scene.title + (f" · {name}" if several else ""),
        subtitle=about(scene),
        unit=unit_of(scene, name),
        limit=limit,
        clipped=clipped,
    )


def unit_of(scene: Scene, *names: str) -> str:
    """Return what the attributions of these inputs mean, in words."""
    account = scene.explanation.account
    if (centre := centre_of(account.method)) is not None:
        level, *others = {scene.centre(n) for n in names}
        return f"above or below {centre.words}" + ("" if level is None or others else f", {level:.4g}")
    unit = _UNITS.get(account.method, "{score}").format(score=account.explained or "score")
    return f"attribution ({unit})"


def _drawn(values: Array, form: Form, axes: str) -> tuple[Array, str]:
    """Sum what a picture cannot show: the channels of images and volumes, the axes before the last two of anything else."""
    if form == "image":
        return together(channels_last(values, axes)), _channels(values, axes)
    if form != "matrix" or values.ndim <= 2:
        return values, ""
    leading = tuple(range(values.ndim - 2))
    return values.sum(axis=leading), f"summed over axes {', '.join(str(a + 1) for a in leading)}"


def _channels(values: Array, axes: str) -> str:
    apart = "C" in axes and bool(np.ptp(values, axis=axes.index("C")).any())
    return "channels summed" if apart else ""


def together(values: Array) -> Array:
    """Return the sum over channels, the last axis; a value that all carry for their group is that value once."""
    same = not np.ptp(values, axis=-1).any()
    return np.asarray(values[..., 0] if same else values.sum(axis=-1))


def channels_last(array: Array, axes: str) -> Array:
    """Return an image as (H, W, C)."""
    array = array.transpose([axes.index(letter) for letter in "HWC" if letter in axes])
    return array if "C" in axes else array[..., None]


def limits(values: Array, clip: float) -> tuple[float, bool]:
    """Return the end of a scale that is symmetric about zero, and whether values reach beyond it."""
    sizes = np.abs(values[np.isfinite(values)])
    if not sizes.size or not sizes.max():
        return 1.0, False
    limit = float(np.percentile(sizes, clip, method="higher")) or float(sizes.max())
    return limit, bool(sizes.max() > limit)


def about(scene: Scene) -> str:
    """Return the line under a picture: which item, what is explained, what the attributions sum to."""
    account = scene.explanation.account
    if scene.item is None:
        return f"{account.items} item{'s' * (account.items != 1)}"
    item = scene.item
    parts = [which(scene)]
    target = label_of(account, item, scene.card)
    if item < len(account.score):
        parts.append(f"explains {target or account.explained or 'the score'} = {account.score[item]:.4g}")
    if item < len(account.attribution_sum) and shares_out(account.method, account.params):
        parts.append(f"attributions sum to {account.attribution_sum[item]:.4g}")
    return " · ".join(parts)


def which(scene: Scene) -> str:
    """Return what a scene's item is called."""
    return f"item {scene.item if scene.number is None else scene.number}"


def figure_of(account: Account, name: str, item: int) -> float | None:
    """Return one of the account's further figures of an item, or nothing where it has none."""
    values = account.per_item.get(name, [])
    found = values[item] if item < len(values) else math.nan
    return None if math.isnan(found) else found
