"""Activation maximisation: rows of starts climb towards their targets, and what came of it is told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidRequest
from ..run import Run
from ..signature import Request
from ..told import Told
from ..types import Array, Arrays
from .aims import Aims, aims_of
from .bounds import plain
from .data import classes_of, data_of, in_place, repeated
from .diversity import Likeness, distances
from .evaluation import Evaluation
from .ground import Ground, ground_of
from .loop import Climb, Plan
from .objective import DENSITY, ObjectiveParams
from .parametrisation import Fourier, Parametrisation, Pixels
from .regularisers import Blur, Change, Clipping, Jitter, Penalty, SquaredNorm, TotalVariation
from .starts import WORDS, apart, given, means, noise
from .unmoved import refuse_unmoved

if TYPE_CHECKING:
    from ..baselines import Subject
    from ..methods.activation_maximization import ActivationMaximizationParams

FREE_NORM = 0.01
"""Weight of the squared norm where neither bounds nor a density hold a prototype."""
RATE = 0.2
OF_PIXELS = ("total_variation", "blur", "jitter", "norm_percentile", "contribution_percentile")


def search(run: Run, params: ActivationMaximizationParams) -> Arrays:
    """Find the prototypes of every target, all in one batch."""
    _refuse_pixels(params)
    aims = aims_of(run.model.description, run.request.target, params.count)
    ground = ground_of(run, params)
    rows = rows_of(run, params, aims, ground)
    climb = climb_of(rows, params, ground)
    climb.run(plan_of(params, ground), lambda done, of: run.progress(done, of, "steps"))
    refuse_unmoved(climb, rows, aims)
    climb.settle()
    run.evaluations += rows.evaluations
    return _tell(run, params, aims, ground, climb)


def _refuse_pixels(params: ActivationMaximizationParams) -> None:
    asked = [n for n in OF_PIXELS if getattr(params, n)] if params.generator is not None else []
    if params.generator is not None and params.parametrisation != "pixels":
        asked.append("parametrisation")
    if asked:
        raise InvalidRequest(
            f"{asked[0]} is about neighbours in the input, and a generator's code has none; leave it out, the generator keeps "
            "prototypes plain",
            pointer=f"/params/{asked[0]}",
        )


# ----- where it begins -----


def rows_of(run: Run, params: ActivationMaximizationParams, aims: Aims, ground: Ground) -> Run:
    """Return a run whose items are the prototypes."""
    starts = {n: _start(run, params, aims, ground, n) for n in ground.subjects}
    axes = ground.model.axes
    inputs = {n: in_place(a, axes[n]) for n, a in starts.items()} | repeated(axes, ground.held, aims.rows)
    request = Request("activation_maximization", params, aims.target, run.request.seed)
    return Run(ground.model, request, inputs, aims.rows, run.place, run.progress)


def _start(run: Run, params: ActivationMaximizationParams, aims: Aims, ground: Ground, name: str) -> Array:
    of, box, rng = ground.subjects[name], ground.boxes[name], run.rng()
    asked = params.start.get(name, "noise") if isinstance(params.start, dict) else params.start
    dtype = next(s.dtype for s in ground.model.inputs if s.name == name)
    if not isinstance(asked, str):
        rows = given(asked, of.shape, aims.rows, name)
    elif asked == "noise":
        rows = noise(box, aims.groups, aims.count, params.noise, rng)
    elif asked == "zeros":
        rows = np.zeros((aims.rows, *of.shape))
    else:
        rows = _mean(run, params, aims, ground, ground.decoded or name, asked)
    if asked != "noise":
        rows = apart(rows, box, aims.count, params.noise, rng)
    return rows.astype(dtype)


def _mean(
    run: Run, params: ActivationMaximizationParams, aims: Aims, ground: Ground, x: str, asked: str
) -> Array:
    """Return the mean of the data, or of each target's class; with a generator the codes that decode to it."""
    from .encoding import encoded

    data = data_of(run, params.data, x)
    if data is None:
        raise InvalidRequest(
            f"a start of {asked!r} is taken from the data, and there is none; send inputs or data, or start elsewhere: "
            f"{', '.join(WORDS)}",
            pointer="/params/start",
        )
    labels = None
    if asked == "class_mean":
        if not aims.classes:
            raise InvalidRequest("the target is no class; start from another point", pointer="/params/start")
        labels = params.labels if params.labels is not None else classes_of(run, data, x, ground.held)
        if len(labels) != len(data):
            raise InvalidRequest(f"{len(labels)} labels for {len(data)} items", pointer="/params/labels")
    wanted = means(data, labels, aims.classes or [0] * aims.groups, aims.count)
    return wanted if ground.generator is None else encoded(run, ground.generator, ground.output or "", wanted)


# ----- what is climbed, and how -----


def climb_of(rows: Run, params: ActivationMaximizationParams, ground: Ground) -> Climb:
    """Return what climbs, ready to run."""
    return Climb(
        _evaluation(rows, params, ground), _moved(rows, params, ground), *_rules(rows, params, ground)
    )


def _evaluation(rows: Run, params: ActivationMaximizationParams, ground: Ground) -> Evaluation:
    own = ObjectiveParams(
        explain_inputs=list(ground.subjects),
        objective=params.objective,
        expert=ground.log_p,
        expert_weight=params.expert_weight,
    )
    request = Request("optimising/objective", own, rows.request.target, rows.request.seed)
    explainer = rows.compiled(request, frozen=True)
    return Evaluation(rows, explainer, rows.weights_for(explainer), list(ground.subjects))


def _moved(rows: Run, params: ActivationMaximizationParams, ground: Ground) -> dict[str, Parametrisation]:
    found: dict[str, Parametrisation] = {}
    for name, of in ground.subjects.items():
        start = np.moveaxis(rows.inputs[name], rows.axes[name] or 0, 0)
        start = start.astype(np.promote_types(start.dtype, np.float32))
        if params.parametrisation == "fourier":
            found[name] = Fourier(start, ground.boxes[name], of.space)
        else:
            found[name] = Pixels(start, ground.boxes[name])
    return found


def norm_weight(params: ActivationMaximizationParams, ground: Ground) -> float:
    """Return the weight of the squared norm: what is asked for, or a little where nothing else holds a prototype."""
    if params.l2 is not None:
        return params.l2
    held = ground.generator is None and (
        ground.log_p is not None or all(box.closed for box in ground.boxes.values())
    )
    return 0.0 if held else FREE_NORM


def _rules(
    rows: Run, params: ActivationMaximizationParams, ground: Ground
) -> tuple[dict[str, list[Penalty]], dict[str, list[Change]], dict[str, Jitter]]:
    penalties, changes, jitter = {}, {}, {}
    for name, of in ground.subjects.items():
        penalties[name] = _penalties(params, of, norm_weight(params, ground))
        changes[name] = _changes(params, of, ground.boxes[name].middle)
        if params.jitter:
            jitter[name] = Jitter(params.jitter, _behind(of), rows.rng())
    return penalties, changes, jitter


def _behind(of: Subject) -> list[int]:
    return [a + 1 for a in of.space]


def _penalties(params: ActivationMaximizationParams, of: Subject, norm: float) -> list[Penalty]:
    found: list[Penalty] = [SquaredNorm(norm)] if norm else []
    if params.total_variation:
        found.append(TotalVariation(params.total_variation, params.power, _behind(of)))
    if params.count > 1 and params.diversity:
        found.append(Likeness(params.diversity, params.count))
    return found


def _changes(params: ActivationMaximizationParams, of: Subject, rest: Array) -> list[Change]:
    channel = None if of.channel is None else of.channel + 1
    found: list[Change] = [Blur(params.blur, _behind(of))] if params.blur else []
    for by, percent in (("norm", params.norm_percentile), ("contribution", params.contribution_percentile)):
        if percent:
            found.append(Clipping(percent, channel, rest, by))
    return found


def plan_of(params: ActivationMaximizationParams, ground: Ground) -> Plan:
    """Return how far and how fast; a budget ends the search early."""
    rate = RATE if params.rate is None else params.rate
    rates = {n: plain(rate * box.range, np.float32) for n, box in ground.boxes.items()}
    steps = min(params.steps, params.budget or params.steps)
    return Plan(steps, rates, params.optimizer, params.every, params.frames)


# ----- what came of it -----


def _tell(run: Run, params: ActivationMaximizationParams, aims: Aims, ground: Ground, climb: Climb) -> Arrays:
    """Fill the account and return the arrays."""
    evaluation, emission = climb.evaluation, climb.evaluation.explainer.emission
    score = [float(v) for v in evaluation.values["account.score"]]
    index = [c for c in aims.classes for _ in range(aims.count)]
    held = dict.fromkeys(ground.held, "held at its first item")
    run.told = Told(
        emission.explained, score, index, emission.logits, evaluation.run.apart, emission.rules, held
    )
    run.per_item["objective"] = [float(v) for v in climb.best_value]
    if DENSITY in evaluation.values:
        run.per_item["log_p"] = [float(v) for v in evaluation.values[DENSITY]]
    run.facts |= emission.notes | {
        "l2": norm_weight(params, ground),
        "steps": climb.steps,
        "film_steps": climb.film_steps,
    }
    if climb.cancelled:
        run.facts["cancelled"] = f"after {climb.steps} of {params.steps} steps; the best so far was kept"
    elif climb.steps < params.steps:
        run.warnings.append(
            f"the budget ended the search after {climb.steps} of {params.steps} steps, with the best found by then"
        )
    arrays = _arrays(ground, climb)
    if aims.count > 1:
        shown = next(a for n, a in arrays.items() if n.startswith("prototype."))
        run.facts["pairwise_distances"] = distances(shown, aims.count)
    return arrays


def _arrays(ground: Ground, climb: Climb) -> Arrays:
    arrays: Arrays = {}
    for name, best in climb.best.items():
        film = np.stack([frame[name] for frame in climb.film])
        if ground.decoded is None:
            arrays |= {f"prototype.{name}": best, f"film.{name}": film}
        else:
            decode = partial(_decoded, climb.evaluation.run, ground)
            arrays |= {
                f"prototype.{ground.decoded}": decode({name: best}),
                f"film.{ground.decoded}": np.stack([decode({name: f}) for f in film]),
                "code": best,
            }
    arrays |= {"curve": np.stack(climb.curve), "score": climb.best_value}
    if ground.expert is not None:
        arrays["expert"] = np.frombuffer(ground.expert.SerializeToString(), np.uint8)
    return arrays


def _decoded(rows: Run, ground: Ground, codes: Arrays) -> Array:
    """Return the model's input that the composed graph makes of codes."""
    name = ground.decoded or ""
    feeds = {**rows.inputs, **{n: a.astype(rows.inputs[n].dtype) for n, a in codes.items()}}
    session = rows.model.forward(rows.one, rows.place, (name,))
    return np.concatenate(list(rows.in_batches(feeds, partial(session.output, name))))
