"""Shapley values of other people's models against the shap package; needs the folder that ONNXPLAIN_CASES names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import explainers
from explainers.explainer import Place
from explainers.layout import Shapes
from explainers.registry import methods
from explainers.signature import first_output

CASES = Path(os.environ.get("ONNXPLAIN_CASES", "/nowhere"))
pytestmark = [
    pytest.mark.skipif(not CASES.is_dir(), reason="ONNXPLAIN_CASES names no folder of real models"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
TABLES = ["penguin_dianna", "iris_mlp_winml", "rf_sklearn_ankane"]
CLASS = 1


def load(name):
    model = explainers.load(CASES / "models" / f"{name}.onnx")
    samples = np.load(CASES / "inputs" / f"{name}.npz")
    rows = np.concatenate([samples[f"s{i}/in/{model.inputs[0].name}"] for i in range(int(samples["n"]))])
    return model, rows


def answers(model):
    """Return the model as a function of rows, one value for each: the explained class."""
    name, output = model.inputs[0].name, first_output(model.description).name

    def ask(rows):
        feeds = {name: np.asarray(rows, np.float32)}
        session = model.forward({name: feeds[name][:1]}, Place(threads=1))
        return session.run(feeds, [output])[output][:, CLASS]

    return ask


@pytest.fixture(params=TABLES)
def table(request):
    return load(request.param)


@pytest.fixture
def by_shap(table):
    import shap

    model, rows = table
    explainer = shap.explainers.Exact(answers(model), shap.maskers.Independent(rows, max_samples=len(rows)))
    return np.asarray(explainer(rows[:3]).values, np.float64)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("exact_shapley", {}),
        ("kernel_shap", {}),
        ("shapley_sampling", {"samples": 60}),
        ("partition_shap", {"hierarchy": [0, 1, 2, 3]}),
    ],
)
def test_tables_are_explained_as_shap_does_it(table, by_shap, method, params):
    model, rows = table
    found = explainers.explain(model, rows[:3], method, {**params, "background": rows}, CLASS)
    name = model.inputs[0].name
    errors = found.arrays.get(f"error.{name}", np.zeros(by_shap.shape))
    scale = np.abs(by_shap).max()

    assert (np.abs(found.attributions[name] - by_shap) <= 1e-5 * scale + 4 * errors).all()


@pytest.mark.parametrize("method", ["kernel_shap", "shapley_sampling"])
def test_windows_of_a_spectrum_agree_with_shap_within_their_own_errors(method):
    import shap

    model, rows = load("coffee_ts_dianna")
    name, groups = model.inputs[0].name, np.arange(286) * 13 // 286
    x, ground = rows[0], rows.mean(0)

    def ask(masks):
        return answers(model)(np.where(np.asarray(masks, bool)[:, groups], x, ground))

    expected = shap.explainers.Exact(ask, shap.maskers.Independent(np.zeros((1, 13)), max_samples=1))(
        np.ones((1, 13))
    ).values[0]
    params = {"groups": groups, "fill": ground, "samples": 200}
    found = explainers.explain(model, x[None], method, params, CLASS).arrays
    errors = np.array([found[f"error.{name}"][0][groups == g][0] for g in range(13)])

    assert errors.max() > 0
    assert (np.abs(found[f"group.{name}"][0] - expected) <= 1e-6 + 4 * errors).all()


def test_time_first_inputs_cost_what_is_estimated():
    from reference.small_models import CARDS, small_inputs, small_model

    model = explainers.load(small_model("series"), CARDS["series"])
    inputs = small_inputs("series", 1)
    shapes = Shapes({"input": (4, 2)}, model.card.inputs)
    for name in ("occlusion", "feature_ablation", "kernel_shap", "exact_shapley", "partition_shap", "lime"):
        kind = methods()[name]
        asked = explainers.explain(model, inputs, name).account.model_evaluations
        # equal copies are asked once
        assert asked <= kind.evaluations(kind.params(), shapes), name
        if name in ("occlusion", "feature_ablation", "exact_shapley"):
            assert asked == kind.evaluations(kind.params(), shapes), name
