"""A step of activation maximisation against a run of the graph that it climbs on, and of the plain gradient, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import explainers
from explainers.explainer import Place
from explainers.methods.activation_maximization import ActivationMaximizationParams
from explainers.optimising import search
from explainers.optimising.aims import aims_of
from explainers.optimising.ground import ground_of
from explainers.optimising.objective import OBJECTIVE, SLOPE
from explainers.run import Run
from explainers.signature import read_request

from . import networks
from .timing import in_turn, ratio

CLASSES = list(range(10))
DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
CARD = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}
CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...], int]] = {
    "the digits' network, 6,200 parameters": (lambda: DIGITS, (1, 8, 8), 200),
    "ResNet-18": (lambda: _exported(networks.resnet18()), (3, 224, 224), 4),
}
"""Network, shape of an item, steps of one round."""


def rows(threads: int = 2, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """Yield one row of ratios per network; ten classes share a batch."""
    for name, (source, shape, steps) in CASES.items():
        model = explainers.load(source(), CARD)
        params = {"l2": 0.01, "steps": steps, "start": np.zeros(shape)}
        yield {"network": name, **measure(model, params, threads, rounds)}


def _exported(network: Any) -> bytes:
    x = torch.zeros(2, 3, 224, 224)
    return networks.to_onnx(networks.settle(network, tuple(x.shape)), x[:1])


def measure(model: Any, fields: dict[str, Any], threads: int, rounds: int) -> dict[str, float]:
    """Return what a step takes, in runs of both graphs by plain calls; each has the machine to itself in turn.

    The graph that is climbed on gives the derivative of a log-probability, that of the plain gradient of a logit.
    """
    request = read_request(
        {"method": "activation_maximization", "params": fields, "target": {"index": CLASSES}}
    )
    params = request.params
    assert isinstance(params, ActivationMaximizationParams)
    run = Run(model, request, {}, 1, Place("cpu", threads), lambda *_: None)
    aims, ground = aims_of(model.description, request.target, 1), ground_of(run, params)
    rows = search.rows_of(run, params, aims, ground)
    plan = search.plan_of(params, ground)
    gradient = read_request({"method": "gradient", "target": {"index": CLASSES}})
    own = Run(model, gradient, rows.inputs, rows.items, run.place, run.progress)
    explainer = own.compiled(gradient)
    feeds = {**rows.inputs, **own.weights_for(explainer)}
    climb = search.climb_of(rows, params, ground)
    climbed, at = climb.evaluation.explainer.session, climb.evaluation.feeds
    wanted = [OBJECTIVE, *(SLOPE + n for n in climb.evaluation.names)]
    calls: dict[str, Callable[[], object]] = {
        "step": lambda: climb.run(plan, lambda *_: None),
        "graph": lambda: [climbed.run(at, wanted) for _ in range(plan.steps)],
        "gradient": lambda: [explainer.run(feeds) for _ in range(plan.steps)],
    }
    taken = in_turn(calls, rounds)
    return {
        "step / its graph": ratio(taken, "step", "graph"),
        "graph ms": float(np.median(taken["graph"])) * 1e3 / plan.steps,
        "step / gradient of the logits": ratio(taken, "step", "gradient"),
        "gradient ms": float(np.median(taken["gradient"])) * 1e3 / plan.steps,
    }
