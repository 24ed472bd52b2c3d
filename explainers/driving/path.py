"""Straight paths from starts to items, and the mean gradient along them in float64, in bounded blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from .. import datasets
from ..baselines import BaselineParams, Subject, baseline, check_names, subject
from ..errors import InvalidRequest
from ..graph.points import Point
from ..types import Array, Arrays
from .rows import Rows


def subject_of(rows: Rows, p: Point, pointer: str = "baseline") -> Subject:
    """Return what a baseline for this point must look like."""
    card = None if p.opened else rows.run.model.card.input(p.leaf)
    return subject(p.leaf, rows.values[p.name].shape[1:], card, embedding=p.embedding, pointer=pointer)


@dataclass(frozen=True)
class Path:
    """Straight lines in the space of the points, one for each item; `starts` are items first."""

    rows: Rows
    starts: Arrays

    @classmethod
    def from_baseline(cls, rows: Rows, params: BaselineParams, pointer: str = "baseline") -> Path:
        """Begin at each item's baseline; `pointer` names the parameter that says what it is."""
        check_names(params, [p.leaf for p in rows.points], pointer)
        subjects = {p.name: subject_of(rows, p, pointer) for p in rows.points}
        return cls(
            rows, {n: np.stack([baseline(params, s, x) for x in rows.values[n]]) for n, s in subjects.items()}
        )

    def length(self, name: str) -> Array:
        """Return item minus start, in float64."""
        return self.rows.values[name] - self.starts[name]

    def at(self, alphas: Array, items: Array) -> Arrays:
        """Return rows of points, each a share alpha of the way from its item's start."""
        out: Arrays = {}
        for p in self.rows.points:
            x, start = self.rows.values[p.name], self.starts[p.name][items]
            a = alphas.reshape(-1, *[1] * (x.ndim - 1))
            out[p.name] = (start + a * (x[items] - start)).astype(x.dtype)
        return out

    @cached_property
    def start_score(self) -> Array:
        """Per item, the explained score at its start."""
        items = np.arange(self.rows.run.items)
        found = [
            self.rows.at(self.at(np.zeros(len(i)), i), i)["account.score"]
            for i in blocks(items, self.rows.block)
        ]
        return np.concatenate(found).astype(np.float64)


def blocks(a: Array, size: int) -> Iterator[Array]:
    """Cut along the first axis."""
    for begin in range(0, len(a), size):
        yield a[begin : begin + size]


def quadrature(rule: str, steps: int) -> tuple[Array, Array]:
    """Return points in [0, 1] and weights that sum to 1."""
    if rule == "gauss_legendre":
        return _gauss_legendre(steps)
    if rule == "riemann" or steps == 1:
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    w = np.full(steps, 1 / (steps - 1))
    w[[0, -1]] /= 2
    return np.linspace(0, 1, steps), w


@cache
def _gauss_legendre(steps: int) -> tuple[Array, Array]:
    """Return the nodes of equal panels of at most 256 points: the cost of finding them grows with their number cubed."""
    panels = -(-steps // 256)
    sizes = [len(a) for a in np.array_split(np.arange(steps), panels)]
    found = {n: np.polynomial.legendre.leggauss(n) for n in set(sizes)}
    nodes = [found[n] for n in sizes]
    points = np.concatenate([(k + (x + 1) / 2) / panels for k, (x, _) in enumerate(nodes)])
    return points, np.concatenate([w / 2 for _, w in nodes]) / panels


def integrate(path: Path, rule: str, steps: int, tolerance: float | None, most: int) -> tuple[Arrays, Array]:
    """Return the mean gradient along each item's path and the steps it took; with a tolerance, steps double where needed."""
    rows = path.rows
    means = {p.name: np.zeros(rows.values[p.name].shape) for p in rows.points}
    taken, open_items = np.full(rows.run.items, steps), np.arange(rows.run.items)
    while len(open_items):
        found = _means(path, quadrature(rule, steps), open_items)
        for name, mean in found.items():
            means[name][open_items] = mean
        taken[open_items] = steps
        if tolerance is None or 2 * steps > most:
            break
        sums = sum((found[n] * path.length(n)[open_items]).reshape(len(open_items), -1).sum(1) for n in found)
        delta = rows.score[open_items] - path.start_score[open_items] - sums
        open_items, steps = open_items[np.abs(delta) > tolerance], 2 * steps
    return means, taken


def _means(path: Path, points: tuple[Array, Array], items: Array) -> Arrays:
    """Return the weighted mean of the gradient for these items, rows of several items and steps run together."""
    rows, (alphas, weights) = path.rows, points
    totals = {p.name: np.zeros((len(items), *rows.values[p.name].shape[1:])) for p in rows.points}
    count, done = len(items) * len(alphas), 0
    for block in blocks(np.arange(count), rows.block):
        which, step = np.divmod(block, len(alphas))
        found = rows.at(path.at(alphas[step], items[which]), items[which])
        for name, total in totals.items():
            g = found[f"slope.{name}"]
            for k in range(which[0], which[-1] + 1):
                mine = which == k
                total[k] += np.tensordot(weights[step[mine]], g[mine].astype(np.float64), 1)
        done += len(block)
        rows.run.progress(done, count, "evaluations")
    return totals


def find_roots(path: Path, reach: float, steps: int) -> tuple[Arrays, Array, Arrays]:
    """Look for score 0 from each item (t = 0) to its path's start (t = 1) and, up to t = reach, beyond it.

    Returns the points, their scores and what the graph gives there: first t doubles until the sign turns, then the bracket
    is halved. Without a turn it is the start where the search ends there, else the point of least score on the way.
    """
    rows = path.rows
    items = np.arange(rows.run.items)
    sign = np.sign(rows.score)
    near, far = np.zeros(len(items)), np.ones(len(items))
    best, least = np.zeros(len(items)), np.abs(rows.score).astype(np.float64)
    bracketed = np.zeros(len(items), bool)
    t = far.copy()
    for _ in range(steps):
        score = rows.at(path.at(1 - t, items), items)["account.score"].astype(np.float64)
        better = np.abs(score) < least
        best, least = np.where(better, t, best), np.where(better, np.abs(score), least)
        turned = np.sign(score) != sign
        near, far = np.where(turned, near, t), np.where(turned, t, far)
        bracketed |= turned
        far = np.where(bracketed, far, np.minimum(2 * far, reach))
        t = np.where(bracketed, (near + far) / 2, far)
        rows.run.progress(len(items), len(items), "items")
    best = np.where(bracketed | (reach > 1), best, 1.0)
    values = path.at(1 - best, items)
    found = rows.at(values, items)
    return values, found["account.score"].astype(np.float64), found


def expect(rows: Rows, data: Any, samples: int, *, scale: bool) -> Arrays:
    """Return expected gradients (Erion et al., 2021, equation 2): random starts from data, random points on the way."""
    starts = rows.read(_feeds(rows, data))
    run, count = rows.run, len(next(iter(starts.values())))
    rng = run.rng()
    # every row of the data is used as often as any other, and every stretch of the way from it once
    which = np.concatenate([rng.permutation(count) for _ in range(-(-samples // count))])[:samples]
    alphas = np.empty(samples)
    for row in np.unique(which):
        mine = np.flatnonzero(which == row)
        alphas[mine] = (rng.permutation(len(mine)) + rng.random(len(mine))) / len(mine)
    total: dict[str, list[Array]] = {p.name: [] for p in rows.points}
    errors: dict[str, list[Array]] = {p.name: [] for p in rows.points}
    scores = np.zeros(run.items)
    for item in range(run.items):
        sums, squares = _sampled(rows, item, starts, which, alphas, scale=scale)
        scores[item] = _mean_score(rows, item, starts, which)
        for name, s in sums.items():
            mean = s / samples
            total[name].append(mean)
            errors[name].append(
                np.sqrt(np.maximum(squares[name] / samples - mean**2, 0) / max(samples - 1, 1))
            )
        run.progress((item + 1) * samples, run.items * samples, "evaluations")
    found = {n: np.stack(a) for n, a in total.items()}
    run.per_item["baseline_score"] = [float(v) for v in scores]
    if scale:
        explained = sum(a.reshape(run.items, -1).sum(1) for a in found.values())
        run.per_item["delta"] = [float(v) for v in rows.score - scores - explained]
    return rows.attribution(found) | {f"error.{n}": np.stack(a) for n, a in errors.items()}


def _sampled(
    rows: Rows, item: int, starts: Arrays, which: Array, alphas: Array, *, scale: bool
) -> tuple[Arrays, Arrays]:
    """Return the sums of one item's samples and of their squares."""
    sums = {p.name: np.zeros(rows.values[p.name].shape[1:]) for p in rows.points}
    squares = {n: np.zeros_like(a) for n, a in sums.items()}
    for block in blocks(np.arange(len(which)), rows.block):
        begin = {n: a[which[block]].astype(np.float64) for n, a in starts.items()}
        way = {n: rows.values[n][item] - a for n, a in begin.items()}
        at = {n: begin[n] + _column(alphas[block], a) * a for n, a in way.items()}
        feeds = {n: a.astype(rows.values[n].dtype) for n, a in at.items()}
        found = rows.at(feeds, np.full(len(block), item))
        for name in sums:
            each = found[f"slope.{name}"].astype(np.float64) * (way[name] if scale else 1.0)
            sums[name] += each.sum(0)
            squares[name] += (each**2).sum(0)
    return sums, squares


def _column(a: Array, like: Array) -> Array:
    return a.reshape(-1, *[1] * (like.ndim - 1))


def _mean_score(rows: Rows, item: int, starts: Arrays, which: Array) -> float:
    """Return the mean score over the starts used, each as often as it was."""
    used, times = np.unique(which, return_counts=True)
    found = []
    for block in blocks(used, rows.block):
        values = {n: a[block] for n, a in starts.items()}
        found.append(rows.at(values, np.full(len(block), item))["account.score"])
    return float(np.average(np.concatenate(found).astype(np.float64), weights=times))


def _feeds(rows: Rows, data: Any) -> Arrays:
    """Check rows of data as inputs of the model; inputs that are not moved may be left out."""
    from ..signature import read_inputs

    run = rows.run
    data = datasets.given(data, run.datasets, "data")
    description = run.model.description
    if not isinstance(data, dict):
        data = {rows.points[0].leaf: data}
    needed = (
        {p.leaf for p in rows.points}
        if not any(p.opened for p in rows.points)
        else {s.name for s in description.inputs}
    )
    wanted = description.model_copy(update={"inputs": [s for s in description.inputs if s.name in needed]})
    try:
        kinds = {s.name: np.dtype(s.dtype) for s in wanted.inputs if s.dtype != "str"}
        arrays = {n: np.asarray(a, kinds.get(n)) for n, a in data.items()}
        found, _ = read_inputs(wanted, arrays)
    except (InvalidRequest, ValueError, TypeError) as e:
        raise InvalidRequest(f"data are no rows of inputs: {e}", pointer="/params/data") from e
    _same_shape(rows, found)
    return found


def _same_shape(rows: Rows, found: Arrays) -> None:
    for name, a in found.items():
        axis = rows.run.axes[name]
        if axis is not None and np.moveaxis(a, axis, 0).shape[1:] != rows.run.item_shape(name):
            raise InvalidRequest(
                f"rows of data have shape {list(a.shape)}, an item of {name!r} has {list(rows.run.item_shape(name))}",
                pointer="/params/data",
            )
