"""Feature ablation against a loop, and what the fills show."""

from __future__ import annotations

import numpy as np
import pytest
from reference.games import linear_model
from scipy.ndimage import gaussian_filter

import explainers


def score(model, x):
    asked = explainers.explain(model, x[None], "feature_ablation", {"budget": 1}, target=3)
    return asked.account.score[0]


def drop(model, x, covered):
    return score(model, x) - score(model, covered)


@pytest.mark.parametrize("fill", [0.0, 0.25, "mean", "blur"])
def test_each_group_s_drop_is_that_of_its_own_run(digits, digit_images, fill):
    x = digit_images[1]
    ids = np.arange(64).reshape(8, 8) // 16
    shown = {"mean": np.full_like(x, x.mean()), "blur": gaussian_filter(x, (0, 0.8, 0.8))}.get(fill, fill)
    found = explainers.explain(
        digits, digit_images[:2], "feature_ablation", {"groups": ids, "fill": fill}, target=3
    )

    for group in range(4):
        expected = drop(digits, x, np.where(ids == group, shown, x).astype(np.float32))
        assert found.arrays["group.input"][1, group] == pytest.approx(expected, abs=2e-5)
        np.testing.assert_array_equal(
            found.attributions["input"][1, 0][ids == group], found.arrays["group.input"][1, group]
        )


def test_a_linear_model_is_explained_by_its_weights():
    w, x = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    found = explainers.explain(
        explainers.load(linear_model(w)), x[None], "feature_ablation", {"fill": [1, 2, 3, 4, 5, 6]}
    )

    np.testing.assert_allclose(found.attributions["input"][0], w * (x - [1, 2, 3, 4, 5, 6]), atol=1e-5)


def test_groups_of_numpy_numbers_are_numbers(two_inputs):
    inputs = {n: np.ones((1, 3), np.float32) for n in "ab"}
    plain, counted = [0, 1, 1], [np.int64(0), np.int32(1), np.uint8(1)]
    found = [
        explainers.explain(
            two_inputs, inputs, "feature_ablation", {"groups": {"a": ids}, "fill": {"b": np.float32(2)}}
        )
        for ids in (plain, counted, tuple(counted))
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other.attributions["a"], found[0].attributions["a"])
        assert other.account.params == found[0].account.params


def test_groups_of_two_inputs_are_apart(two_inputs):
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    params = {"groups": {"a": [0, 0, 0]}, "fill": {"b": 2.0}}
    found = explainers.explain(two_inputs, {"a": a, "b": b}, "feature_ablation", params).arrays

    np.testing.assert_allclose(found["group.a"][:, 0], (a * b).sum(1), atol=1e-5)
    np.testing.assert_allclose(found["group.b"], a * (b - 2), atol=1e-5)


def test_segments_of_each_picture_are_given(digits, digit_images):
    found = explainers.explain(
        digits, digit_images[:3], "feature_ablation", {"groups": "slic", "segments": 9}
    ).arrays

    assert found["group.input"].shape == (3, 9)
    for group, segment, value in zip(
        found["group.input"], found["segment.input"], found["attribution.input"], strict=True
    ):
        np.testing.assert_array_equal(group[segment], value)
