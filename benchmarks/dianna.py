"""DIANNA's own models explained by DIANNA and here: the same methods, the correlation of the maps, the time of both.

What chance alone does is told by the correlation of two maps of ours, and of two of DIANNA's, that differ in the draw.

DIANNA is no dependency (it brings IPython, pandas and more): install release 1.8.1 beside this project, and name the folder of
real models by ONNXPLAIN_CASES. Without both there are no rows.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from skimage.segmentation import quickshift

import explainers
from explainers.types import Array

from . import dianna_methods as them
from .dianna_methods import FLAT, Question
from .timing import in_turn

PICTURE = {"kind": "image", "layout": "NCHW"}
SEASON = {"kind": "series", "layout": "NTC"}
COFFEE = {"kind": "series", "layout": "NT"}
TABLE = {"kind": "tabular"}


ASKED = {
    "rise": "RISE, {:,} masks",
    "lime": "LIME, {:,} copies",
    "kernel_shap": "KernelSHAP, {:,} coalitions",
}


@dataclass(frozen=True)
class Case:
    """A model with an input, what is asked of both, and what makes DIANNA's map one of the same values."""

    model: str
    input: str
    card: dict[str, Any]
    method: str
    params: Callable[[Question], dict[str, Any]]
    theirs: Callable[[Question], Array]
    samples: int
    segments: int = 0
    alike: Callable[[Question, Array], Array] = them.as_it_comes


# ---- ours, as DIANNA has it


def veiled(q: Question) -> dict[str, Any]:
    """Return parameters of `rise` for a picture, which both cover with zeros."""
    return {"masks": q.samples}


def veiled_by_mean(q: Question) -> dict[str, Any]:
    """Return parameters of `rise` for a series, which both cover with its mean."""
    return {"masks": q.samples, "fill": "mean"}


def veiled_by_column(q: Question) -> dict[str, Any]:
    """Return parameters of `rise` for a row of a table, which both cover with the columns' means."""
    return {"masks": q.samples, "fill": q.rows.mean(0)}


def by_quickshift(q: Question) -> dict[str, Any]:
    """Return parameters of `lime` for a picture with the segments that DIANNA takes."""
    seen = np.broadcast_to(np.moveaxis(q.x, 0, -1), (*q.x.shape[1:], 3)).astype(np.float64)
    return {"samples": q.samples, "segments": quickshift(seen, kernel_size=4, max_dist=200, ratio=0.2)}


def as_dianna_plays(q: Question) -> dict[str, Any]:
    """Return parameters of `kernel_shap` for DIANNA's game, in which the last segment is never covered."""
    ids = them.segments(q)
    return {"samples": q.samples, "groups": ids, "fill": np.where(ids == ids.max(), q.x, 0)}


def by_step(q: Question) -> dict[str, Any]:
    """Return parameters of `lime` for a series in which each step is covered alone."""
    return {"samples": q.samples, "segments": "features", "fill": "mean", "kernel_width": FLAT}


def by_quarters(q: Question) -> dict[str, Any]:
    """Return parameters of `lime` for a table."""
    return {"samples": q.samples, "discretize": "quartiles", "background": q.rows}


def against_rows(q: Question) -> dict[str, Any]:
    """Return parameters of `kernel_shap` for a row of a table."""
    return {"samples": q.samples, "background": q.rows}


# ---- what is compared


def picture(model: str, masks: int, copies: int) -> Iterator[Case]:
    """Yield what is asked about a picture, but for KernelSHAP."""
    about = (model, "input", PICTURE)
    yield Case(*about, "rise", veiled, them.rise_image, masks)
    yield Case(*about, "lime", by_quickshift, them.lime_image, copies)


def shares(model: str, segments: int, coalitions: int) -> Case:
    """Return what is asked about a picture under KernelSHAP."""
    asked = ("kernel_shap", as_dianna_plays, them.shap_image, coalitions, segments, them.moved_back)
    return Case(model, "input", PICTURE, *asked)


def series(model: str, name: str, card: dict[str, Any]) -> Iterator[Case]:
    """Yield what is asked about a series; DIANNA has no KernelSHAP for these."""
    about = (model, name, card)
    yield Case(*about, "rise", veiled_by_mean, them.rise_series, 4000)
    yield Case(*about, "lime", by_step, them.lime_series, 2000, alike=them.of_presence)


def table(model: str, name: str) -> Iterator[Case]:
    """Yield what is asked about a row of a table of four columns."""
    about = (model, name, TABLE)
    yield Case(*about, "rise", veiled_by_column, them.rise_table, 4000)
    yield Case(*about, "lime", by_quarters, them.lime_table, 2000)
    yield Case(*about, "kernel_shap", against_rows, them.shap_table, 2**4 - 2)


def cases() -> Iterator[Case]:
    """Yield every method of DIANNA's for every model of its own that is among the real models."""
    mnist, leaf = "mnist_binary_dianna", "leafsnap30_dianna"
    yield from picture(mnist, masks=4000, copies=2000)
    yield shares(mnist, segments=8, coalitions=2**9 - 2)
    yield shares(mnist, segments=50, coalitions=2000)
    yield from picture(leaf, masks=2000, copies=500)
    # DIANNA runs all coalitions as one batch: more of these would take gigabytes
    yield shares(leaf, segments=8, coalitions=100)
    yield from series("season_ts_dianna", "input_3:0", SEASON)
    yield from series("coffee_ts_dianna", "float_input", COFFEE)
    yield from table("penguin_dianna", "input_1")


def rows(threads: int = 2, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Yield one row per model and method: the correlation of both maps, and DIANNA's time over ours."""
    if importlib.util.find_spec("dianna") is None or not _folder().is_dir():
        return
    dianna = importlib.import_module("dianna")
    for case in cases():
        yield compare(dianna, case, threads, rounds)


def _folder() -> Path:
    return Path(os.environ.get("ONNXPLAIN_CASES", "/nowhere"))


def samples(case: Case) -> Array:
    """Return every sample of a case's model, rows first."""
    found = np.load(_folder() / "inputs" / f"{case.model}.npz")
    return np.concatenate([found[f"s{i}/in/{case.input}"] for i in range(int(found["n"]))])


def compare(dianna: Any, case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Explain the first sample with both, in turn."""
    path = _folder() / "models" / f"{case.model}.onnx"
    model, every = explainers.load(path, {"inputs": {case.input: case.card}}), samples(case)
    target = explainers.explain(model, every[:1], "feature_ablation", {"budget": 1}).account.index[0]
    q = Question(dianna, str(path), every[0], target, every, case.samples, case.segments)
    maps: dict[str, list[Array]] = {"ours": [], "theirs": []}

    def ours() -> None:
        seed = len(maps["ours"])
        found = explainers.explain(
            model, every[:1], case.method, case.params(q), target, seed=seed, threads=threads
        ).attributions[case.input][0]
        maps["ours"].append(found[0] if case.card is PICTURE else found)

    def theirs() -> None:
        maps["theirs"].append(case.theirs(q))

    taken = in_turn({"ours": ours, "theirs": theirs}, rounds)
    made_alike = [case.alike(q, m) for m in maps["theirs"]]
    return {
        "model": case.model,
        "asked": ASKED[case.method].format(case.samples),
        "class": target,
        "correlation": middle(zip(maps["ours"], made_alike, strict=True)),
        "with DIANNA's map as it comes": middle(zip(maps["ours"], maps["theirs"], strict=True)),
        "ours with another seed": middle(pairwise(maps["ours"])),
        "DIANNA's asked again": middle(pairwise(maps["theirs"])),
        "DIANNA / ours, time": statistics.median(
            b / a for a, b in zip(taken["ours"], taken["theirs"], strict=True)
        ),
        "seconds, ours": statistics.median(taken["ours"]),
    }


def middle(pairs: Iterable[tuple[Array, Array]]) -> float:
    """Return the median correlation of pairs of maps."""
    return statistics.median(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs)
