"""LIME against the package of its authors, all masks, and linear models."""

from __future__ import annotations

import numpy as np
import pytest
from reference.tables import exported, iris, linear, network

import explainers
from explainers.asking.quartiles import columns, neighbours
from explainers.asking.shapley import subsets
from explainers.asking.surrogate import closeness, fit, usual_width
from explainers.errors import InvalidRequest
from explainers.runtime import Session

W = np.array([2.0, -1.0, 0.0, 0.5, 3.0])


@pytest.fixture(scope="module")
def sums():
    return explainers.load(linear(W, 0.5))


@pytest.fixture(scope="module")
def flowers():
    return explainers.load(exported(network()), {"inputs": {"input": {"kind": "tabular"}}})


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


@pytest.mark.parametrize(
    "params", [{}, {"distance": "euclidean"}, {"kernel_width": 0.1}, {"selection": "none"}, {"samples": 2000}]
)
def test_a_linear_model_is_recovered_exactly(sums, rows, params):
    found = explainers.explain(sums, rows, "lime", {"alpha": 0, "fill": 0.25, **params})

    np.testing.assert_allclose(found.attributions["input"], W * (rows - 0.25), atol=1e-5)
    np.testing.assert_allclose(found.attributions["input"] / (rows - 0.25), np.tile(W, (3, 1)), atol=1e-3)
    np.testing.assert_allclose(found.account.per_item["r2"], 1, atol=1e-6)
    np.testing.assert_allclose(found.account.per_item["intercept"], 0.25 * W.sum() + 0.5, atol=1e-5)
    np.testing.assert_allclose(found.account.per_item["local_prediction"], found.account.score, atol=1e-5)
    np.testing.assert_allclose(found.arrays["error.input"], 0, atol=1e-5)


@pytest.mark.parametrize("selection", ["auto", "forward", "lasso_path", "highest_weights"])
def test_the_features_that_matter_are_chosen(sums, selection):
    x = np.ones((1, 5), np.float32)
    found = explainers.explain(
        sums, x, "lime", {"alpha": 0, "features": 2, "selection": selection, "samples": 500}
    )

    assert list(np.flatnonzero(found.attributions["input"][0])) == [0, 4]
    assert found.account.per_item["r2"][0] < 1


@pytest.mark.parametrize("selection", ["auto", "none", "forward", "lasso_path", "highest_weights"])
def test_a_score_that_nothing_moves_has_no_weights(rows, selection):
    params = {"features": 2, "selection": selection, "samples": 50}
    found = explainers.explain(explainers.load(linear(np.zeros(5), 0.5)), rows, "lime", params)

    np.testing.assert_allclose(found.attributions["input"], 0, atol=1e-9)
    assert found.account.per_item["r2"] == [1.0] * 3
    np.testing.assert_allclose(found.account.per_item["intercept"], 0.5)


def test_a_background_stands_in_for_what_is_covered(sums, rows):
    background = np.random.default_rng(1).normal(size=(4, 5))
    params = {"alpha": 0, "samples": 200, "background": background}
    found = explainers.explain(sums, rows, "lime", params).attributions["input"]

    np.testing.assert_allclose(found, W * (rows - background.mean(0)), atol=1e-5)


def test_members_of_a_segment_carry_its_weight(sums, rows):
    params = {"alpha": 0, "segments": [3, 3, 7, 7, 3]}
    found = explainers.explain(sums, rows, "lime", params)

    sums_of_members = np.stack([(W * rows)[:, [0, 1, 4]].sum(1), (W * rows)[:, [2, 3]].sum(1)], 1)
    np.testing.assert_allclose(found.arrays["group.input"], sums_of_members, atol=1e-5)
    np.testing.assert_array_equal(
        found.attributions["input"], found.arrays["group.input"][:, [0, 0, 1, 1, 0]]
    )


def test_the_channel_that_is_summed_comes_first(colour_model):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    found = explainers.explain(colour_model, x, "lime", {"segments": "channels", "alpha": 0, "samples": 64})

    np.testing.assert_allclose(found.arrays["group.input"][:, 1], x[:, 1].sum((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.arrays["group.input"][:, [0, 2]], 0, atol=1e-4)


def cells(count=3):
    """Nine patches of a digit."""
    at = np.arange(8) * count // 8
    return at[:, None] * count + at


def all_masks(digits, x, ids, index):
    """The item first, then every mask, with their scores."""
    masks = np.concatenate([np.ones((1, 9), bool), subsets(9)])
    feeds = np.where(masks[:, ids][:, None], x, 0).astype(np.float32)
    return masks, Session(digits.proto.SerializeToString()).run({"input": feeds})["logits"][:, index]


def test_standard_errors_are_true(digits, digit_images):
    x, samples = digit_images[:1], 200
    masks, scores = all_masks(digits, x[0], cells(), 0)
    weights = closeness(masks, "cosine", 0.25) * np.r_[1, np.full(512, (samples - 1) / 512)]
    truth = fit(masks, scores.astype(float), weights, 1.0, "none", None).weights
    params = {"segments": cells(), "samples": samples}
    found = [explainers.explain(digits, x, "lime", params, target=0, seed=s).arrays for s in range(100)]

    one_of_each = np.unique(cells(), return_index=True)[1]
    error = np.stack([f["group.input"][0] - truth for f in found])
    claimed = np.stack([f["error.input"].reshape(-1)[one_of_each] for f in found])
    assert 0.90 <= (np.abs(error) <= 2 * claimed).mean() <= 0.99
    assert 0.8 <= np.sqrt((error**2).mean() / (claimed**2).mean()) <= 1.25


@pytest.mark.filterwarnings("ignore")
def test_pictures_agree_with_the_package(digits, digit_images):
    from lime.lime_image import LimeImageExplainer

    x, session = digit_images[2:3], Session(digits.proto.SerializeToString())

    def classify(pictures):
        return session.run({"input": pictures[:, None, :, :, 0].astype(np.float32)})["logits"]

    theirs = LimeImageExplainer(random_state=0).explain_instance(
        x[0, 0].astype(float), classify, labels=(2,), hide_color=0, num_samples=1000,
        segmentation_fn=lambda a: cells(),
    )  # fmt: skip
    expected = np.array([w for _, w in sorted(theirs.local_exp[2])])
    found = explainers.explain(digits, x, "lime", {"segments": cells()}, target=2)

    agree(found, expected, np.unique(cells(), return_index=True)[1])
    assert found.account.per_item["r2"][0] == pytest.approx(theirs.score, abs=0.1)
    assert found.account.per_item["intercept"][0] == pytest.approx(theirs.intercept[2], abs=1.0)


@pytest.mark.filterwarnings("ignore")
def test_tables_in_quarters_agree_with_the_package(flowers):
    from lime.lime_tabular import LimeTabularExplainer

    x, _ = iris()
    session = Session(flowers.proto.SerializeToString())
    explainer = LimeTabularExplainer(x.astype(float), random_state=0)
    theirs = explainer.explain_instance(
        x[60].astype(float),
        lambda a: session.run({"input": a.astype(np.float32)})["probabilities"],
        labels=(1,),
        num_samples=3000,
    )
    expected = np.array([w for _, w in sorted(theirs.local_exp[1])])
    params = {"discretize": "quartiles", "background": x, "samples": 3000}
    found = explainers.explain(flowers, x[60:61], "lime", params, target=1)

    agree(found, expected, np.arange(4))
    assert found.account.per_item["r2"][0] == pytest.approx(theirs.score, abs=0.05)


def agree(found, expected, one_of_each):
    """Both draw as many copies, so that their difference has twice the variance of one."""
    errors = found.arrays["error.input"].reshape(-1)[one_of_each]
    apart = np.abs(found.arrays["group.input"][0] - expected) / (np.sqrt(2) * errors)
    assert np.abs(expected).max() > 10 * errors.max()
    assert (apart <= 2).mean() >= 0.75
    assert apart.max() <= 3.5


def test_a_value_at_a_quarter_s_end_lies_in_its_quarter_in_the_input_s_own_numbers():
    # 0.3 in single precision lies above 0.3, the first quartile
    rows = np.repeat([0.3, 1.3, 2.3], [30, 40, 30])[:, None]
    params = {"discretize": "quartiles", "background": rows, "alpha": 0, "samples": 4000}
    one = explainers.load(linear(np.ones(1)))
    found = explainers.explain(one, np.full((1, 1), 0.3, np.float32), "lime", params)

    apart = 0.3 - rows[30:].mean()
    assert np.abs(found.attributions["input"][0, 0] - apart) <= 4 * found.arrays["error.input"][0, 0]


def test_neighbours_are_drawn_from_quarters_and_categories():
    background = np.column_stack([np.arange(100.0), np.repeat([1.0, 4.0], [25, 75]), np.full(100, 7.0)])
    known = columns(background, [False, True, False])
    drawn, same = neighbours(known, np.array([10.0, 4.0, 7.0]), np.random.default_rng(0), 4000)

    np.testing.assert_array_equal(same[:, 0], drawn[:, 0] <= np.percentile(background[:, 0], 25))
    np.testing.assert_array_equal(same[:, 1], drawn[:, 1] == 4)
    np.testing.assert_allclose(same.mean(0), [0.25, 0.75, 1], atol=0.03)
    assert (drawn[:, 0] >= 0).all()
    assert (drawn[:, 0] <= 99).all()
    assert (drawn[:, 2] == 7).all()


def test_sampling_ends_at_the_tolerance_and_at_the_budget(digits, digit_images):
    x = digit_images[:2]
    whole, precise, cheap = (
        explainers.explain(digits, x, "lime", {"segments": "features", "samples": 2000, **p}).account
        for p in ({}, {"tolerance": 0.2}, {"budget": 150})
    )

    assert all(e <= 0.2 for e in precise.per_item["standard_error"])
    assert all(n < 1999 for n in precise.per_item["samples"])
    assert whole.per_item["samples"] == [1999, 1999]
    assert cheap.model_evaluations <= 300
    assert cheap.per_item["remaining"] == [1999 - n for n in cheap.per_item["samples"]]


def test_segments_of_a_picture_are_given_with_their_weights(digits, digit_images):
    found = explainers.explain(
        digits, digit_images[:2], "lime", {"segments": "slic", "count": 6, "samples": 100}
    ).arrays

    assert found["group.input"].shape == (2, 6)
    for weights, segments, a in zip(
        found["group.input"], found["segment.input"], found["attribution.input"], strict=True
    ):
        np.testing.assert_array_equal(weights[segments], a)


def test_the_kernel_is_the_package_s():
    masks = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]], bool)

    np.testing.assert_allclose(
        closeness(masks, "cosine", 0.25), np.exp(-(np.array([0, 0.5, 1]) ** 2) / 0.125)
    )
    np.testing.assert_allclose(
        closeness(masks, "euclidean", usual_width("euclidean", 4)), np.exp([0, -3 / 4.5, -4 / 4.5])
    )


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"segments": [0, 1]}, "/params/segments"),
        ({"segments": [0, 1, -1, 1, 1]}, "/params/segments"),
        ({"segments": {"other": "features"}}, "/params/segments/other"),
        ({"segments": "slic"}, "/params/segments"),
        ({"background": [[1.0, 2.0]]}, "/params/background"),
        ({"discretize": "quartiles"}, "/params/background"),
        ({"discretize": "quartiles", "background": [[1.0]]}, "/params/background"),
        ({"alpha": 0, "samples": 5}, "/params/samples"),
        ({"fill": [1.0, 2.0]}, "/params/fill"),
        ({"fill": {"other": 1.0}}, "/params/fill/other"),
        ({"budget": 2}, "/params/budget"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_model_is_asked(rows, params, pointer):
    model = explainers.load(linear(W))

    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(model, rows, "lime", params)
    assert refused.value.pointer == pointer
    assert model.builds == 0
