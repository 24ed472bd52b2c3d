"""The strongest items of each unit, shown: their patches, where these lie, and what in them drives the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidRequest
from ..types import Array, Arrays
from .patches import Cuts, cuts, field_of
from .projection import projections
from .reading import Reader
from .search import Strongest, strongest

if TYPE_CHECKING:
    from ..methods.top_activations import TopActivationsParams
    from ..run import Run


def shown(run: Run, params: TopActivationsParams, layer: str, axis: int) -> Arrays:
    """Return the arrays of `top_activations`."""
    if layer in run.inputs:
        raise InvalidRequest(
            f"{layer!r} is an input and has no units that see a part of it", pointer="/params/layer"
        )
    reader = Reader(run, [layer])
    _check(reader, params, layer, axis)
    best = strongest(run, reader, layer, axis, params.top, params.units)
    if best.silent:
        run.warnings.append(
            f"{len(best.silent)} units of {layer!r} never fire on this data set and are left out"
        )
    run.facts |= {"layer": layer, "axis": axis, "never_fired": best.silent}
    kept = best.item.shape
    items, cells = best.item.reshape(-1), reader.in_one(layer, best.cell.reshape(best.item.size, -1))
    found = field_of(run, layer, cells)
    if found.unknown:
        run.facts["whole_field_at"] = found.unknown
        run.warnings.append(
            f"no receptive field is known through {', '.join(found.unknown[:5])}: what lies below is taken whole"
        )
    places = cuts(run, found, len(items))
    arrays: Arrays = {"unit": best.units, "activation": best.activation.astype(np.float32), "item": best.item}
    if best.cell.shape[2] > 2:
        arrays["position"] = np.delete(best.cell, [0, axis], 2)
    for n, place in enumerate(places):
        arrays["box" if n == 0 else f"box.{place.name}"] = place.box.reshape(*kept, -1)
        patches = [
            place.cut(run.of_item(run.inputs[place.name], place.name, int(i)), r) for r, i in enumerate(items)
        ]
        arrays[f"patch.{place.name}"] = _stacked(patches, kept)
    if params.project != "none":
        arrays |= _projected(run, params.project, layer, best, places)
    return arrays


def _check(reader: Reader, params: TopActivationsParams, layer: str, axis: int) -> None:
    rank = 1 + len(reader.shapes[layer])
    if axis >= rank:
        raise InvalidRequest(
            f"{layer!r} has {rank} axes, items first, and no axis {axis} of units behind them",
            pointer="/params/axis",
        )
    if params.project != "none" and not reader.items_first(layer):
        raise InvalidRequest(
            f"{layer!r} does not have one row for each item first, and {params.project} cannot start at one item's unit; "
            "leave `project` out or name another layer",
            pointer="/params/project",
        )


def _projected(run: Run, method: str, layer: str, best: Strongest, places: list[Cuts]) -> Arrays:
    patches: dict[str, list[Array]] = {p.name: [] for p in places}
    rows = best.item.size
    for row, found in projections(run, method, layer, best.item.reshape(-1), best.cell.reshape(rows, -1)):
        for place in places:
            patches[place.name].append(place.cut(found[place.name], row))
        run.progress(row + 1, rows, "projections")
    return {f"projection.{n}": _stacked(rows, best.item.shape) for n, rows in patches.items()}


def _stacked(patches: list[Array], kept: tuple[int, ...]) -> Array:
    a = np.stack(patches)
    return a.reshape(*kept, *a.shape[1:])
