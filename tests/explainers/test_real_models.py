"""Models that other people trained, where they are at hand; each is explained by every method of the first hour."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import explainers
from explainers.errors import ModelRefused, OperatorsWithoutDerivative

CASES = Path(os.environ.get("ONNXPLAIN_CASES", "/nonexistent"))
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="ONNXPLAIN_CASES names no folder of models")
MANIFEST = json.loads((CASES / "manifest.json").read_text()) if CASES.is_dir() else {}
KINDS = ("classification", "quantised", "time series")
CONVOLUTIONAL = [n for n, m in MANIFEST.items() if "Conv" in m["ops"] and any(k in m["kind"] for k in KINDS)]
TREES = [n for n, m in MANIFEST.items() if any("TreeEnsemble" in o for o in m["ops"])]
METHODS = ["gradient", "sensitivity", "input_x_gradient", "occlusion"]


def loaded(name):
    return explainers.load(CASES / "models" / f"{name}.onnx")


def samples(name, model, count):
    """Return the first samples in one batch; a case with fewer repeats them."""
    with np.load(CASES / "inputs" / f"{name}.npz") as npz:
        n = len({k.split("/")[0] for k in npz.files if k.startswith("s") and "/" in k})
        axes = {s.name: s.batch_axis for s in model.describe().inputs}
        read = lambda i, k: npz[f"s{i % n}/in/{k}"]  # noqa: E731
        return {k: np.concatenate([read(i, k) for i in range(count)], axes[k]) for k in axes}, [
            {k.split("/", 2)[2]: npz[k] for k in npz.files if k.startswith(f"s{i % n}/out/")}
            for i in range(count)
        ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_convolutional_classifiers_in_a_batch_of_four(name, method):
    model = loaded(name)
    feeds, answers = samples(name, model, 4)
    result = explainers.explain(model, feeds, method)

    for key, x in feeds.items():
        assert result.attributions[key].shape == x.shape
        assert np.isfinite(result.attributions[key]).all()
    for output, values in result.outputs.items():
        expected = np.concatenate([a[output] for a in answers])
        tolerance = 5e-3 if values.dtype == np.float16 else 1e-3
        np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", TREES)
def test_trees_are_refused_by_gradients_with_every_node_and_explained_by_occlusion(name):
    model = loaded(name)
    feeds, _ = samples(name, model, 2)
    with pytest.raises(OperatorsWithoutDerivative) as refused:
        explainers.explain(model, feeds, "gradient")

    assert [n["operator"] for n in refused.value.extra["nodes"]] == ["ai.onnx.ml::TreeEnsembleClassifier"]
    assert "occlusion" in refused.value.extra["methods"]
    assert explainers.explain(model, feeds, "occlusion", {"window": 1}).account.items == 2


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("squeezenet_dao_fp16_winml", "Debug"),
        ("mnist_opset1_cntk", "opset 1"),
        ("superres_ortjs", "ai.onnx.contrib"),
    ],
)
def test_odd_models_get_a_clear_answer(name, word):
    with pytest.raises(ModelRefused, match=word):
        explainers.load(CASES / "negative" / f"{name}.onnx")
