"""Real models from the inside: receptive fields by changing what lies outside, attention of a network that others trained."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import explainers
from explainers.inside.layers import Layers

CASES = Path(os.environ.get("ONNXPLAIN_CASES", "/nonexistent"))
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="ONNXPLAIN_CASES names no folder of real models")
IMAGES = [
    "mnist8_cntk", "mnist_binary_dianna", "mnist_cnn_max3_marabou", "leafsnap30_dianna", "cifar10_pytorch_winml",
    "cifar10_pytorch_winml__int8qdq_derived", "ultraface_rfb320",
]  # fmt: skip


def case(name):
    samples = np.load(CASES / "inputs" / f"{name}.npz")
    count = int(samples["n"])
    names = [f for f in samples.files if f.startswith("s0/in/")]
    feeds = {f[6:]: np.concatenate([samples[f"s{i}/in/{f[6:]}"] for i in range(count)]) for f in names}
    return explainers.load(CASES / "models" / f"{name}.onnx"), feeds


def value(model, layer, feeds):
    return explainers.explain(model, feeds, "activations", {"layer": layer}).arrays[f"activation.{layer}"]


@pytest.mark.parametrize("name", IMAGES)
def test_what_lies_outside_a_unit_s_field_is_nothing_to_it(name):
    model, feeds = case(name)
    layers = Layers(model)
    for layer in {layers.maps(), layers.names()[0]}:
        found = explainers.explain(model, feeds, "top_activations", {"layer": layer, "top": 1})
        assert found.account.facts.get("whole_field_at") is None
        check(model, layer, feeds, found)


def check(model, layer, feeds, found):
    (name, x), axis = next(iter(feeds.items())), found.account.facts["axis"]
    arrays, rng = found.arrays, np.random.default_rng(0)
    space = [a for a in range(1, x.ndim) if x.shape[a] > 3][:2]
    for row in rng.permutation(len(arrays["unit"]))[:4]:
        item, box = arrays["item"][row, 0], arrays["box"][row, 0]
        inside = [slice(None)] * x.ndim
        for k, a in enumerate(space):
            inside[a] = slice(box[k], box[k + 2])
        here = x[item : item + 1]
        moved = rng.permuted(here.reshape(-1)).reshape(here.shape)
        moved[tuple(inside)] = here[tuple(inside)]
        at = np.insert(arrays["position"][row, 0], axis - 1, arrays["unit"][row])
        before, after = (value(model, layer, {name: a})[(0, *at)] for a in (here, moved))
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(before, arrays["activation"][row, 0], rtol=1e-3, atol=1e-4)


def test_a_trained_network_s_attention_is_its_own_softmax():
    model, feeds = case("mnist_selfattention_pgd_marabou")
    found = explainers.explain(model, feeds, "attention", {"gradient": True}).arrays
    layer = "model/multi_head_attention/softmax/Softmax"
    inner = value(model, f"{layer}:0", feeds)

    # this exporter normalises over the third axis and turns the map before the product
    np.testing.assert_allclose(found[f"attention.{layer}"], inner.transpose(0, 1, 3, 2), atol=1e-5)
    np.testing.assert_allclose(found["rollout"].sum(-1), 1, atol=1e-5)
    half = (found[f"attention.{layer}"].mean(1) + np.eye(4)) / 2
    np.testing.assert_allclose(found["rollout"], half, atol=1e-5)


def test_the_digits_of_a_trained_network_lie_by_their_classes():
    model, feeds = case("mnist_selfattention_pgd_marabou")
    found = explainers.explain(model, feeds, "embedding_map", {"method": "pca"})

    assert found.account.facts["layer"] == "model/flatten_1/Reshape:0"
    assert sorted(found.arrays["label"]) == list(range(10))
