"""The table of painters; a file dropped into `painters/` is registered by being there, and its arrays have a picture."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from matplotlib.figure import Figure

from explainers.errors import InvalidRequest

from .forms import Form
from .scene import Level, Scene

Format = Literal["png", "svg", "html"]
PAINTERS: dict[str, Painter] = {}


@dataclass(frozen=True)
class Painter:
    """What draws arrays of one name, for one item or all, as a figure or as a page of HTML."""

    name: str
    paint: Callable[[Scene], Figure | str]
    summary: str
    array: str
    """The array that it draws; with a dot at its end, any array that begins so."""
    level: Level
    forms: tuple[Form, ...]
    """The inputs' forms that it can draw; empty: all."""
    fits: Callable[[Scene], bool]
    """What else must be there."""
    rank: int
    """Of those that can draw, the lowest is taken."""
    page: bool
    """True: it writes HTML."""

    def can(self, scene: Scene) -> bool:
        """Say whether this scene holds what it draws."""
        there = scene.level == self.level and scene.suffixes(self.array)
        if not there or (self.forms and scene.form(self.array) not in self.forms):
            return False
        return self.fits(scene)


def painter(
    *,
    array: str,
    level: Level,
    forms: tuple[Form, ...] = (),
    fits: Callable[[Scene], bool] = lambda scene: True,
    rank: int = 0,
    page: bool = False,
) -> Callable[[Callable[[Scene], Figure | str]], Callable[[Scene], Figure | str]]:
    """Register the decorated function under its own name; a second registration of a name is refused."""

    def register(paint: Callable[[Scene], Figure | str]) -> Callable[[Scene], Figure | str]:
        name = paint.__name__
        if name in PAINTERS:
            raise RuntimeError(f"painter {name!r} is registered twice")
        summary = (paint.__doc__ or "").strip().splitlines()[0]
        PAINTERS[name] = Painter(name, paint, summary, array, level, forms, fits, rank, page)
        return paint

    return register


@cache
def painters() -> dict[str, Painter]:
    """Return every painter by name, importing all of `explainers.render.painters` first."""
    package = importlib.import_module("explainers.render.painters")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(PAINTERS.items(), key=lambda p: (p[1].rank, p[0])))


def able(scene: Scene) -> list[Painter]:
    """Return the painters that can draw a scene, the usual one first."""
    return [p for p in painters().values() if p.can(scene)]


def choose(scene: Scene, view: str | None, format: Format) -> Painter:
    """Return the painter of a scene by the names of its arrays and the kind of its input, or refuse with what there is."""
    items = scene.explanation.account.items
    if scene.item is not None and not 0 <= scene.item < items:
        raise InvalidRequest(f"item {scene.item} does not exist; there are {items}, counted from 0")
    if view is not None and view not in painters():
        raise InvalidRequest(
            f"no view is called {view!r}; there are: {', '.join(painters())}", pointer="/view"
        )
    can = able(scene)
    if not can:
        raise InvalidRequest(_nothing(scene))
    fit = [p for p in can if p.page == (format == "html")]
    if not fit:
        raise InvalidRequest(_no_format(can, format))
    if view is None:
        return fit[0]
    for p in fit:
        if p.name == view:
            return p
    raise InvalidRequest(
        f"the view {view!r} ({painters()[view].summary.rstrip('.')}) does not fit this explanation; "
        f"there are: {', '.join(p.name for p in fit)}",
        pointer="/view",
    )


def _nothing(scene: Scene) -> str:
    held = ", ".join(scene.explanation.arrays) or "nothing"
    other = {p.array for p in painters().values() if p.level != scene.level and scene.suffixes(p.array)}
    if other and scene.level == "item":
        return (
            f"this explanation is not about single items (it holds {held}); ask for the picture of all items"
        )
    if other:
        return (
            f"this explanation has no picture of all its items together (it holds {held}); ask for one item's"
        )
    return f"nothing in this explanation has a picture; it holds {held}; the numbers are in its .npz file"


def _no_format(can: list[Painter], format: Format) -> str:
    what = can[0].array.rstrip(".")
    if format == "html":
        return f"HTML is for words, and this explanation has no words under {what!r}; take the picture"
    return f"there is no {format} of {what!r}; take html"
