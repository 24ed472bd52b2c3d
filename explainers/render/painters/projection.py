"""Patches of a data set with what in them drives the unit, as colours over them."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from explainers.layout import axes_of
from explainers.types import Array, InputCard

from ..frame import COLOURS, zero_centred
from ..painter import painter
from ..raster import natural, panel, tinted
from ..samples import aspect
from ..scene import Scene
from ..subject import channels_last, limits, together
from ..tiles import Tiles, grid
from .patches import PATCHES, UNITS, outside, unit

NOTE = "colours: what in a patch drives the unit, each patch on a scale of its own"


def _of_images(scene: Scene) -> bool:
    name = scene.chosen("projection.")
    shape = scene.explanation.arrays[f"projection.{name}"].shape[2:]
    return set("HW") <= set(axes_of(scene.own(name), shape)) <= set("CHW")


@painter(array="projection.", level="all", fits=_of_images, rank=1)
def projection(scene: Scene) -> Figure:
    """The patches that drive each unit most, under what in them does so."""
    name = scene.chosen("projection.")
    found, patches = scene.whole(f"projection.{name}"), scene.whole(f"patch.{name}")
    assert found is not None
    assert patches is not None
    patches = outside(scene, name, patches)
    card, units, most = scene.own(name), min(len(found), UNITS), min(found.shape[1], PATCHES)
    _, _, side = grid(PATCHES, aspect(card, found.shape[2:]), most=0.78)
    sheet = Tiles(units, most, side, captions="none", left=0.8, scale=True)
    for row in range(units):
        sheet.row(row, unit(scene, row))
        for column in range(most):
            panel(sheet.at(row, column), _tinted(found[row, column], patches[row, column], card))
    sheet.scale(ScalarMappable(zero_centred(1), COLOURS), "share of the patch's greatest")
    sheet.headed(f"{scene.title} · {scene.explanation.account.params.get('project', 'projection')}", NOTE)
    return sheet.figure


def _tinted(values: Array, patch: Array, card: InputCard) -> Array:
    letters = axes_of(card, values.shape)
    summed = together(channels_last(values, letters))
    ground = natural(patch, letters, card)
    return tinted(np.nan_to_num(summed), limits(summed, 99.5)[0], ground)
