"""Relevance composites on ResNet-50 against the bare forward pass, the gradient and Zennit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import explainers
from explainers.runtime import Session

from . import networks
from .timing import in_turn, ratio

# Zennit as the tests ask it: one way to start it, one network whose additions it can see
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

SHAPE = (8, 3, 224, 224)
COMPOSITES: dict[str, dict[str, Any]] = {
    "epsilon": {},
    "epsilon_plus_flat": {},
    "epsilon_alpha2_beta1_flat": {},
    "epsilon_gamma_box": {"low": -5.0, "high": 5.0},
}
PEER = "EpsilonPlusFlat"


def rows(threads: int = 2, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """Yield one row per composite: all against the same forward pass; Zennit's composite beside ours of its name."""
    from reference.relevance_networks import summed
    from reference.relevance_zennit import attribute

    torch.set_num_threads(threads)
    network = networks.settle(networks.resnet50(), (2, *SHAPE[1:]))
    x = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    model = explainers.load(networks.to_onnx(network, torch.from_numpy(x[:1])))
    forward = Session(model.proto, "cpu", threads, spinning=True)
    index = forward.run({"input": x})["output"].argmax(1)
    weights = np.eye(1000, dtype=np.float32)[index]
    visible = summed(network, [3, 4, 6, 3], 64)
    for name, numbers in {"gradient": {}, **COMPOSITES}.items():
        method, params = ("gradient", {}) if name == "gradient" else ("lrp", {"composite": name, **numbers})
        session = Session(explainers.compile(model, method, params), "cpu", threads, spinning=True)
        feeds = {"input": x, "target_weights": weights}
        calls: dict[str, Callable[[], Any]] = {
            "forward": lambda: forward.run({"input": x}),
            "ours": lambda s=session, f=feeds: s.run(f, ["attribution.input"])["attribution.input"],
        }
        if name == "epsilon_plus_flat":
            calls["zennit"] = lambda: attribute(visible, PEER, x)
        taken = in_turn(calls, rounds)
        peer = ratio(taken, "zennit", "ours") if "zennit" in calls else None
        yield {
            "explanation": name,
            "/ forward": ratio(taken, "ours", "forward"),
            "Zennit / ours": "" if peer is None else peer,
            "distance": "" if peer is None else _distance(calls["ours"](), calls["zennit"]()),
        }


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
