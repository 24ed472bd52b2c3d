"""Pictures of interactions: what every two groups are worth together beyond what each is worth alone."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from explainers.types import Array

from ..frame import COLOURS, INK, colour_bar, frame, headed, open_frame, plain, zero_centred
from ..painter import painter
from ..scene import Scene
from ..subject import figure_of, which
from ..table import features, is_columns


@painter(array="interactions", level="item", rank=1)
def interactions(scene: Scene) -> Figure:
    """What every two groups add together beyond what each adds alone: a matrix, red where they help each other."""
    found = scene.one("interactions")
    assert found is not None
    # an item with fewer groups than another has empty rows at the end
    assert scene.item is not None
    count = min(len(found), int(figure_of(scene.explanation.account, "groups", scene.item) or len(found)))
    side = 0.46 * count + 0.7
    figure = headed(frame(side + 3.4, side + 1.9), f"{scene.title} · interactions", which(scene))
    axes = figure.subplots()
    values = np.nan_to_num(found[:count, :count])
    limit = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=COLOURS, norm=zero_centred(limit), interpolation="nearest")
    _named(axes, _labels(scene, count))
    _numbers(axes, values, limit)
    colour_bar(figure, [axes], limit, "score, beyond what each adds alone", pad=0.02)
    return figure


def _labels(scene: Scene, count: int) -> list[str]:
    """Return the names of features where each is a group, else the groups' numbers."""
    array = "attribution."
    if is_columns(scene, array) or (len(scene.suffixes(array)) == 1 and scene.form(array) == "features"):
        rows = features(scene)
        if len(rows) == count:
            return [plain(row.name, 24) for row in rows]
    return [f"group {i}" for i in range(count)]


def _named(axes: Axes, labels: list[str]) -> None:
    open_frame(axes, "top", "right", "bottom", "left")
    at = list(range(len(labels)))
    axes.set_yticks(at, labels, parse_math=False, fontsize=8, color=INK)
    axes.set_xticks(at, labels, parse_math=False, fontsize=8, color=INK, rotation=90)


def _numbers(axes: Axes, values: Array, limit: float) -> None:
    digits = max(0, 1 - math.floor(math.log10(limit)))
    for (i, j), value in np.ndenumerate(values):
        if i != j:
            # white on the strong colours, dark on the pale ones
            colour = "white" if abs(value) > 0.62 * limit else INK
            said = f"{value:.{digits}f}" if digits < 4 else f"{value:.0e}"
            axes.text(j, i, said, ha="center", va="center", fontsize=6.5, color=colour)
