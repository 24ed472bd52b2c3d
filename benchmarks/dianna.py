"""DIANNA's own models explained by DIANNA and here: the same methods, the correlation of the maps, the time of both.

What chance alone does is told by the correlation of two maps of ours that differ in the seed.

DIANNA is no dependency (it brings IPython, pandas and more): install it beside this project, and name the folder of real
models by ONNXPLAIN_CASES. Without both there are no rows.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import explainers
from explainers.runtime import Session
from explainers.types import Array

from .timing import in_turn

Maps = Callable[[], Array]


@dataclass(frozen=True)
class Case:
    """A model with an input, the method, and how DIANNA is asked for the same."""

    model: str
    input: str
    card: dict[str, Any]
    method: str
    params: dict[str, Any]
    theirs: Callable[[Any, str, Array, int], Array]


def rise_image_with(masks: int) -> Callable[[Any, str, Array, int], Array]:
    """Return what asks DIANNA for the RISE map of a picture with its channels first."""

    def theirs(dianna: Any, path: str, x: Array, target: int) -> Array:
        labels = ["channels", "height", "width"]
        found = dianna.explain_image(
            path, x, "RISE", [target], n_masks=masks, feature_res=8, p_keep=0.5, axis_labels=labels
        )
        return np.asarray(found[0])

    return theirs


def rise_series(dianna: Any, path: str, x: Array, target: int) -> Array:
    """Return DIANNA's RISE map of a series, steps first."""
    found = dianna.explain_timeseries(
        answers(path), x, "RISE", [target], n_masks=MASKS, feature_res=8, p_keep=0.5, mask_type="mean"
    )
    return np.asarray(found[0]).reshape(x.shape)


def shap_table(dianna: Any, path: str, x: Array, target: int) -> Array:
    """Return DIANNA's KernelSHAP values of a row of a table."""
    found = dianna.explain_tabular(
        answers(path),
        x,
        "KERNELSHAP",
        [target],
        training_data=background("penguin_dianna", "input_1"),
        silent=True,
    )
    values = np.asarray(found).squeeze()
    # classes first or last, as the release of shap below it has them
    return values if values.ndim == 1 else values[target] if values.shape[1] == x.size else values[:, target]


def answers(path: str) -> Callable[[Array], Array]:
    """Return the model as a function of rows, in the numbers that it takes: DIANNA makes doubles."""
    session = Session(Path(path).read_bytes(), spinning=True)
    (name,) = session.inputs
    return lambda rows: next(iter(session.run({name: np.asarray(rows, np.float32)}).values()))


MASKS = 4000
PICTURE = {"kind": "image", "layout": "NCHW"}
SHAP = {"samples": 2000}
CASES = (
    Case("mnist_binary_dianna", "input", PICTURE, "rise", {"masks": MASKS}, rise_image_with(MASKS)),
    Case("leafsnap30_dianna", "input", PICTURE, "rise", {"masks": 500}, rise_image_with(500)),
    Case(
        "season_ts_dianna", "input_3:0", {"kind": "series", "layout": "NTC"}, "rise",
        {"masks": MASKS, "fill": "mean"}, rise_series,
    ),
    Case("penguin_dianna", "input_1", {"kind": "tabular"}, "kernel_shap", SHAP, shap_table),
)  # fmt: skip


def background(model: str, name: str) -> Array:
    """Return every sample of a model."""
    samples = np.load(_folder() / "inputs" / f"{model}.npz")
    return np.concatenate([samples[f"s{i}/in/{name}"] for i in range(int(samples["n"]))])


def _folder() -> Path:
    return Path(os.environ.get("ONNXPLAIN_CASES", "/nowhere"))


def rows(threads: int = 2, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Yield one row per model: the correlation of both maps, and DIANNA's time over ours."""
    if importlib.util.find_spec("dianna") is None or not _folder().is_dir():
        return
    dianna = importlib.import_module("dianna")
    for case in CASES:
        yield compare(dianna, case, threads, rounds)


def compare(dianna: Any, case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Explain the first sample with both, in turn."""
    path = _folder() / "models" / f"{case.model}.onnx"
    model = explainers.load(path, {"inputs": {case.input: case.card}})
    x = background(case.model, case.input)[:1]
    params = dict(case.params)
    if case.method == "kernel_shap":
        params["background"] = background(case.model, case.input)
    target = explainers.explain(model, x, "feature_ablation", {"budget": 1}).account.index[0]
    maps: dict[str, Array] = {}

    def ours() -> None:
        found = explainers.explain(model, x, case.method, params, target, threads=threads)
        maps["ours"] = found.attributions[case.input][0]

    def theirs() -> None:
        maps["theirs"] = case.theirs(dianna, str(path), x[0], target)

    taken = in_turn({"ours": ours, "theirs": theirs}, rounds)
    again = explainers.explain(model, x, case.method, params, target, seed=1).attributions[case.input][0]
    there = maps["theirs"]
    here, again = (a[0] if case.card["kind"] == "image" else a for a in (maps["ours"], again))
    return {
        "model": case.model,
        "method": case.method,
        "class": target,
        "correlation": alike(here, there),
        "ours with another seed": alike(here, again),
        "DIANNA / ours, time": statistics.median(
            b / a for a, b in zip(taken["ours"], taken["theirs"], strict=True)
        ),
        "seconds, ours": statistics.median(taken["ours"]),
    }


def alike(a: Array, b: Array) -> float:
    """Return the correlation of two maps."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
