"""Pictures of what has no picture: the attributions as a matrix, leading axes summed."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..frame import COLOURS, colour_bar, frame, headed, named, open_frame, zero_centred
from ..painter import painter
from ..scene import Scene
from ..subject import Subject, subject


@painter(array="attribution.", level="item", forms=("matrix",))
def matrix(scene: Scene) -> Figure:
    """The last two axes of an input as a matrix, those before them summed up."""
    return draw(subject(scene))


def draw(drawn: Subject) -> Figure:
    """Draw a matrix with its scale."""
    figure = headed(frame(7.4, 4.4), drawn.title, drawn.subtitle)
    axes = figure.subplots()
    scale = zero_centred(drawn.limit)
    values = drawn.values if drawn.values.ndim == 2 else drawn.values.reshape(1, -1)
    axes.imshow(values, cmap=COLOURS, norm=scale, aspect="auto", interpolation="nearest")
    open_frame(axes)
    for label, words in ((axes.xaxis.label, "last axis"), (axes.yaxis.label, "last axis but one")):
        named(label, f"{words} of the input")
    named(axes.title, drawn.summed)
    colour_bar(figure, [axes], drawn.limit, drawn.unit, clipped=drawn.clipped, pad=0.02)
    return figure
