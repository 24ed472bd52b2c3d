"""Film strips: how prototypes came about, step by step."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..painter import painter
from ..samples import aspect, small, ticks
from ..scene import Scene
from ..tiles import Tiles, grid, spread
from .prototype import about_prototypes, caption

FRAMES, STRIPS = 9, 12


@painter(array="film.", level="all", rank=1)
def film(scene: Scene) -> Figure:
    """Frames of the search for each prototype, from its start at the left to its end."""
    name = scene.chosen("film.")
    found = scene.whole(f"film.{name}")
    assert found is not None
    card = scene.own(name)
    strips, frames = min(found.shape[1], STRIPS), spread(len(found), FRAMES)
    _, _, side = grid(FRAMES, aspect(card, found.shape[2:]), most=0.72)
    steps = _steps(scene, len(found))
    sheet = Tiles(strips, len(frames), side, captions="top", left=0.8, ticks=ticks(card, found.shape[2:]))
    for row in range(strips):
        sheet.row(row, caption(scene, row))
        for column, at in enumerate(frames):
            small(sheet.at(row, column, steps[at] if row == 0 else ""), found[at, row], card)
    hidden = found.shape[1] - strips
    sheet.headed(
        scene.title, about_prototypes(scene, found.shape[1]) + (f" · {hidden} not drawn" if hidden else "")
    )
    return sheet.figure


def _steps(scene: Scene, frames: int) -> list[str]:
    """Return at which step each frame was taken: as the account says, or the frame's number."""
    known = scene.explanation.account.facts.get("film_steps")
    if isinstance(known, list) and len(known) == frames:
        return [f"step {s}" for s in known]
    return [f"frame {i}" for i in range(frames)]
