"""Pictures of what has no picture: the attributions as a matrix, leading axes summed."""

from __future__ import annotations

import numpy as np

from ..types import Array
from .frame import COLOURS, INK, colour_bar, frame, headed, png, write, zero_centred
from .subject import Subject


def draw_heatmap(drawn: Subject) -> bytes:
    """Draw the last two axes as a matrix; the sum over the axes before them keeps the total."""
    matrix, summed = _matrix(drawn.values)
    figure = headed(frame(7.6, 4.6), drawn)
    axes = figure.subplots()
    scale = zero_centred(drawn.limit)
    axes.imshow(matrix, cmap=COLOURS, norm=scale, aspect="auto", interpolation="nearest")
    axes.tick_params(labelsize=8, colors=INK)
    last = drawn.values.ndim - 1
    for label, axis in ((axes.xaxis.label, last), (axes.yaxis.label, last - 1)):
        write(label, f"axis {axis + 1} of the input")
        label.set(fontsize=9, color=INK)
    write(axes.title, f"summed over {summed}" if summed else "")
    axes.title.set(fontsize=9, color=INK)
    colour_bar(figure, [axes], drawn, pad=0.02)
    return png(figure)


def _matrix(values: Array) -> tuple[Array, str]:
    leading = values.ndim - 2
    axes = ", ".join(str(axis + 1) for axis in range(leading))
    summed = values.sum(axis=tuple(range(leading)))
    return np.atleast_2d(summed), f"axis {axes}" if leading == 1 else f"axes {axes}" if leading else ""
