"""Groups of a data set shuffled among its items, and how much a metric loses by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from .. import datasets
from ..errors import InvalidRequest
from ..signature import class_count, target_spec
from ..types import Array, Arrays
from .blocks import Asker
from .effort import Mean, deadline, paid_for, warn_of_few, warn_of_rest
from .groups import OF_ITEMS, find_groups
from .metrics import METRICS, Metric, read_labels

if TYPE_CHECKING:
    from ..methods.permutation_importance import PermutationImportanceParams
    from ..run import Run

ENOUGH = 10
"""Permutations from which on the standard errors are true."""


def importance(run: Run, params: PermutationImportanceParams) -> Arrays:
    """Return each group's mean loss over the permutations with its standard error, and every single loss."""
    labels = read_labels(params.metric, datasets.values(params.labels, run.datasets, "labels"), run.items)
    _check(run, params)
    _check_classes(run, params.metric, labels)
    # without an item in hand the groups are places: the same for all items
    groups = find_groups(params, run.shapes)
    paid, ends = paid_for(params, params.repeats, groups.count, "permutation"), deadline(params)
    run.batch = Asker.of(run).lanes.batch
    start = measured(run, run.inputs, params.metric, labels)
    orders = permutations(run, params.repeats)[:paid]
    total = groups.count * len(orders) * run.items
    losses = np.zeros((0, groups.count))
    while len(losses) < paid and not (len(losses) and time.monotonic() > ends):
        row = np.zeros(groups.count)
        for group in range(groups.count):
            feeds = shuffled(run, groups.ids, group, orders[len(losses)])
            row[group] = start - measured(run, feeds, params.metric, labels)
            run.progress((losses.size + group + 1) * run.items, total, "evaluations")
        losses = np.vstack([losses, row])
    run.facts["remaining"] = params.repeats - len(losses)
    warn_of_rest(run, params, params.repeats - len(losses), "permutations", "the shuffling")
    run.facts |= {"metric": params.metric, "unshuffled": -start if params.metric == "mse" else start}
    warn_of_few(run, len(losses), ENOUGH, "permutations")
    if run.items == 1:
        run.warnings.append(
            "a single item has no other to take values from: nothing was shuffled; give a data set"
        )
    known = Mean()
    known.add(losses)
    found = {"importance": groups.spread(known.mean), "error": groups.spread(known.error)}
    arrays = {f"{what}.{n}": a.astype(np.float32) for what, parts in found.items() for n, a in parts.items()}
    starts = [*groups.first.values(), groups.count]
    for n, a, b in zip(groups.first, starts, starts[1:], strict=False):
        arrays[f"repeats.{n}"] = losses[:, a:b].astype(np.float32)
    return arrays


def _check(run: Run, params: PermutationImportanceParams) -> None:
    ways = params.groups.values() if isinstance(params.groups, dict) else [params.groups]
    if any(isinstance(w, str) and w in OF_ITEMS for w in ways):
        raise InvalidRequest(
            f"{' and '.join(OF_ITEMS)} are others in every item, and groups are shuffled among items; take 'grid' or 'features'",
            pointer="/params/groups",
        )
    classes = class_count(target_spec(run.model.description, run.request.target).shape)
    if params.metric == "accuracy" and (classes is None or classes == 1):
        raise InvalidRequest(
            f"accuracy needs one value per class in {run.explained!r}; take 'mse', 'r2' or 'score'",
            pointer="/params/metric",
        )


def _check_classes(run: Run, metric: Metric, labels: Array) -> None:
    classes = int(np.prod(run.frozen[0].shape[1:])) if METRICS[metric].classes else 0
    if classes and labels.max() >= classes:
        raise InvalidRequest(
            f"labels name class {labels.max():.0f}, and {run.explained!r} has the classes 0 to {classes - 1}",
            pointer="/params/labels",
        )


def permutations(run: Run, repeats: int) -> list[Array]:
    """Return the orders of the items, the same for every group."""
    rng = run.rng()
    return [rng.permutation(run.items) for _ in range(repeats)]


def shuffled(run: Run, ids: Arrays, group: int, order: Array) -> Arrays:
    """Return the inputs with one group's values taken from other items."""
    out = dict(run.inputs)
    for name, numbers in ids.items():
        mine = numbers == group
        if mine.any():
            axis = run.axes[name] or 0
            moved = np.moveaxis(run.inputs[name], axis, 0).copy()
            moved[:, mine] = moved[order][:, mine]
            out[name] = np.moveaxis(moved, 0, axis)
    return out


def measured(run: Run, feeds: Arrays, metric: Metric, labels: Array) -> float:
    """Return how well the model does on these inputs."""
    answers = run.evaluate(feeds).reshape(run.items, -1)
    measure = METRICS[metric]
    weights = run.frozen[0].reshape(run.items, -1)
    predicted = answers.argmax(1) if measure.classes else (weights * answers.astype(np.float64)).sum(1)
    return measure.of(predicted, labels)
