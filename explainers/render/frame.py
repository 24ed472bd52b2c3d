"""The frame of every picture: figure, colours, words, and bytes that are the same every time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

INK, FAINT, LINE = "#1f2328", "#59636e", "#d0d7de"
# red for, blue against, white at zero: told apart under every common colour blindness
COLOURS: Colormap = mpl.colormaps["RdBu_r"]
FOR, AGAINST = COLOURS(0.86), COLOURS(0.14)
AMOUNTS: Colormap = mpl.colormaps["cividis"]
"""For what has no sign."""
DISTINCT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The colours of Okabe and Ito for things of different kinds."""
DPI = 110
EDGE = 0.12
"""Inches between the words and the figure's edge."""
UPRIGHT = 36
"""Letters of a line that runs upwards beside a scale."""


def frame(width: float, height: float, *, laid_out: bool = True) -> Figure:
    """Return an empty white figure, sizes in inches; no state is shared with another figure."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08) if laid_out else None
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def headed(figure: Figure, title: str, note: str) -> Figure:
    """Write the title above and a line or two of words below, as wide as the figure."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    left, room = EDGE / width, (width - 2 * EDGE) * figure.dpi
    # a layout engine finds the heights itself, and keeps the room free
    high, low = ({}, {}) if figure.get_layout_engine() else ({"y": 1 - 0.1 / height}, {"y": 0.06 / height})
    top = figure.suptitle("", x=left, ha="left", fontsize=12, fontweight="bold", color=INK, **high)
    fit(write(top, title, 120), room)
    below = figure.supxlabel("", x=left, ha="left", fontsize=9, color=FAINT, **low)
    below.set_parse_math(False)
    _two_lines(below, plain(note, 240), room)
    return figure


def _two_lines(text: Text, words: str, room: float) -> None:
    """Write words in a line, or in two that part between two statements."""
    text.set_text(words)
    if " · " not in words or width_of(text) <= room:
        fit(text, room)
        return
    parts, first = words.split(" · "), ""
    while parts:
        text.set_text(more := " · ".join(filter(None, (first, parts[0]))))
        if first and width_of(text) > room:
            break
        first, parts = more, parts[1:]
    lines = []
    for line in filter(None, (first, " · ".join(parts))):
        text.set_text(line)
        lines.append(fit(text, room).get_text())
    text.set_text("\n".join(lines))


def fit(text: Text, room: float) -> Text:
    """Cut a text where it is wider than so many pixels."""
    words = text.get_text()
    while len(words) > 1 and width_of(text) > room:
        words = words[: min(len(words) - 1, int(len(words) * room / width_of(text)))]
        text.set_text(words.rstrip("… ") + "…")
    return text


def width_of(text: Text) -> float:
    """Return how many pixels a text takes."""
    with quiet():
        return float(text.get_window_extent().width)


@contextmanager
def quiet() -> Iterator[None]:
    """Take a letter that no font has as what it is, a box, and not as worth a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


def write(text: Text, words: str, most: int = 90) -> Text:
    """Set a text from words that may be a stranger's: one line, no mathematics, cut where too long."""
    text.set_parse_math(False)
    text.set_text(plain(words, most))
    return text


def plain(words: str, most: int = 90) -> str:
    """Return words as one printable line of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in words[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def named(label: Text, words: str, most: int = 60) -> None:
    """Write the name of an axis or of a panel."""
    write(label, words, most).set(fontsize=9, color=INK)


def names(axes: Axes, positions: Any, labels: list[str], most: int = 32) -> None:
    """Write labels along the vertical axis, from top to bottom."""
    axes.set_yticks(
        positions, [plain(label, most) for label in labels], parse_math=False, fontsize=9, color=INK
    )


def bare(axes: Axes) -> None:
    """Take ticks away and make the frame faint."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.8)


def open_frame(axes: Axes, *hidden: str) -> None:
    """Leave away sides of the frame, and make the numbers small."""
    axes.spines[list(hidden or ("top", "right"))].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)


def zero_centred(limit: float) -> Normalize:
    """Return a scale from minus to plus the limit."""
    return Normalize(-limit, limit)


def colour_bar(
    figure: Figure, axes: Any, limit: float, unit: str, *, clipped: bool = False, **where: Any
) -> None:
    """Draw the scale of the signed colours with its unit; pointed ends say that values reach beyond it."""
    scale = ScalarMappable(zero_centred(limit), COLOURS)
    scale_bar(figure, scale, unit, ax=axes, extend="both" if clipped else "neither", **where)


def scale_bar(figure: Figure, scale: ScalarMappable, unit: str, **where: Any) -> None:
    """Draw a scale of colours with its unit."""
    bar = figure.colorbar(scale, **where)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set(edgecolor=LINE)
    flat = where.get("location") in ("bottom", "top") or where.get("orientation") == "horizontal"
    named(bar.ax.xaxis.label if flat else bar.ax.yaxis.label, unit, 80)
    if not flat and len(unit) > UPRIGHT:
        # words that run upwards have little room: they go on beside each other
        bar.ax.yaxis.label.set_text("\n".join(wrap(plain(unit, 80), UPRIGHT)))


def finish(figure: Figure, format: str) -> bytes:
    """Return the figure as bytes without date or version, and let it go."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
    # names of clip paths would else be drawn by lot
    with mpl.rc_context({"svg.hashsalt": "onnxplain"}), quiet():
        figure.savefig(buffer, format=format, metadata=metadata)
    figure.clear()
    return buffer.getvalue()
