"""Evaluations per second of the sampling methods against bare batches of ONNX Runtime, and RISE's memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import explainers
from explainers.explainer import Place
from explainers.runtime import Session
from explainers.types import Array

from . import networks
from .timing import in_turn

SIZES = (8, 16, 32, 64, 128, 256)
METHODS = ("rise", "kernel_shap", "shapley_sampling")


def small_cnn() -> nn.Module:
    """Two convolutions on 28 x 28 pixels: small enough for overhead to show."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network on images, and how it is asked: about so often in a round; short rounds are many, as a machine is seldom even."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    evaluations: int
    times: int = 1
    """How many times the rounds that are wanted."""
    segments: int = 16

    def params(self, method: str) -> dict[str, Any]:
        """Return parameters that ask about as often as wanted; a permutation asks once per segment but the last."""
        if method == "rise":
            return {"masks": self.evaluations}
        each = self.segments - 1 if method == "shapley_sampling" else 1
        return {"segments": self.segments, "samples": max(8, self.evaluations // each // 2 * 2)}


CASES = {
    "small CNN, 28 x 28, 0.1 s": Case(small_cnn, (1, 28, 28), 8_000, times=3),
    "small CNN, 28 x 28, 1 s": Case(small_cnn, (1, 28, 28), 80_000, segments=49),
    "ResNet-18, 224 x 224": Case(networks.resnet18, (3, 224, 224), 256),
}


def rows(threads: int = 2, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """Yield one row per network and method: the ratio of evaluations per second, ours over bare."""
    for name, case in CASES.items():
        proto = networks.to_onnx(networks.settle(case.build(), (2, *case.shape)), torch.zeros(1, *case.shape))
        x = np.random.default_rng(0).random((1, *case.shape), np.float32)
        bare = Session(proto, threads=threads, spinning=True)
        sizes = good_sizes(bare, x, case.evaluations)
        model = explainers.load(proto, {"inputs": {"input": {"kind": "image", "layout": "NCHW"}}})
        for method in METHODS:
            ratio, ours, size = compare(model, bare, x, method, case, sizes, threads, case.times * rounds)
            yield {
                "network": name, "method": method, "ours / bare": ratio, "evaluations / s": ours, "bare's best batch": size,
            }  # fmt: skip
    yield {
        "network": "RISE, 8,000 masks, 224 x 224, MiB above the session", "method": "rise", "ours / bare": "",
        "evaluations / s": "", "bare's best batch": memory(),
    }  # fmt: skip


def compare(
    model: Any, bare: Session, x: Array, method: str, case: Case, sizes: list[int], threads: int, rounds: int
) -> tuple[float, float, int]:
    """Return our evaluations per second over bare ones at their best batch, ours, and that batch; medians over rounds in turn."""
    asked: list[int] = []

    def ours() -> None:
        found = explainers.explain(model, x, method, case.params(method), target=3, threads=threads)
        asked.append(found.account.model_evaluations)

    counts = {size: case.evaluations // size * size for size in sizes}
    calls = {str(size): partial(run_bare, bare, x, count, size) for size, count in counts.items()}
    taken = in_turn({"ours": ours, **calls}, rounds)
    speeds = [n / s for n, s in zip(asked[1:], taken["ours"], strict=True)]
    theirs = {size: [count / s for s in taken[str(size)]] for size, count in counts.items()}
    best = max(sizes, key=lambda size: statistics.median(theirs[size]))
    ratios = [v / b for v, b in zip(speeds, theirs[best], strict=True)]
    return statistics.median(ratios), statistics.median(speeds), best


def run_bare(session: Session, x: Array, count: int, size: int) -> None:
    """Run rows that are there already, batch after batch."""
    feeds = {"input": np.repeat(x, size, 0)}
    for _ in range(count // size):
        session.run(feeds)


def good_sizes(session: Session, x: Array, count: int) -> list[int]:
    """Return the batches that may be the fastest: the two best of a few short times, if within a tenth of each other."""
    sizes = [s for s in SIZES if 4 * s <= count]
    rows = min(count // 4, 4 * sizes[-1])
    taken = in_turn({str(size): partial(run_bare, session, x, rows, size) for size in sizes}, rounds=5)
    best = {size: min(taken[str(size)]) for size in sizes}
    ranked = sorted(sizes, key=lambda size: best[size])[:2]
    return [size for size in ranked if best[size] <= 1.1 * best[ranked[0]]]


def memory() -> float:
    """Return what 8,000 masks at 224 x 224 add to the peak of a process of its own that has run a batch of the model."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling"],
        capture_output=True,
        text=True,
        check=True,
        timeout=3600,
    )
    return float(done.stdout)


def measure_memory() -> float:
    """Return how far this process grows above what it holds once the session has run, in MiB."""
    shape = (3, 224, 224)
    flat = nn.Sequential(
        nn.Conv2d(3, 8, 7, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    )
    model = explainers.load(networks.to_onnx(networks.settle(flat, (2, *shape)), torch.zeros(1, *shape)))
    x = np.random.default_rng(0).random((1, *shape), np.float32)
    session = model.forward({"input": x}, Place())
    session.run({"input": np.repeat(x, 32, 0)})
    before = _status("VmRSS")
    # loading the libraries and writing the network out took more than the session: begin the peak anew
    Path("/proc/self/clear_refs").write_text("5")
    explainers.explain(model, x, "rise", {"masks": 8000}, target=3)
    return _status("VmHWM") - before


def _status(name: str) -> float:
    """Return a figure of this process's memory, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


if __name__ == "__main__":
    sys.stdout.write(f"{measure_memory():.1f}\n")
