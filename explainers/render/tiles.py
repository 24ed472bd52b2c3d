"""Sheets of many small pictures: every place in inches, so that a sheet of hundreds is laid out at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from .frame import EDGE, FAINT, INK, fit, frame, headed, scale_bar, write

HEAD, NOTE, SCALE, GAP, CAPTION = 0.45, 0.34, 0.62, 0.08, 0.21
"""Inches: the title's height, the line below, the scale of colours, between tiles, a tile's caption."""
WIDTH = 7.4
"""Inches: what a sheet is at most wide."""


class Tiles:
    """Rows and columns of axes of one size, with captions above all or the top ones, and names before the rows.

    `ticks` are inches before and, in part, below every tile for the numbers of its axes.
    """

    def __init__(
        self, rows: int, columns: int, side: tuple[float, float], *, captions: Literal["all", "top", "none"] = "all",
        left: float = 0.0, ticks: float = 0.0, scale: bool = False, note: float = NOTE,
    ) -> None:  # fmt: skip
        self.side, self.left = side, left + ticks
        self.step = (side[0] + GAP + ticks, side[1] + GAP + 0.6 * ticks + CAPTION * (captions == "all"))
        self._top = HEAD + CAPTION * (captions != "none")
        width = max(2 * EDGE + left + columns * self.step[0] - GAP, 3.2)
        height = HEAD + CAPTION * (captions == "top") + rows * self.step[1] + SCALE * scale + note + 0.05
        self.note = note
        self.figure = frame(width, height, laid_out=False)

    def at(self, row: int, column: int, caption: str = "") -> Axes:
        """Return the axes of one tile, with its caption."""
        left = EDGE + self.left + column * self.step[0]
        axes = self._axes(left, self._top + row * self.step[1], *self.side)
        write(axes.set_title("", fontsize=8, color=INK, pad=3), caption, 40)
        fit(axes.title, self.step[0] * self.figure.dpi)
        return axes

    def row(self, row: int, name: str) -> None:
        """Write a row's name before it."""
        w, h = self.figure.get_figwidth(), self.figure.get_figheight()
        middle = self._top + row * self.step[1] + self.side[1] / 2
        text = self.figure.text(EDGE / w, 1 - middle / h, "", va="center", fontsize=8, color=FAINT)
        fit(write(text, name, 60), (self.left - 0.08) * self.figure.dpi)

    def scale(self, mappable: ScalarMappable, unit: str, **more: Any) -> None:
        """Draw the scale of the colours under the tiles."""
        width = min(self.figure.get_figwidth() - 2 * EDGE - 0.6, 3.6)
        top = self.figure.get_figheight() - self.note - SCALE + 0.1
        axes = self._axes(EDGE + 0.3, top, width, 0.11)
        scale_bar(self.figure, mappable, unit, cax=axes, orientation="horizontal", **more)
        fit(axes.xaxis.label, width * self.figure.dpi)
        axes.locator_params(nbins=5)

    def headed(self, title: str, note: str) -> None:
        """Write title and note."""
        headed(self.figure, title, note)

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes whose place is given in inches from the top left."""
        w, h = self.figure.get_figwidth(), self.figure.get_figheight()
        return self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def grid(
    count: int, aspect: float = 1.0, *, least: float = 0.75, most: float = 1.7
) -> tuple[int, int, tuple[float, float]]:
    """Return rows, columns and the side in inches for so many tiles; `aspect` is a tile's width over its height."""
    room = WIDTH - 2 * EDGE
    usual = min(count, max(1, int(room / (least + GAP))), max(3, ceil((count * 1.4) ** 0.5)))
    # of the numbers nearby, the one that leaves the fewest places empty
    near = range(max(1, usual - 2), min(count, int(room / (least + GAP)), usual + 2) + 1)
    columns = min(near, key=lambda n: (-count % n, abs(n - usual)))
    width = min(most, room / columns - GAP)
    return ceil(count / columns), columns, (width, min(width / aspect, 2 * width))


def spread(count: int, most: int) -> Sequence[int]:
    """Return at most so many places out of `count`, evenly spread, the first and the last among them."""
    if count <= most:
        return range(count)
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
