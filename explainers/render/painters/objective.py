"""Curves of a search: the objective of each prototype, step by step."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from ..frame import DISTINCT, frame, headed, named, open_frame, plain
from ..painter import painter
from ..scene import Scene
from .prototype import about_prototypes, caption

MOST = 14
STYLES = ("-", "--")


@painter(array="curve", level="all", rank=2)
def objective(scene: Scene) -> Figure:
    """The objective of each prototype at every step of the search."""
    curve = scene.whole("curve")
    assert curve is not None
    curve = curve.reshape(len(curve), -1)
    count = curve.shape[1]
    figure = headed(frame(7.4, 3.8), scene.title, about_prototypes(scene, count))
    axes = figure.subplots()
    kinds = cycle((colour, style) for style in STYLES for colour in DISTINCT)
    for i, (colour, style) in zip(range(min(count, MOST)), kinds, strict=False):
        axes.plot(np.arange(len(curve)), curve[:, i], color=colour, linestyle=style, linewidth=1.3)
    labels = [
        plain(caption(scene, i).rpartition(":")[0] or caption(scene, i), 20) for i in range(min(count, MOST))
    ]
    open_frame(axes)
    named(axes.xaxis.label, "step")
    named(axes.yaxis.label, "objective")
    if count > 1:
        lines = axes.get_lines()
        legend = axes.legend(
            lines, labels, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
