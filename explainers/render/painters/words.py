"""Pictures of texts: every word on its attribution as a colour."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from explainers.stylesheet import LEVELS, ink, shade

from ..frame import DPI, EDGE, fit, frame, headed, scale_bar, width_of, write, zero_centred
from ..painter import painter
from ..scene import Scene
from ..subject import Subject, subject
from ..wording import Word, words_of

MOST = 400
_SHADES = ListedColormap([shade(v) for v in range(-LEVELS, LEVELS + 1)])
SIZE, WIDTH, LINE, HEAD, FOOT = 11, 7.4, 0.3, 0.5, 1.0
"""The letters' size in points; inches: the figure's width, a line's height, the title's, the scale's with the note."""
SPACE, GLUE, PAD = 0.12, 0.05, 0.03
"""Inches between words, between pieces of one word, and from a word to the end of its colour."""


@painter(array="attribution.", level="item", forms=("words",))
def words(scene: Scene) -> Figure:
    """The words of a text in the colours of their attributions."""
    return draw_words(subject(scene), words_of(scene))


@dataclass(frozen=True)
class _Place:
    word: Word
    left: float
    width: float
    line: int


def draw_words(drawn: Subject, found: list[Word]) -> Figure:
    """Draw words from left to right in lines, with their scale below."""
    shown = found[:MOST]
    places = _laid(shown)
    lines = places[-1].line + 1
    height = HEAD + lines * LINE + FOOT
    figure = frame(WIDTH, height, laid_out=False)
    hidden = len(found) - len(shown)
    headed(figure, drawn.title, drawn.subtitle + (f" · {hidden} words more" if hidden else ""))
    for place in places:
        _word(figure, place, drawn.limit)
    width = 3.4
    axes = figure.add_axes(((EDGE + 0.2) / WIDTH, (FOOT - 0.3) / height, width / WIDTH, 0.11 / height))
    scale = ScalarMappable(zero_centred(drawn.limit), _SHADES)
    ends = "both" if drawn.clipped else "neither"
    scale_bar(figure, scale, drawn.unit, cax=axes, orientation="horizontal", extend=ends)
    axes.locator_params(nbins=5)
    fit(axes.xaxis.label, 3.8 * figure.dpi)
    return figure


def _laid(found: list[Word]) -> list[_Place]:
    """Return where each word goes."""
    ruler = frame(1, 1, laid_out=False).text(0, 0, "", fontsize=SIZE)
    places, left, line = [], EDGE + 0.06, 0
    for i, word in enumerate(found):
        width = width_of(write(ruler, word.text)) / DPI
        left += 0 if i == 0 else GLUE if word.joined else SPACE
        if left + width > WIDTH - EDGE and left > EDGE + 0.1:
            left, line = EDGE + 0.06, line + 1
        places.append(_Place(word, left, width, line))
        left += width
    return places


def _word(figure: Figure, place: _Place, limit: float) -> None:
    height = figure.get_figheight()
    level = round(max(-1.0, min(1.0, place.word.value / limit)) * LEVELS)
    bottom = height - HEAD - (place.line + 1) * LINE
    corner = ((place.left - PAD) / WIDTH, (bottom + 0.03) / height)
    size = ((place.width + 2 * PAD) / WIDTH, (LINE - 0.06) / height)
    figure.add_artist(Rectangle(corner, *size, facecolor=shade(level), edgecolor="none"))
    text = figure.text(place.left / WIDTH, (bottom + 0.1) / height, "", fontsize=SIZE, color=ink(level))
    text.set_parse_math(False)
    text.set_text(place.word.text)
