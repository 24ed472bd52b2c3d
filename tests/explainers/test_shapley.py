"""Shapley values against the formula written out, their axioms, and how true the standard errors are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference.games import bent_model, linear_model, shapley

import explainers
from explainers.asking.effort import ROUND_BYTES
from explainers.errors import InvalidRequest
from explainers.explainer import Place
from explainers.methods.kernel_shap import PAIR_BYTES

METHODS = ["exact_shapley", "kernel_shap", "shapley_sampling"]
FEATURES = 8
SAMPLED = [
    ("kernel_shap", {"samples": 90}),
    ("kernel_shap", {"samples": 150}),
    ("shapley_sampling", {"samples": 30}),
    ("shapley_sampling", {"samples": 60}),
]


@pytest.fixture(scope="module")
def bent():
    return explainers.load(bent_model(FEATURES))


@pytest.fixture(scope="module")
def x():
    x = np.random.default_rng(1).normal(size=(2, FEATURES)).astype(np.float32)
    x[:, -1] = x[:, -2]
    return x


@pytest.fixture(scope="module")
def truth(bent, x):
    return explainers.explain(bent, x, "exact_shapley").arrays["group.input"]


def worth_of(model, x, fill):
    """Every coalition its own run."""
    found = {}
    for size in range(len(x) + 1):
        for members in itertools.combinations(range(len(x)), size):
            row = np.array(fill, np.float32)
            row[list(members)] = x[list(members)]
            answer = explainers.explain(model, row[None], "feature_ablation", {"budget": 1})
            found[frozenset(members)] = answer.account.score[0]
    return found


def test_exact_values_are_the_formula(bent, x):
    fill = np.linspace(-1, 1, FEATURES)
    found = explainers.explain(bent, x[:1], "exact_shapley", {"fill": fill}).attributions["input"][0]

    np.testing.assert_allclose(found, shapley(worth_of(bent, x[0], fill), FEATURES), atol=1e-6)


def test_kernel_values_from_all_coalitions_are_exact(bent, x, truth):
    found = explainers.explain(bent, x, "kernel_shap")

    np.testing.assert_allclose(found.arrays["group.input"], truth, atol=1e-6)
    assert not found.arrays["error.input"].any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("link", ["identity", "logit"])
def test_the_sum_is_what_the_groups_add_to_nothing(softmax_model, method, link):
    x = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    found = explainers.explain(softmax_model, x, method, {"link": link, "background": x[1:]}, target=1)
    p = found.outputs["output"][:, 1].astype(np.float64)
    start = found.account.per_item["baseline_score"]

    whole = np.log(p / (1 - p)) if link == "logit" else p
    np.testing.assert_allclose(found.arrays["group.input"].sum(1), whole - start, atol=1e-5)


@pytest.mark.parametrize(("method", "params"), [(m, {}) for m in METHODS] + SAMPLED)
def test_an_unused_feature_gets_nothing_and_equal_ones_get_the_same(bent, x, method, params):
    found = explainers.explain(bent, x, method, params)
    value, error = found.attributions["input"], found.arrays.get("error.input", np.zeros(x.shape))

    assert (np.abs(value[:, -3]) <= 3 * error[:, -3] + 1e-6).all()
    assert (np.abs(value[:, -1] - value[:, -2]) <= 3 * error[:, -2:].sum(1) + 1e-6).all()


@pytest.mark.parametrize(("method", "params"), [(m, {}) for m in METHODS] + SAMPLED)
def test_a_linear_model_is_explained_by_its_weights(method, params):
    w = np.random.default_rng(2).normal(size=FEATURES)
    x = np.random.default_rng(3).normal(size=(2, FEATURES)).astype(np.float32)
    found = explainers.explain(explainers.load(linear_model(w)), x, method, {**params, "fill": 0.25})

    np.testing.assert_allclose(found.attributions["input"], w * (x - 0.25), atol=1e-5)


def test_many_features_get_as_many_samples_as_they_need():
    w = np.random.default_rng(4).normal(size=400)
    x = np.random.default_rng(5).normal(size=(1, 400)).astype(np.float32)
    model = explainers.load(linear_model(w))
    found = explainers.explain(model, x, "kernel_shap", {"groups": "features"})
    # so many are drawn in several rounds
    more = explainers.explain(model, x, "kernel_shap", {"groups": "features", "samples": 8000})

    np.testing.assert_allclose(found.attributions["input"], w * x, atol=1e-4)
    np.testing.assert_allclose(more.attributions["input"], w * x, atol=1e-4)
    assert found.account.model_evaluations > 2048 + 2 * 400
    assert 2 * ROUND_BYTES // (PAIR_BYTES * 400) < 8000 == more.account.per_item["samples"][0]


def test_no_permutation_is_lost_between_rounds():
    w = np.random.default_rng(4).normal(size=1500)
    model = explainers.load(linear_model(w))
    params = {"groups": "features", "samples": 16}
    found = explainers.explain(model, np.ones((1, 1500), np.float32), "shapley_sampling", params)

    np.testing.assert_allclose(found.attributions["input"][0], w, atol=1e-3)
    # an order and its reverse share the whole and nothing, which are asked once
    assert found.account.model_evaluations == 2 + 16 * 1499


def test_a_background_is_averaged_over(x):
    w = np.random.default_rng(2).normal(size=FEATURES)
    rows = np.random.default_rng(4).normal(size=(7, FEATURES))
    found = explainers.explain(
        explainers.load(linear_model(w)), x, "kernel_shap", {"background": rows, "samples": 100}
    )

    np.testing.assert_allclose(found.attributions["input"], w * (x - rows.mean(0)), atol=1e-5)
    assert found.account.model_evaluations <= 2 * (101 * 7 + 1)


def test_groups_share_one_value_and_the_sum_is_about_them(bent, x):
    groups = [0, 0, 1, 1, 1, 2, 3, 3]
    found = explainers.explain(bent, x, "exact_shapley", {"groups": groups})

    assert found.arrays["group.input"].shape == (2, 4)
    np.testing.assert_array_equal(found.attributions["input"], found.arrays["group.input"][:, groups])
    np.testing.assert_allclose(found.account.attribution_sum, found.arrays["group.input"].sum(1), rtol=1e-6)


def test_two_inputs_play_one_game(two_inputs):
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    found = explainers.explain(two_inputs, {"a": a, "b": b}, "kernel_shap").arrays

    # a product is shared half and half
    np.testing.assert_allclose(found["group.a"], a * b / 2, atol=1e-6)
    np.testing.assert_allclose(found["group.b"], a * b / 2, atol=1e-6)


def test_a_product_interacts_and_a_sum_does_not(two_inputs):
    a, b = np.random.default_rng(0).normal(size=(2, 1, 3)).astype(np.float32)
    found = explainers.explain(two_inputs, {"a": a, "b": b}, "exact_shapley", {"interactions": True})

    expected = np.zeros((6, 6))
    expected[:3, 3:] = np.diag((a * b)[0])
    np.testing.assert_allclose(found.arrays["interactions"][0], expected + expected.T, atol=1e-6)


@pytest.mark.parametrize(("method", "params"), SAMPLED)
def test_standard_errors_are_true(bent, x, truth, method, params):
    errors, said = [], []
    for seed in range(100):
        arrays = explainers.explain(bent, x, method, params, seed=seed).arrays
        errors.append(arrays["group.input"] - truth)
        said.append(arrays["error.input"])
    # the unused feature's marginals never vary: its error is known to be nothing
    varied = np.array(said) > 1e-6
    share = np.array(errors)[varied] / np.array(said)[varied]

    assert 0.90 <= (np.abs(share) <= 2).mean() <= 0.99
    assert 0.8 <= np.sqrt((share**2).mean()) <= 1.25
    assert np.abs(np.array(errors)[~varied]).max(initial=0) < 1e-5


def test_few_permutations_are_said_to_be_few(bent, x):
    told = [
        explainers.explain(bent, x, "shapley_sampling", {"samples": n}).account.warnings for n in (28, 30)
    ]

    assert "fewer than 30 permutations" in told[0][0]
    assert not told[1]


def test_a_logit_of_what_is_no_probability_is_refused(bent, x):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(bent, x * 5, "kernel_shap", {"link": "logit"})

    assert refused.value.pointer == "/params/link"


def test_values_agree_with_shap_within_their_own_errors(bent, x, truth):
    shap = pytest.importorskip("shap")
    session = bent.forward({"input": x[:1]}, Place())
    ask = lambda rows: session.run({"input": rows.astype(np.float32)})["output"][:, 0]  # noqa: E731
    theirs = shap.KernelExplainer(ask, np.zeros((1, FEATURES))).shap_values(x, silent=True, l1_reg=False)
    np.testing.assert_allclose(truth, theirs, atol=1e-5)

    ours = explainers.explain(bent, x, "kernel_shap", {"samples": 150}).arrays
    assert (np.abs(ours["group.input"] - theirs) <= 4 * ours["error.input"] + 1e-5).all()
