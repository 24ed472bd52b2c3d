"""Meaningful perturbation against occlusion's best window, a closed form, and differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference.small_models import small_inputs, small_model
from reference.tables import linear

import explainers
from explainers.driving.descent import Cover, interpolation
from explainers.errors import InvalidRequest
from explainers.optimising.variation import variation, variation_slope
from explainers.runtime import Session


def best_window(model, x, index, area):
    """The lowest score under any square of zeros that covers at least this share."""
    session = Session(model.proto.SerializeToString())
    side = int(np.ceil(np.sqrt(area * x[0].size)))
    scores = []
    for i, j in itertools.product(range(x.shape[1] - side + 1), range(x.shape[2] - side + 1)):
        covered = x.copy()
        covered[:, i : i + side, j : j + side] = 0
        scores.append(session.run({"input": covered[None]})["logits"][0, index])
    return min(scores)


def test_the_mask_lowers_the_score_more_than_the_best_window_of_its_area(digits, digit_images):
    found = explainers.explain(digits, digit_images, "meaningful_perturbation", {"fill": "zeros"}).account

    for i, x in enumerate(digit_images):
        window = best_window(digits, x, found.index[i], found.per_item["area"][i])
        assert found.per_item["masked_score"][i] < window
        assert found.per_item["area"][i] < 0.5


def test_of_a_linear_model_it_covers_what_is_worth_its_area():
    w, x = np.array([3, 1, -2, 0.1, 0.5]), np.array([[1, 1, 1, 1, -1]], np.float32)
    model = explainers.load(linear(w))
    found = explainers.explain(model, x, "meaningful_perturbation", {"fill": "zeros", "tv": 0.0})

    contributions = (w * x)[0]
    worth = contributions / abs(contributions.sum()) > 0.5 / 5
    np.testing.assert_array_equal(found.attributions["input"][0], worth)
    np.testing.assert_allclose(found.account.per_item["masked_score"], contributions[~worth].sum(), rtol=1e-5)


def test_a_greater_cost_covers_less(digits, digit_images):
    areas = [
        explainers.explain(digits, digit_images[:2], "meaningful_perturbation", {"area": a, "steps": 100})
        for a in (0.05, 2.0)
    ]
    dear = areas[1].account.per_item["area"]
    assert all(b < a for a, b in zip(areas[0].account.per_item["area"], dear, strict=True))


def test_a_fill_that_changes_nothing_is_said():
    """A blur of a single value is that value."""
    model = explainers.load(linear(np.ones(1)))
    x = np.array([[0.0], [2.0]], np.float32)
    idle = explainers.explain(model, x, "meaningful_perturbation", {"steps": 5}).account.warnings
    some = explainers.explain(
        model, x, "meaningful_perturbation", {"steps": 5, "fill": "zeros"}
    ).account.warnings
    told = explainers.explain(model, x, "meaningful_perturbation", {"steps": 5, "fill": 3.0}).account.warnings

    assert "2 of 2 items" in idle[0]
    assert "1 of 2 items" in some[0]
    assert told == []


def test_edges_cost_what_they_should():
    mask, way = (
        np.random.default_rng(0).random((2, 3, 4, 5)),
        np.random.default_rng(1).normal(size=(2, 3, 4, 5)),
    )
    h = 1e-6
    differences = (variation(mask + h * way, 3) - variation(mask - h * way, 3)) / (2 * h)

    slope = (variation_slope(mask, 3) * way).reshape(2, -1).sum(1)
    np.testing.assert_allclose(slope, differences, rtol=1e-6)


def test_the_way_back_to_the_cells_is_the_transpose_of_the_way_there():
    cover = Cover("input", (1, 2), 3, (interpolation(7, 3), interpolation(5, 1)))
    rng = np.random.default_rng(0)
    coarse, fine = rng.normal(size=(2, 3, 1)), rng.normal(size=(2, 4, 7, 5))

    there = (cover.spread(coarse) * fine).sum()
    np.testing.assert_allclose(there, (coarse * cover.gathered(fine.sum(1, keepdims=True))).sum())


def test_a_coarse_mask_is_interpolated(digits, digit_images):
    found = explainers.explain(
        digits, digit_images[2:3], "meaningful_perturbation", {"fill": "zeros", "cells": 2}
    ).attributions["input"][0, 0]

    np.testing.assert_allclose(np.diff(found, 2, axis=0), 0, atol=1e-6)
    assert np.ptp(found) > 0.1


def test_a_token_has_one_value():
    model = explainers.load(small_model("tokens"))
    found = explainers.explain(
        model, small_inputs("tokens"), "meaningful_perturbation", {"fill": "zeros", "area": 0.0}
    )

    assert found.attributions["ids"].shape == (2, 4)
    assert all(
        m < s for m, s in zip(found.account.per_item["masked_score"], found.account.score, strict=True)
    )


@pytest.mark.parametrize("fill", [[1.0, 2.0, 3.0], {"other": 0.0}])
def test_a_fill_that_does_not_fit_is_refused(digits, digit_images, fill):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(digits, digit_images, "meaningful_perturbation", {"fill": fill})

    assert refused.value.pointer.startswith("/params/fill")
