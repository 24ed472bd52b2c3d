"""The frame of every picture: figure, colours, words, and PNG bytes that are the same every time."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from .subject import Subject

INK, FAINT = "#1f2328", "#59636e"
# red for, blue against, white at zero: told apart under every common colour blindness
COLOURS: Colormap = mpl.colormaps["RdBu_r"]


def frame(width: float, height: float) -> Figure:
    """Return an empty white figure, sizes in inches; no state is shared with another figure."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    figure = Figure(figsize=(width, height), dpi=110, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def headed(figure: Figure, drawn: Subject) -> Figure:
    """Write the title and the line under it."""
    write(figure.suptitle("", x=0.015, ha="left", fontsize=12, fontweight="bold", color=INK), drawn.title)
    note = figure.supxlabel("", x=0.015, ha="left", fontsize=9, color=FAINT)
    write(note, drawn.subtitle)
    return figure


def write(text: Text, words: str, most: int = 90) -> Text:
    """Set a text from words that may be a stranger's: one line, no mathematics, cut where too long."""
    text.set_parse_math(False)
    text.set_text(plain(words, most))
    return text


def plain(words: str, most: int = 90) -> str:
    """Return words as one printable line of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in words)
    return line if len(line) <= most else line[: most - 1] + "…"


def names(axes: Axes, positions: Any, labels: list[str]) -> None:
    """Write labels along the vertical axis, from top to bottom."""
    axes.set_yticks(
        positions, [plain(label, 32) for label in labels], parse_math=False, fontsize=9, color=INK
    )


def zero_centred(limit: float) -> Normalize:
    """Return a scale from minus to plus the limit."""
    return Normalize(-limit, limit)


def colour_bar(figure: Figure, axes: Any, drawn: Subject, **where: Any) -> None:
    """Draw the scale of the colours with its unit; pointed ends say that values reach beyond it."""
    scale = ScalarMappable(zero_centred(drawn.limit), COLOURS)
    bar = figure.colorbar(scale, ax=axes, extend="both" if drawn.clipped else "neither", **where)
    bar.ax.tick_params(labelsize=8, colors=INK)
    label = bar.ax.xaxis.label if where.get("location") in ("bottom", "top") else bar.ax.yaxis.label
    label.set_fontsize(9)
    write(label, drawn.unit, 60)


def png(figure: Figure) -> bytes:
    """Return the figure as PNG bytes without date or version, and let it go."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    figure.clear()
    return buffer.getvalue()
