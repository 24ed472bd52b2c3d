"""DIANNA asked for its maps: each method that it offers for a kind of data, and what makes a map one of the values of ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from skimage.segmentation import slic

from explainers.runtime import Session
from explainers.types import Array

FLAT = 25.0
"""A kernel's width beside which all distances between copies are small: both count distances in their own way."""


@dataclass(frozen=True)
class Question:
    """What both are asked."""

    dianna: Any
    path: str
    x: Array
    """An item, without its batch axis."""
    target: int
    rows: Array
    """Every sample of the model."""
    samples: int
    """Masks, copies or coalitions."""
    segments: int
    """Of a picture under KernelSHAP, about so many."""

    @cached_property
    def answers(self) -> Callable[[Array], Array]:
        """The model as a function of rows, in the numbers and shape that it takes: DIANNA makes doubles, and adds a channel."""
        session = Session(Path(self.path).read_bytes(), spinning=True)
        (name,) = session.inputs
        scores = session.outputs[-1]  # a forest's first output is the label

        def ask(rows: Array) -> Array:
            items = np.asarray(rows, np.float32).reshape(len(rows), *self.x.shape)
            return session.run({name: items}, [scores])[scores]

        return ask


def as_it_comes(_: Question, there: Array) -> Array:
    """Return DIANNA's map as it is."""
    return there


# ---- pictures

CHANNELS_FIRST = ["channels", "height", "width"]


def rise_image(q: Question) -> Array:
    """Return DIANNA's RISE map of a picture."""
    found = q.dianna.explain_image(
        q.path,
        q.x,
        "RISE",
        [q.target],
        axis_labels=CHANNELS_FIRST,
        n_masks=q.samples,
        feature_res=8,
        p_keep=0.5,
    )
    return np.asarray(found[0])


def lime_image(q: Question) -> Array:
    """Return DIANNA's LIME weights of a picture's segments, found by quickshift and covered with zeros."""
    # explain_image refuses the fill, which the explainer passes on
    kind = importlib.import_module("dianna.methods.lime_image").LIMEImage
    explainer = kind(kernel_width=0.25, axis_labels=CHANNELS_FIRST)
    found = explainer.explain(
        q.path,
        q.x,
        [q.target],
        num_features=q.x.size,
        num_samples=q.samples,
        return_masks=False,
        hide_color=0,
    )
    return np.asarray(found[0])


def shap_image(q: Question) -> Array:
    """Return DIANNA's KernelSHAP values of a picture's segments."""
    found = q.dianna.explain_image(
        q.path,
        q.x,
        "KERNELSHAP",
        [q.target],
        axis_labels=CHANNELS_FIRST,
        background=0,
        n_segments=q.segments,
        nsamples=q.samples,
    )
    return np.asarray(found[0])


def segments(q: Question) -> Array:
    """Return the segments that DIANNA finds for KernelSHAP, from 1."""
    return np.asarray(slic(np.moveaxis(q.x, 0, -1), n_segments=q.segments, compactness=10.0))


def moved_back(q: Question, there: Array) -> Array:
    """Give each segment its own value, which DIANNA draws on the next one; the last one, never covered, has none."""
    ids = segments(q)
    values = [there[ids == k][0] for k in range(1, ids.max() + 1)]
    return np.asarray(np.array([0.0, *values, 0.0])[ids + 1])


# ---- series


def rise_series(q: Question) -> Array:
    """Return DIANNA's RISE map of a series, steps first."""
    found = q.dianna.explain_timeseries(
        q.answers,
        q.x.reshape(-1, 1),
        "RISE",
        [q.target],
        n_masks=q.samples,
        feature_res=8,
        p_keep=0.5,
        mask_type="mean",
    )
    return np.asarray(found[0]).reshape(q.x.shape)


def lime_series(q: Question) -> Array:
    """Return DIANNA's LIME weights of a series, of each step's value."""
    found = q.dianna.explain_timeseries(
        q.answers,
        q.x.reshape(-1, 1),
        "LIME",
        [q.target],
        kernel_width=1000 * FLAT,
        num_features=q.x.size,
        num_samples=q.samples,
        batch_size=100,
        mask_type="mean",
    )
    return np.asarray(found[0]).reshape(q.x.shape)


def of_presence(q: Question, there: Array) -> Array:
    """Return what a step adds that is there, from the weight of its value: what covers it is the series' mean."""
    return np.asarray(there * (q.x - q.x.mean()))


# ---- tables


def ask_table(q: Question, method: str, at: int, **params: Any) -> Array:
    """Return what DIANNA finds for a row of a table, the map in place `at` of those that it gives."""
    found = q.dianna.explain_tabular(q.answers, q.x, method, [q.target], training_data=q.rows, **params)
    return np.asarray(found[at])


def rise_table(q: Question) -> Array:
    """Return DIANNA's RISE map of a row, whose masked values become the mean."""
    return ask_table(q, "RISE", 0, n_masks=q.samples, p_keep=0.5, mask_type="mean")


def lime_table(q: Question) -> Array:
    """Return DIANNA's LIME weights of a row's quarters."""
    names = [str(i) for i in range(q.x.size)]
    width = 0.75 * np.sqrt(q.x.size)
    return ask_table(q, "LIME", q.target, feature_names=names, kernel_width=width, num_samples=q.samples)


def shap_table(q: Question) -> Array:
    """Return DIANNA's KernelSHAP values of a row."""
    return ask_table(q, "KERNELSHAP", q.target, silent=True)
