"""Pictures of what has no picture: the attributions as a matrix, leading axes summed."""

from __future__ import annotations

from .frame import COLOURS, INK, colour_bar, frame, headed, png, write, zero_centred
from .subject import Subject


def draw_heatmap(drawn: Subject) -> bytes:
    """Draw the last two axes as a matrix; `subject` has summed up those before them."""
    figure = headed(frame(7.6, 4.6), drawn)
    axes = figure.subplots()
    scale = zero_centred(drawn.limit)
    axes.imshow(drawn.values, cmap=COLOURS, norm=scale, aspect="auto", interpolation="nearest")
    axes.tick_params(labelsize=8, colors=INK)
    for label, words in ((axes.xaxis.label, "last axis"), (axes.yaxis.label, "last axis but one")):
        write(label, f"{words} of the input")
        label.set(fontsize=9, color=INK)
    write(axes.title, drawn.summed)
    axes.title.set(fontsize=9, color=INK)
    colour_bar(figure, [axes], drawn, pad=0.02)
    return png(figure)
