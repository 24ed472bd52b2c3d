"""Texts as a page of HTML: every word on its attribution as a colour, nothing loaded from anywhere."""

from __future__ import annotations

from html import escape

from explainers.stylesheet import LEVELS, STYLE, name

from ..frame import plain
from ..painter import painter
from ..scene import Scene
from ..subject import Subject, subject
from ..wording import Word, words_of


@painter(array="attribution.", level="item", forms=("words",), page=True)
def words_page(scene: Scene) -> str:
    """The words of a text in the colours of their attributions, as a page of HTML that needs nothing else."""
    drawn = subject(scene)
    body = "".join(_span(w, drawn.limit, first=i == 0) for i, w in enumerate(words_of(scene)))
    title, note = escape(plain(drawn.title, 200)), escape(plain(drawn.subtitle, 400))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="note">{note}</p>\n<p>{body}</p>\n{_scale(drawn)}\n</body>\n</html>\n'
    )


def _span(word: Word, limit: float, *, first: bool) -> str:
    level = round(max(-1.0, min(1.0, word.value / limit)) * LEVELS)
    # the underline says what the colour says, to whoever cannot see it
    against = " n" if level < 0 else ""
    gap = "" if first or word.joined else "\n"
    return f'{gap}<span class="w {name(level)}{against}" title="{word.value:+.4g}">{escape(word.text)}</span>'


def _scale(drawn: Subject) -> str:
    shades = "".join(f'<span class="{name(v)}"></span>' for v in range(-LEVELS, LEVELS + 1, 2))
    ends = ("≤ " if drawn.clipped else "", "≥ " if drawn.clipped else "")
    return (
        f'<p class="s">{ends[0]}{-drawn.limit:.3g} {shades} {ends[1]}{drawn.limit:+.3g} '
        f"{escape(plain(drawn.unit, 200))}; underlined: against</p>"
    )
