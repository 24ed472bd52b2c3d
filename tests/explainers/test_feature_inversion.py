"""Inversions meet the features they are given, and the deeper the layer the less is left of the item."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference.second_opinions import all_digits

import explainers

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
CARD = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}


@pytest.fixture(scope="module")
def cnn():
    return explainers.load(DIGITS / "digits.onnx", CARD)


def test_features_are_met_where_little_was_lost_and_less_the_deeper(cnn):
    images, _ = all_digits()
    feature, image = [], []
    for layer in ("conv0", "pool0", "conv1", "pool1", "logits"):
        found = explainers.explain(cnn, images[:4], "feature_inversion", {"layer": layer, "count": 2})
        session = cnn.forward(
            {"input": images[:1]}, explainers.explainer.Place(), () if layer == "logits" else (layer,)
        )
        pairs = (np.repeat(images[:4], 2, 0), found.arrays["prototype.input"])
        own, theirs = (session.run({"input": a}, [layer])[layer] for a in pairs)
        away = np.linalg.norm((own - theirs).reshape(8, -1), axis=1) / np.linalg.norm(
            own.reshape(8, -1), axis=1
        )
        np.testing.assert_allclose(found.account.per_item["feature_error"], away, atol=1e-4)
        feature.append(away.mean())
        image.append(np.mean(found.account.per_item["input_error"]))

    assert feature[0] <= 0.05
    assert feature[0] < feature[1] < feature[2]
    assert (np.diff(image) > 0).all()


def test_reconstructions_of_a_deep_layer_differ(cnn):
    images, _ = all_digits()
    found = explainers.explain(
        cnn, images[:2], "feature_inversion", {"layer": "logits", "count": 3, "steps": 100}
    )

    assert found.arrays["prototype.input"].shape == (6, 1, 8, 8)
    assert found.arrays["film.input"].shape == (12, 6, 1, 8, 8)
    assert found.account.per_item["item"] == [0, 0, 0, 1, 1, 1]
    assert np.min(found.account.facts["pairwise_distances"]) > 0.5
    np.testing.assert_array_equal(found.inputs["input"], images[:2])
