"""What a chunk takes of a job: its rows of the inputs, its part of the target."""

from __future__ import annotations

from typing import Any

import numpy as np

from explainers.types import Array, Arrays

from .blobs import Blobs
from .ledger.claims import Claim


def cut_inputs(claim: Claim, blobs: Blobs) -> Arrays:
    """Return a chunk's rows of each input, of which only these are read; inputs without items come whole."""
    return {name: _rows(blobs, entry, claim) for name, entry in claim.inputs.items()}


def rows(blobs: Blobs, entry: dict[str, Any], start: int, stop: int) -> Array:
    """Return some items of a stored input."""
    stored: Array = np.load(blobs.path(entry["digest"]), mmap_mode="r", allow_pickle=False)
    axis = entry["axis"]
    part = stored if axis is None else stored[(slice(None),) * axis + (slice(start, stop),)]
    return np.array(part, dtype=entry["dtype"] if part.dtype.kind in "biuf" else None)


def _rows(blobs: Blobs, entry: dict[str, Any], claim: Claim) -> Array:
    return rows(blobs, entry, claim.start, claim.stop)


def cut_target(claim: Claim) -> dict[str, Any]:
    """Return a chunk's part of a target that says something else for each item."""
    target = dict(claim.target)
    if claim.count == claim.items:
        # what searches for inputs of its own may name more classes than there are items
        target.pop("per_item_weights", None)
        return target
    if isinstance(target.get("index"), list):
        target["index"] = target["index"][claim.start : claim.stop]
    if target.pop("per_item_weights", False):
        target["weights"] = target["weights"][claim.start : claim.stop]
    return target
