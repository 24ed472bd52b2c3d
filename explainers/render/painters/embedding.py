"""Maps of a data set: where its items lie in two dimensions, with their labels, and images as themselves."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from explainers.layout import axes_of, is_image
from explainers.types import Array

from ..frame import DISTINCT, FAINT, LINE, bare, frame, headed, plain
from ..painter import painter
from ..raster import natural
from ..scene import Scene
from ..subject import about

MARKERS = ("o", "s", "^", "D")
MOST_LABELS, MOST_IMAGES = 28, 90
PIXELS = 20
"""A thumbnail's side on the map."""
APART = 0.06
"""Thumbnails are at least so far from each other, as a share of the map's side."""


@painter(array="map", level="all")
def embedding(scene: Scene) -> Figure:
    """The items of a data set as a map: near each other what the layer takes for alike; labels as colours, images in place."""
    points = scene.whole("map")
    assert points is not None
    points = np.asarray(points[:, :2])
    layer = str(scene.explanation.account.facts.get("layer", ""))
    figure = headed(frame(6.8, 6.0), scene.title, " · ".join(filter(None, (about(scene), layer))))
    axes = figure.subplots()
    name = next((n for n in scene.inputs if _is_image(scene, n)), None)
    label = scene.explanation.arrays.get("label")
    _points(axes, points, None if label is None else label.reshape(-1)[: len(points)], scene)
    if name is not None:
        _images(figure, axes, points, scene, name, label)
    bare(axes)
    axes.margins(0.04)
    return figure


def _is_image(scene: Scene, name: str) -> bool:
    own, a = scene.own(name), scene.inputs[name]
    shape = tuple(n for i, n in enumerate(a.shape) if i != own.batch_axis)
    return own.batch_axis is not None and is_image(axes_of(own, shape))


def _points(axes: Axes, points: Array, label: Array | None, scene: Scene) -> None:
    if label is None:
        axes.scatter(points[:, 0], points[:, 1], s=14, color=DISTINCT[0], linewidths=0)
        return
    kinds = np.unique(label)
    looks = cycle((colour, marker) for marker in MARKERS for colour in DISTINCT)
    for kind, (colour, marker) in zip(kinds[:MOST_LABELS], looks, strict=False):
        own = points[label == kind]
        axes.scatter(
            own[:, 0], own[:, 1], s=14, color=colour, marker=marker, linewidths=0, label=_name(scene, kind)
        )
    rest = points[~np.isin(label, kinds[:MOST_LABELS])]
    axes.scatter(rest[:, 0], rest[:, 1], s=10, color=LINE, linewidths=0)
    legend = axes.legend(
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        fontsize=8,
        frameon=False,
        markerscale=1.6,
        labelcolor=FAINT,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _name(scene: Scene, kind: Any) -> str:
    labels = scene.card.labels(scene.explanation.account.explained)
    if labels is None and len(scene.card.outputs) == 1:
        labels = next(iter(scene.card.outputs.values())).labels
    known = isinstance(kind, np.integer) and labels is not None and 0 <= kind < len(labels)
    # a label that begins with an underscore would be left out of the legend
    return plain(labels[int(kind)] if known and labels else str(kind), 20).lstrip("_") or " "


def _images(figure: Figure, axes: Axes, points: Array, scene: Scene, name: str, label: Array | None) -> None:
    """Put items where they lie, as long as they do not cover each other."""
    own = scene.own(name)
    items = np.moveaxis(scene.inputs[name], own.batch_axis or 0, 0)
    letters = axes_of(own, items.shape[1:])
    kinds = [] if label is None else list(np.unique(label))
    for i in _apart(points[: len(items)]):
        picture = natural(items[i], letters, own)
        zoom = PIXELS / max(picture.shape[:2]) * 72 / figure.dpi
        box = OffsetImage(picture, zoom=zoom, cmap="gray", interpolation="nearest", norm=None)
        edge = FAINT if label is None else DISTINCT[kinds.index(label.reshape(-1)[i]) % len(DISTINCT)]
        frame_of = {"edgecolor": edge, "linewidth": 1.8, "boxstyle": "square,pad=0"}
        axes.add_artist(AnnotationBbox(box, tuple(points[i]), pad=0.0, bboxprops=frame_of))


def _apart(points: Array) -> list[int]:
    """Return items that lie apart from each other, evenly through the data set."""
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(0)) / np.where(span > 0, span, 1)
    chosen: list[int] = []
    for i in range(len(points)):
        near = chosen and np.abs(scaled[chosen] - scaled[i]).max(1).min() < APART
        if not near and len(chosen) < MOST_IMAGES:
            chosen.append(i)
    return chosen
