"""The input gradient against the bare forward pass, PyTorch's autograd and Captum."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from captum.attr import Saliency
from torch import nn

import explainers
from explainers.explainer import Place
from explainers.run import Run
from explainers.signature import read_request

from . import networks
from .timing import in_turn, ratio

CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "ResNet-18, batch 1": (networks.resnet18, (1, 3, 224, 224)),
    "ResNet-50, batch 8": (networks.resnet50, (8, 3, 224, 224)),
    "MobileNet-V2, batch 8": (networks.mobilenet_v2, (8, 3, 224, 224)),
    "BERT-base encoder, L = 128, batch 1": (networks.Encoder, (1, 128, 768)),
    "LSTM, 2 x 256, T = 50, batch 8": (networks.LstmClassifier, (8, 50, 64)),
}


def rows(threads: int = 2, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """Yield one row of ratios per network."""
    torch.set_num_threads(threads)
    for name, (build, shape) in CASES.items():
        yield {"network": name, **measure(networks.settle(build(), (2, *shape[1:])), shape, threads, rounds)}


def measure(network: nn.Module, shape: tuple[int, ...], threads: int, rounds: int) -> dict[str, float]:
    """Return the ratios of one network, and the seconds to compile and build."""
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    model = explainers.load(networks.to_onnx(network, torch.from_numpy(x[:1])))
    run = Run(
        model,
        read_request({"method": "gradient", "target": 3}),
        {"input": x},
        len(x),
        Place("cpu", threads),
        lambda *_: None,
    )
    forward = model.forward(run.one, run.place)
    begin = time.perf_counter()
    explainer = run.compiled(run.request)
    built = time.perf_counter() - begin
    feeds = {"input": x, **run.weights_for(explainer)}
    leaf = torch.from_numpy(x).requires_grad_()
    taken = in_turn(
        {
            "forward": lambda: forward.run({"input": x}),
            "gradient": lambda: explainer.run(feeds),
            "torch": lambda: torch.autograd.grad(network(leaf)[:, 3].sum(), leaf),
            "captum": lambda: Saliency(network).attribute(leaf, target=3, abs=False),
        },
        rounds,
    )
    ours = explainer.run(feeds)["attribution.input"]
    theirs = torch.autograd.grad(network(leaf)[:, 3].sum(), leaf)[0].numpy()
    return {
        "gradient / forward": ratio(taken, "gradient", "forward"),
        "PyTorch / forward": ratio(taken, "torch", "forward"),
        "PyTorch / gradient": ratio(taken, "torch", "gradient"),
        "Captum / gradient": ratio(taken, "captum", "gradient"),
        "forward s": float(np.median(taken["forward"])),
        "compile + build s": built,
        "distance from PyTorch": float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)),
    }
