"""Pictures of images: the image, and its attributions as colours over it."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..frame import colour_bar, frame, headed
from ..painter import painter
from ..raster import overlay, panel, shown
from ..scene import Scene
from ..subject import Subject, subject


@painter(array="attribution.", level="item", forms=("image",))
def image(scene: Scene) -> Figure:
    """An image, and its attributions as colours over it; channels are summed."""
    return draw(subject(scene))


def draw(drawn: Subject) -> Figure:
    """Draw the image and its overlay side by side, or the overlay alone."""
    panels = 1 if drawn.given is None else 2
    high, wide = drawn.values.shape
    height = min(max(3.1 * high / wide, 1.3), 4.6)
    width = min(max(height * wide / high, 1.7), 3.1)
    figure = headed(frame(1.5 + width * panels, height + 1.1), drawn.title, drawn.subtitle)
    grid = figure.subplots(1, panels, squeeze=False)[0]
    if drawn.given is not None:
        panel(grid[0], shown(drawn), "input")
    panel(grid[-1], overlay(drawn), drawn.what + (f", {drawn.summed}" if drawn.summed else ""))
    colour_bar(figure, list(grid), drawn.limit, drawn.unit, clipped=drawn.clipped, shrink=0.9, pad=0.02)
    return figure
