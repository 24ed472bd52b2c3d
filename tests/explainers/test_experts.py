"""Every method that asks finds the part that a model's answer hangs on, in each kind of data."""

from __future__ import annotations

import numpy as np
import pytest
from reference.experts import EXPERTS

import explainers
from explainers.errors import OperatorsWithoutDerivative

METHODS = {
    "occlusion": {},
    "feature_ablation": {"segments": 27},
    "rise": {"masks": 1500, "cells": 4},
    "lime": {"count": 27, "samples": 300},
    "kernel_shap": {"segments": 27, "samples": 600},
    "shapley_sampling": {"segments": 12, "samples": 20},
    "exact_shapley": {"segments": 8},
    "partition_shap": {"segments": 27},
    "meaningful_perturbation": {"steps": 60, "fill": "zeros"},
}
# what climbs on a gradient has none on trees; a word counts wherever it stands, so that no place has the steepest curve
LEFT_OUT = {("table, trees", "meaningful_perturbation"), ("text", "partial_dependence")}
OTHERS = {
    "slic segments of a volume": ("volume", "lime", {"segments": "slic", "count": 27, "samples": 300}),
    "slic segments of a video": ("video", "feature_ablation", {"groups": "slic", "segments": 27}),
    "patches of each channel": ("image", "occlusion", {"channels": "each", "window": 2}),
    "windows of a duration": ("series", "occlusion", {"window": "0.03 s", "stride": "0.01 s"}),
    "windows of a series": ("series", "kernel_shap", {"groups": "windows", "segments": 8}),
    "patches of a volume": ("volume", "occlusion", {"window": 2, "stride": 2}),
}


@pytest.fixture(scope="module")
def models():
    return {
        kind: explainers.load(e.model(), {"inputs": {"input": {**e.card}}}) for kind, e in EXPERTS.items()
    }


def holds(found, expert):
    for a in found.attributions["input"]:
        inside, outside = a[expert.marked], a[~expert.marked]
        assert inside.max() == a.max()
        assert inside.mean() > outside.mean() + outside.std()


@pytest.mark.parametrize("kind", EXPERTS)
@pytest.mark.parametrize("method", METHODS)
def test_the_known_part_comes_first(models, kind, method):
    expert = EXPERTS[kind]
    if (kind, method) in LEFT_OUT:
        with pytest.raises(OperatorsWithoutDerivative, match="TreeEnsembleRegressor"):
            explainers.explain(models[kind], expert.items(), method, METHODS[method])
        return
    holds(explainers.explain(models[kind], expert.items(), method, METHODS[method]), expert)


@pytest.mark.parametrize("name", OTHERS)
def test_it_does_so_however_the_parts_are_cut(models, name):
    kind, method, params = OTHERS[name]
    expert = EXPERTS[kind]
    # segments follow what is to be seen: the part stands out, and the rest hardly differs
    seen = np.where(expert.marked, 1.4, 0.6).astype(np.float32) + 0.1 * (expert.items() - 1)
    items = seen if name.startswith("slic") else expert.items()
    holds(explainers.explain(models[kind], items, method, params), expert)


@pytest.mark.parametrize("kind", EXPERTS)
def test_over_a_data_set_the_known_part_matters_most(models, kind):
    expert, params = EXPERTS[kind], {"metric": "score", "repeats": 2, "groups": "features"}
    items = expert.items(12)
    # shuffling alone leaves a mean of sums as it is: the score must bend, or the labels tell
    labels = explainers.explain(models[kind], items, "feature_ablation", {"budget": 1}).account.score
    params |= {"metric": "mse", "labels": labels}
    found = explainers.explain(models[kind], items, "permutation_importance", params).arrays[
        "importance.input"
    ]

    assert expert.marked.ravel()[found.argmax()]


@pytest.mark.parametrize("kind", [k for k in EXPERTS if (k, "partial_dependence") not in LEFT_OUT])
def test_the_curve_of_the_known_part_is_the_steepest(models, kind):
    expert = EXPERTS[kind]
    places = [int(expert.marked.ravel().argmax()), *np.flatnonzero(~expert.marked.ravel())[:3].tolist()]
    found = explainers.explain(
        models[kind], expert.items(4), "partial_dependence", {"features": places, "grid": [0.0, 1.0]}
    ).arrays["curve.input"]

    assert np.ptp(found, axis=1).argmax() == 0
