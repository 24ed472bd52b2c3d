"""Sheets of a batch of images: the items side by side, each under its attributions, on one scale."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from explainers.labels import label_of
from explainers.layout import axes_of

from ..frame import COLOURS, zero_centred
from ..painter import painter
from ..raster import natural, panel, tinted
from ..scene import Scene
from ..subject import about, channels_last, limits, together, unit_of
from ..tiles import Tiles, grid

MOST = 24


@painter(array="attribution.", level="all", forms=("image",))
def items(scene: Scene) -> Figure:
    """A batch of images, each under its attributions as colours, all on one scale; the first of many."""
    name = scene.chosen("attribution.")
    own, found = scene.own(name), scene.whole(f"attribution.{name}")
    assert found is not None
    found = np.moveaxis(found, own.batch_axis or 0, 0)[:MOST]
    letters = axes_of(own, found.shape[1:])
    values = np.stack([together(channels_last(a, letters)) for a in found])
    given = np.moveaxis(scene.inputs[name], own.batch_axis or 0, 0) if name in scene.inputs else None
    limit, clipped = limits(values, scene.clip)
    rows, columns, side = grid(len(values), values.shape[2] / values.shape[1], least=0.95)
    sheet = Tiles(rows, columns, side, scale=True)
    for i, own_values in enumerate(values):
        ground = None if given is None or i >= len(given) else natural(given[i], letters, own)
        failed = not np.isfinite(own_values).any()
        words = f"{i}: failed" if failed else _caption(scene, i)
        panel(sheet.at(*divmod(i, columns), caption=words), tinted(own_values, limit, ground))
    ends = "both" if clipped else "neither"
    sheet.scale(ScalarMappable(zero_centred(limit), COLOURS), unit_of(scene, name), extend=ends)
    hidden = scene.explanation.account.items - len(values)
    sheet.headed(scene.title, about(scene) + (f" · {hidden} not drawn" if hidden > 0 else ""))
    return sheet.figure


def _caption(scene: Scene, i: int) -> str:
    label = label_of(scene.explanation.account, i, scene.card).removeprefix("class ")
    return f"{i}: {label}" if label else str(i)
