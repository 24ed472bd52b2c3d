"""Feature inversion: rows of noise are moved until a layer says of them what it says of the items."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidRequest, TensorUnknown
from ..registry import Params
from ..run import Run
from ..signature import Request
from ..told import Told
from ..types import Array, Arrays, ModelDescription, Target
from .bounds import Box, plain
from .diversity import distances
from .encoding import matching
from .ground import Ground, plain_ground
from .loop import Climb, Plan
from .objective import OBJECTIVE
from .parametrisation import Fourier, Parametrisation, Pixels
from .regularisers import Penalty, SquaredNorm, TotalVariation
from .starts import noise

if TYPE_CHECKING:
    from ..baselines import Subject
    from ..methods.feature_inversion import FeatureInversionParams


def invert(run: Run, params: FeatureInversionParams) -> Arrays:
    """Reconstruct every item from its features, `count` times, all in one batch."""
    check_layer(run.model.description, params.layer)
    ground = plain_ground(run, params.low, params.high, held=False)
    target = Target(output=params.layer, logits=False)
    items = np.repeat(np.arange(run.items), params.count)
    wanted = _features(run, target)[items]
    starts = {n: noise(b, run.items, params.count, params.noise, run.rng()) for n, b in ground.boxes.items()}
    rows = _rows(run, target, items, starts)
    climb = Climb(
        matching(rows, params.layer, wanted, list(starts)),
        _moved(rows, params, ground),
        {n: _penalties(params, of, ground.boxes[n]) for n, of in ground.subjects.items()},
    )
    rates = {n: plain(params.rate * b.range, np.float32) for n, b in ground.boxes.items()}
    plan = Plan(params.steps, rates, frames=params.frames)
    climb.run(plan, lambda done, of: run.progress(done, of, "steps"))
    climb.settle()
    run.evaluations += rows.evaluations
    return _tell(run, params, climb, items)


def check_layer(description: ModelDescription, name: str) -> None:
    """Refuse a tensor that the model does not have, with those that it has."""
    known = {n: s for n, s in description.tensors.items() if s.dtype.startswith("float")}
    known |= {s.name: s for s in description.outputs}
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(list(known)[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
        raise TensorUnknown(
            f"the model has no tensor {name!r}; {hint}it has: {listed}", pointer="/params/layer"
        )


def _features(run: Run, target: Target) -> Array:
    """Return the layer's values at the items, items first."""
    own = Run(
        run.model,
        Request("optimising/match", Params(), target),
        run.inputs,
        run.items,
        run.place,
        run.progress,
    )
    features = own.evaluate(run.inputs)
    run.evaluations += own.evaluations
    if features.ndim < 2 or len(features) != run.items:
        raise InvalidRequest(
            f"{target.output!r} has shape {list(features.shape)} for {run.items} items; name a layer with the items in front",
            pointer="/params/layer",
        )
    silent = [i for i, a in enumerate(features) if not a.any()]
    if silent:
        raise InvalidRequest(
            f"{target.output!r} is zero everywhere for item {silent[0]}: nothing can be reconstructed; name another layer",
            pointer="/params/layer",
        )
    return features


def _rows(run: Run, target: Target, items: Array, starts: Arrays) -> Run:
    inputs = run.take(items)
    for name, a in starts.items():
        inputs[name] = np.ascontiguousarray(np.moveaxis(a, 0, run.axes[name] or 0)).astype(
            run.inputs[name].dtype
        )
    request = Request("optimising/match", Params(), target, run.request.seed)
    return Run(run.model, request, inputs, len(items), run.place, run.progress)


def _moved(rows: Run, params: FeatureInversionParams, ground: Ground) -> dict[str, Parametrisation]:
    found: dict[str, Parametrisation] = {}
    for name, box in ground.boxes.items():
        start = np.moveaxis(rows.inputs[name], rows.axes[name] or 0, 0)
        start = start.astype(np.promote_types(start.dtype, np.float32))
        space = ground.subjects[name].space
        found[name] = (
            Fourier(start, box, space) if params.parametrisation == "fourier" else Pixels(start, box)
        )
    return found


def _penalties(params: FeatureInversionParams, of: Subject, box: Box) -> list[Penalty]:
    """Return the penalties per value, in units of the input's range, so that weights serve inputs of any size."""
    unit = float(np.prod(of.shape)) * float(np.mean(box.range)) ** 2
    found: list[Penalty] = []
    if params.total_variation:
        axes = [a + 1 for a in of.space]
        found.append(TotalVariation(params.total_variation / unit, params.power, axes))
    if params.l2:
        found.append(SquaredNorm(params.l2 / unit))
    return found


def _tell(run: Run, params: FeatureInversionParams, climb: Climb, items: Array) -> Arrays:
    emission = climb.evaluation.explainer.emission
    wrong = np.sqrt(-climb.evaluation.values[OBJECTIVE].astype(np.float64))
    run.told = Told(
        params.layer, [float(v) for v in wrong], apart=climb.evaluation.run.apart, rules=emission.rules,
        held_fixed={s.name: "held at the item's own" for s in run.model.inputs if s.name not in climb.best},
    )  # fmt: skip
    run.per_item["feature_error"] = run.told.score
    run.per_item["item"] = [float(i) for i in items]
    run.facts |= {"steps": climb.steps, "film_steps": climb.film_steps}
    arrays: Arrays = {}
    for name, best in climb.best.items():
        own = np.moveaxis(run.inputs[name], run.axes[name] or 0, 0)[items].astype(np.float64)
        length = np.maximum(np.linalg.norm(own.reshape(len(own), -1), axis=1), np.finfo(np.float64).tiny)
        away = np.linalg.norm((best - own).reshape(len(own), -1), axis=1) / length
        run.per_item["input_error" if len(climb.best) == 1 else f"input_error {name}"] = [
            float(v) for v in away
        ]
        arrays |= {f"prototype.{name}": best, f"film.{name}": np.stack([f[name] for f in climb.film])}
    if climb.cancelled:
        run.facts["cancelled"] = f"after {climb.steps} of {params.steps} steps; the best so far was kept"
    if params.count > 1:
        run.facts["pairwise_distances"] = distances(next(iter(climb.best.values())), params.count)
    return arrays | {"curve": np.stack(climb.curve), "score": wrong}
