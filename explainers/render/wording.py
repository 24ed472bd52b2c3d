"""The words of a text, each with its attribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainers.errors import InvalidRequest
from explainers.types import Array, InputCard

from .frame import plain
from .scene import Scene

LONGEST = 40
"""Letters of a word that are shown."""
MARKS = ("▁", "Ġ", "Ċ")
"""What tokenizers write for the space or the line's end before a token."""


@dataclass(frozen=True)
class Word:
    """A word or token, its value, and whether it goes on without a space."""

    text: str
    value: float
    joined: bool = False


def words_of(scene: Scene, array: str = "attribution.") -> list[Word]:
    """Return the words of a text with their values; words that say nothing at the end of the text are left out."""
    name = scene.chosen(array)
    values = scene.one(array + name) if scene.item is not None else scene.whole(array + name)
    assert values is not None
    values = np.nan_to_num(values).reshape(-1)
    texts = _texts(scene, name, values.size)
    glued = _glued(texts, spaced=scene.item is not None and f"token.{name}" in scene.explanation.arrays)
    found = [Word(_bare(t), float(v), g) for t, v, g in zip(texts, values, glued, strict=True)]
    while len(found) > 1 and found[-1].value == 0 and texts[len(found) - 1] == texts[len(found) - 2]:
        found.pop()
    if not found:
        raise InvalidRequest(f"the text {name!r} has no words to draw")
    return found


def _texts(scene: Scene, name: str, size: int) -> list[str]:
    """Return the words as the explanation, the input, or the card's vocabulary has them, else their numbers or places."""
    tokens = None if scene.item is None else scene.one(f"token.{name}")
    for source in (tokens, scene.given(name)):
        if source is not None and source.size == size:
            return _named(source.reshape(-1), scene.own(name), name)
    return [f"place {i}" for i in range(size)]


def _named(source: Array, card: InputCard, name: str) -> list[str]:
    if source.dtype.kind not in "iu":
        return [str(s) for s in source]
    vocabulary: Sequence[str] = (card.categories or {}).get(name, [])
    return [vocabulary[i] if 0 <= i < len(vocabulary) else f"#{i}" for i in source]


def _glued(texts: list[str], *, spaced: bool) -> list[bool]:
    """Return which words go on without a space; `spaced`: the space before a word is part of it."""
    if spaced:
        return [not t[:1].isspace() for t in texts]
    marked = any(t.startswith(MARKS) for t in texts)
    return [t.startswith("##") or (marked and i > 0 and not t.startswith(MARKS)) for i, t in enumerate(texts)]


def _bare(text: str) -> str:
    """Return a word without the marks of sentence pieces and word pieces, in a form that can be seen."""
    return plain(text.removeprefix("##").lstrip("".join(MARKS)), LONGEST).strip() or "␣"


def texts_of(scene: Scene, size: int) -> list[str] | None:
    """Return the words of the input that has so many, or nothing where none has."""
    for name in dict.fromkeys([*scene.suffixes("token."), *scene.inputs]):
        tokens, given = scene.one(f"token.{name}"), scene.given(name)
        fits = any(a is not None and a.size == size and a.dtype.kind in "iuUSO" for a in (tokens, given))
        if fits and (tokens is not None or scene.own(name).kind in ("text", "tokens")):
            return [_bare(t) for t in _texts(scene, name, size)]
    return None
