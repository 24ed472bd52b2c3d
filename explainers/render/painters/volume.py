"""Pictures of volumes and videos: slices in rows, each with its attributions as colours over it."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from explainers.pixels import unit_range
from explainers.types import Array, InputCard

from ..frame import COLOURS, zero_centred
from ..painter import painter
from ..raster import natural, panel, tinted
from ..scene import Scene
from ..subject import Subject, limits, subject, together
from ..tiles import Tiles, grid, spread

MOST = 12


@painter(array="attribution.", level="item", forms=("volume",))
def volume(scene: Scene) -> Figure:
    """Slices of a volume, or frames of a video, each with its attributions as colours over it."""
    return draw(subject(scene))


def draw(drawn: Subject) -> Figure:
    """Draw slices evenly spread, and the one with the greatest attribution."""
    values = together(slices(drawn.values, drawn.axes))
    given = None if drawn.given is None else _ground(drawn.given, drawn.axes, drawn.card)
    chosen = _chosen(values)
    limit, clipped = limits(values, 99.5)
    rows, columns, side = grid(len(chosen), values.shape[2] / values.shape[1], least=1.2)
    sheet = Tiles(rows, columns, side, scale=True)
    for at, i in enumerate(chosen):
        axes = sheet.at(*divmod(at, columns), caption=_caption(drawn, i))
        panel(axes, tinted(values[i], limit, None if given is None else given[i]))
    ends = "both" if clipped else "neither"
    sheet.scale(ScalarMappable(zero_centred(limit), COLOURS), drawn.unit, extend=ends)
    hidden = len(values) - len(chosen)
    sheet.headed(drawn.title, drawn.subtitle + (f" · {hidden} slices between left out" if hidden else ""))
    return sheet.figure


def slices(array: Array, axes: str) -> Array:
    """Return a volume or video as (slices, H, W, C); frames of volumes are taken apart, one slice after the other."""
    kept = [letter for letter in "TDHWC" if letter in axes]
    array = array.transpose([axes.index(letter) for letter in kept])
    array = array if "C" in kept else array[..., None]
    return array.reshape(-1, *array.shape[-3:])


def _ground(given: Array, axes: str, card: InputCard) -> list[Array]:
    cut = slices(np.asarray(given, np.float64), axes)
    # one range for all slices: each by itself would flicker
    unit = unit_range(cut, card)
    return [natural(s, "HWC", InputCard(low=0.0, high=1.0, channels=card.channels)) for s in unit]


def _chosen(values: Array) -> list[int]:
    strongest = int(np.nan_to_num(np.abs(values)).sum(axis=(1, 2)).argmax())
    chosen = list(spread(len(values), MOST))
    if strongest not in chosen:
        nearest = min(chosen[1:-1], key=lambda i: abs(i - strongest))
        chosen[chosen.index(nearest)] = strongest
    return sorted(chosen)


def _caption(drawn: Subject, at: int) -> str:
    if "T" not in drawn.axes or "D" in drawn.axes:
        return f"slice {at}"
    rate = drawn.card.rate
    return f"frame {at}" if rate is None else f"{at / rate:.3g} s"
