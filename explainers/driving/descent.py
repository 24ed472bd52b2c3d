"""Masks found by descent: coarse masks between items and their fills, interpolated, moved by Adam against the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph.points import Point
from ..optimising.adam import Adam
from ..optimising.variation import variation_slope
from ..types import Array, Arrays
from .path import Path, blocks, subject_of

START = 0.5
"""Half of everything is shown at first."""
LEAST_FALL = 1e-12
"""What the score must fall by to the fill's, so that the fall can be a unit."""


@dataclass(frozen=True)
class Descent:
    """How far and how fast, and what area and edges cost."""

    steps: int
    rate: float
    area: float
    tv: float
    power: float
    cells: int


@dataclass(frozen=True)
class Cover:
    """The masks of one leaf: interpolation along each axis of its space; channels share a mask."""

    leaf: str
    axes: tuple[int, ...]
    """The space's axes within an item."""
    rank: int
    ways: tuple[Array, ...]
    """Per axis of the space, the matrix (length, cells) that interpolates between cells."""

    @property
    def cells(self) -> tuple[int, ...]:
        """The coarse mask's shape."""
        return tuple(w.shape[1] for w in self.ways)

    def spread(self, coarse: Array) -> Array:
        """Interpolate masks, items first, and give them a channel axis of length 1."""
        for axis, way in enumerate(self.ways, 1):
            coarse = np.moveaxis(np.tensordot(way, coarse, (1, axis)), 0, axis)
        lone = [axis for axis in range(self.rank) if axis not in self.axes]
        return np.asarray(np.expand_dims(coarse, tuple(a + 1 for a in lone)))

    def gathered(self, fine: Array) -> Array:
        """Carry a derivative by the spread mask, summed over channels already, back to the cells."""
        lone = tuple(a + 1 for a in range(self.rank) if a not in self.axes)
        fine = fine.sum(lone)
        for axis, way in enumerate(self.ways, 1):
            fine = np.moveaxis(np.tensordot(way, fine, (0, axis)), 0, axis)
        return fine


def interpolation(length: int, cells: int) -> Array:
    """Return the matrix of linear interpolation from cells to places, both ends included."""
    if cells >= length:
        return np.eye(length)
    if cells == 1:
        return np.ones((length, 1))
    at = np.linspace(0, cells - 1, length)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))))


def cover_of(path: Path, p: Point, cells: int) -> Cover:
    """Return the mask's shape for a point: over its space, or all of it where that is one value."""
    of = subject_of(path.rows, p, "fill")
    axes = of.space or tuple(range(len(of.shape)))
    return Cover(p.leaf, axes, len(of.shape), tuple(interpolation(of.shape[a], cells) for a in axes))


def descend(path: Path, how: Descent) -> Arrays:
    """Return how much of each place is covered in the end, and what the masked items score."""
    rows = path.rows
    run, covers = rows.run, {p.leaf: cover_of(path, p, how.cells) for p in rows.points}
    found: dict[str, list[Array]] = {}
    scores: list[float] = []
    for items in blocks(np.arange(run.items), rows.block):
        masks, score = _found(path, how, covers, items)
        scores += [float(v) for v in score]
        for leaf, mask in masks.items():
            found.setdefault(leaf, []).append(1 - covers[leaf].spread(mask))
    _warn_of_idle_fills(path)
    covered = {leaf: np.concatenate(parts) for leaf, parts in found.items()}
    areas = np.mean([a.reshape(len(a), -1).mean(1) for a in covered.values()], 0)
    run.per_item |= {
        "masked_score": scores,
        "baseline_score": [float(v) for v in path.start_score],
        "area": [float(v) for v in areas],
    }
    return {f"attribution.{leaf}": _shaped(path, leaf, a) for leaf, a in covered.items()}


def _warn_of_idle_fills(path: Path) -> None:
    """Warn where covering all of an item leaves its score as it is, so that no mask is worth its area."""
    idle = int((np.abs(path.rows.score - path.start_score) <= LEAST_FALL).sum())
    if idle:
        path.rows.run.warnings.append(
            f"the fill leaves the score of {idle} of {path.rows.run.items} items as it is, so that covering is worth nothing: "
            "a blur or a mean of a single value is that value; take 'zeros', a number or an array"
        )


def _found(path: Path, how: Descent, covers: dict[str, Cover], items: Array) -> tuple[Arrays, Array]:
    """Return the masks of some items and the scores under them."""
    rows = path.rows
    fall = np.abs(rows.score - path.start_score)[items].astype(np.float64)
    # a score that the fill does not change is taken as it is
    scale = np.where(fall > LEAST_FALL, fall, 1.0)
    masks = {n: np.full((len(items), *c.cells), START) for n, c in covers.items()}
    movers = {n: Adam(mask) for n, mask in masks.items()}
    for step in range(how.steps):
        slopes = _pull(path, covers, masks, items, scale)
        for n, mask in masks.items():
            places = mask[0].size
            rise = how.area / places - slopes[n] - how.tv / places * variation_slope(mask, how.power)
            movers[n].step(mask, rise, how.rate)
            np.clip(mask, 0, 1, out=mask)
        rows.run.progress(
            int(items[0]) * how.steps + (step + 1) * len(items), rows.run.items * how.steps, "evaluations"
        )
    return masks, rows.at(_masked(path, covers, masks, items), items)["account.score"]


def _masked(path: Path, covers: dict[str, Cover], masks: Arrays, items: Array) -> Arrays:
    """Return the points, each a share of its item and the rest of its fill."""
    out: Arrays = {}
    for p in path.rows.points:
        x, start = path.rows.values[p.name][items], path.starts[p.name][items]
        out[p.name] = (start + covers[p.leaf].spread(masks[p.leaf]) * (x - start)).astype(x.dtype)
    return out


def _pull(path: Path, covers: dict[str, Cover], masks: Arrays, items: Array, scale: Array) -> Arrays:
    """Return the derivative of the scores by the masks, in units of the score's fall."""
    given = path.rows.at(_masked(path, covers, masks, items), items)
    slopes = {n: np.zeros(m.shape) for n, m in masks.items()}
    for p in path.rows.points:
        by_mask = given[f"slope.{p.name}"].astype(np.float64) * path.length(p.name)[items]
        slopes[p.leaf] += covers[p.leaf].gathered(by_mask)
    return {n: s / scale.reshape(-1, *[1] * (s.ndim - 1)) for n, s in slopes.items()}


def _shaped(path: Path, leaf: str, covered: Array) -> Array:
    """Return a leaf's attribution with the axes of its input; a token has one value for its embedding."""
    run = path.rows.run
    p = next(p for p in path.rows.points if p.leaf == leaf)
    x = path.rows.values[p.name]
    if p.embedding:
        whole = covered.reshape(covered.shape[: run.inputs[leaf].ndim])
    else:
        whole = np.broadcast_to(covered, x.shape)
    return np.moveaxis(whole, 0, run.axes[p.name] or 0).astype(path.rows.explainer.emission.dtype)
