"""Pictures of segments: an image cut into pieces, and what each piece is worth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from explainers.types import Array

from ..frame import INK, colour_bar, fit, frame, headed, named
from ..painter import painter
from ..raster import coloured, panel, shown
from ..scene import Scene
from ..subject import Subject, subject
from ..table import Feature
from .bars import draw, explained_errors, largest

MOST = 8


def _is_image(scene: Scene) -> bool:
    same = scene.of is None or scene.of in scene.suffixes("attribution.")
    return same and scene.form("attribution.") == "image"


@painter(array="segment.", level="item", fits=_is_image, rank=-2)
def segments(scene: Scene) -> Figure:
    """An image, its segments in the colours of their attributions, and the strongest as bars with their errors."""
    drawn, numbers = subject(scene), _numbers(scene)
    rows, hidden = largest(_pieces(scene, drawn, numbers), MOST)
    panels = 1 if drawn.given is None else 2
    figure = headed(frame(4.9 + 2.5 * panels, 4.2), drawn.title, drawn.subtitle)
    *pictures, right = figure.subplots(1, panels + 1, width_ratios=[1] * panels + [0.9])
    # every pixel carries its segment's value, but its sum over channels is no segment's
    values = _worth(scene, drawn)
    limit = float(np.abs(values).max()) or 1.0
    if drawn.given is not None:
        panel(pictures[0], shown(drawn), "input")
    # nothing shines through: the input and the borders are there, and a segment has the colour of its number on the scale
    panel(pictures[-1], coloured(values, limit), f"{len(rows) + hidden} segments")
    for axes in pictures:
        _borders(axes, numbers)
    _label(pictures[-1], numbers, rows)
    draw(right, rows)
    named(right.title, f"the {len(rows)} strongest of {len(rows) + hidden}" if hidden else "each segment")
    named(right.xaxis.label, f"{drawn.unit}{explained_errors(rows)}")
    fit(right.xaxis.label, 3.6 * figure.dpi)
    colour_bar(
        figure, pictures, limit, drawn.unit, location="bottom", shrink=0.9 / panels, pad=0.03, aspect=30
    )
    figure.axes[-1].locator_params(nbins=5)
    fit(figure.axes[-1].xaxis.label, 3.6 * figure.dpi)
    return figure


def _plane(scene: Scene, name: str, axes: str) -> Array:
    """Return an item's array (H, W) whose channels are all alike."""
    found = scene.one(name)
    assert found is not None
    order = [axes.index(letter) for letter in "CHW" if letter in axes]
    return np.asarray(found.transpose(order).reshape(-1, *(found.shape[i] for i in order[-2:]))[0])


def _numbers(scene: Scene) -> Array:
    drawn = subject(scene)
    return _plane(scene, f"segment.{drawn.name}", drawn.axes).astype(int)


def _worth(scene: Scene, drawn: Subject) -> Array:
    return _plane(scene, f"attribution.{drawn.name}", drawn.axes)


def _pieces(scene: Scene, drawn: Subject, numbers: Array) -> list[Feature]:
    values = _worth(scene, drawn)
    there = f"error.{drawn.name}" in scene.explanation.arrays
    errors = _plane(scene, f"error.{drawn.name}", drawn.axes) if there else None
    found = []
    for n in np.unique(numbers):
        at = tuple(np.argwhere(numbers == n)[0])
        error = None if errors is None else float(errors[at])
        found.append(Feature(f"segment {n}", float(values[at]), error))
    return found


def _borders(axes: Axes, numbers: Array) -> None:
    """Draw a line where a segment ends."""
    down, right = np.nonzero(np.diff(numbers, axis=0)), np.nonzero(np.diff(numbers, axis=1))
    lines = [((x - 0.5, x + 0.5), (y + 0.5, y + 0.5)) for y, x in zip(*down, strict=True)]
    lines += [((x + 0.5, x + 0.5), (y - 0.5, y + 0.5)) for y, x in zip(*right, strict=True)]
    xs = [v for (a, b), _ in lines for v in (a, b, np.nan)]
    ys = [v for _, (a, b) in lines for v in (a, b, np.nan)]
    # seen on what is dark, too
    halo = [withStroke(linewidth=1.4, foreground="white", alpha=0.5)]
    axes.plot(xs, ys, color=INK, linewidth=0.6, alpha=0.7, path_effects=halo)


def _label(axes: Axes, numbers: Array, rows: list[Feature]) -> None:
    """Write the strongest segments' numbers into them."""
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for row in rows:
        n = int(row.name.split()[-1])
        inside = np.argwhere(numbers == n)
        # the pixel nearest to the middle is inside whatever the segment's shape
        y, x = inside[np.square(inside - inside.mean(0)).sum(1).argmin()]
        axes.text(x, y, str(n), fontsize=8, ha="center", va="center", color=INK, path_effects=halo)
