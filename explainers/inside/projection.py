"""What in an item drives one cell of a layer: a backward method started at that cell alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..graph.explanation import WEIGHTS
from ..registry import find
from ..signature import Request
from ..types import Array, Arrays, Target

if TYPE_CHECKING:
    from ..run import Run


def projections(
    run: Run, method: str, layer: str, items: Array, cells: Array
) -> Iterator[tuple[int, Arrays]]:
    """Give, row by row, the method's attributions of one item to each explained input, started at one cell."""
    request = Request(
        method, find(method).params(explain_inputs=run.explainable()), Target(output=layer, logits=False)
    )
    explainer = run.model.explainer(request, layer, "weights", run.one, run.place, batched=run.together)
    shape = _behind(run, layer)
    step, done = run.batch, 0
    for begin in range(0, len(items), step):
        mine, at = items[begin : begin + step], cells[begin : begin + step]
        weights = np.zeros((len(mine), *shape), explainer.emission.dtype)
        weights[(np.arange(len(mine)), *at.T[1:])] = 1
        for part in run.in_batches({**run.take(mine), WEIGHTS: weights}, explainer.run):
            for row in range(len(part["account.score"])):
                yield done, {n: _row(run, n, part[f"attribution.{n}"], row) for n in run.explainable()}
                done += 1
        run.evaluations += len(mine)


def _row(run: Run, name: str, a: Array, row: int) -> Array:
    return np.asarray(np.take(a, row, run.axes[name] or 0))


def _behind(run: Run, layer: str) -> tuple[int, ...]:
    session = run.model.forward(run.one, run.place, () if layer in run.model.outputs else (layer,))
    return tuple(session.run(run.one, [layer])[layer].shape[1:])
