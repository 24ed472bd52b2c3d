"""Permutation importance and partial dependence against scikit-learn and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference.tables import IRIS, exported, iris, linear, network
from sklearn import metrics
from sklearn.inspection import partial_dependence, permutation_importance

import explainers
from explainers.errors import InvalidRequest
from explainers.signature import per_item, read_request


@pytest.fixture(scope="module")
def fitted():
    return network()


@pytest.fixture(scope="module")
def flowers(fitted):
    return explainers.load(
        exported(fitted), {"inputs": {"input": {"kind": "tabular", "feature_names": IRIS}}}
    )


@pytest.fixture(scope="module")
def sums():
    return explainers.load(linear(np.array([2.0, -1.0, 0.0]), 0.5))


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def orders(items, repeats, seed):
    rng = np.random.default_rng(seed)
    return [rng.permutation(items) for _ in range(repeats)]


def losses(x, repeats, seed, score):
    """The slow writing of Breiman: every column, every permutation, measured by scikit-learn."""
    found = np.zeros((repeats, x.shape[1]))
    for k, order in enumerate(orders(len(x), repeats, seed)):
        for j in range(x.shape[1]):
            shuffled = x.copy()
            shuffled[:, j] = x[order, j]
            found[k, j] = score(x) - score(shuffled)
    return found


def test_importance_is_scikit_learn_s_accuracy_on_the_same_permutations(flowers, fitted):
    x, y = iris()
    params = {"labels": y, "repeats": 3}
    found = explainers.explain(flowers, x, "permutation_importance", params, seed=4)

    expected = losses(x, 3, 4, lambda a: metrics.accuracy_score(y, fitted.predict(a)))
    np.testing.assert_allclose(found.arrays["repeats.input"], expected, atol=1e-6)
    np.testing.assert_allclose(found.arrays["importance.input"], expected.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.arrays["error.input"], expected.std(0, ddof=1) / np.sqrt(3), atol=1e-6)
    assert found.account.facts["unshuffled"] == metrics.accuracy_score(y, fitted.predict(x))


@pytest.mark.parametrize("column", [False, True])
def test_labels_may_be_a_data_set(flowers, column):
    x, y = iris()
    data = {"true": {"species": y[:, None] if column else y}}
    listed = explainers.explain(flowers, x, "permutation_importance", {"labels": y, "repeats": 2})
    params = {"labels": {"dataset": "true"}, "repeats": 2}
    named = explainers.explain(flowers, x, "permutation_importance", params, datasets=data)

    np.testing.assert_array_equal(named.arrays["repeats.input"], listed.arrays["repeats.input"])
    assert named.account.facts["unshuffled"] == listed.account.facts["unshuffled"]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({}, "/params/labels/dataset"),
        ({"true": {"a": np.zeros(150), "b": np.zeros(150)}}, "/params/labels/dataset"),
        ({"true": {"a": np.zeros(7)}}, "/params/labels"),
        *(({"true": {"a": np.full(150, c)}}, "/params/labels") for c in (3, 0.5, -1)),
    ],
)
def test_a_data_set_that_is_no_labels_is_refused(flowers, data, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(
            flowers, iris()[0], "permutation_importance", {"labels": {"dataset": "true"}}, datasets=data
        )
    assert refused.value.pointer == pointer


def test_importance_agrees_with_scikit_learn_s_own_permutations(flowers, fitted):
    x, y = iris()
    ours = explainers.explain(flowers, x, "permutation_importance", {"labels": y, "repeats": 30}).arrays
    theirs = permutation_importance(fitted, x, y, n_repeats=30, random_state=0, scoring="accuracy")

    spread = np.hypot(ours["error.input"], theirs.importances_std / np.sqrt(30)) + 1e-9
    assert (np.abs(ours["importance.input"] - theirs.importances_mean) <= 4 * spread).all()


@pytest.mark.parametrize("metric", ["mse", "r2"])
def test_importance_by_a_regression_s_error_is_scikit_learn_s(sums, rows, metric):
    y = rows @ [2, -1, 0] + np.random.default_rng(1).normal(size=len(rows))
    params = {"labels": y, "metric": metric, "repeats": 2}
    found = explainers.explain(sums, rows, "permutation_importance", params, seed=2).arrays["repeats.input"]

    of = metrics.r2_score if metric == "r2" else lambda t, p: -metrics.mean_squared_error(t, p)
    expected = losses(rows, 2, 2, lambda a: of(y, a @ [2, -1, 0] + 0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_importance_of_a_linear_model_is_its_squared_weight_times_the_feature_s_way(sums, rows):
    y = rows @ [2, -1, 0] + 0.5
    found = explainers.explain(
        sums, rows, "permutation_importance", {"labels": y, "metric": "mse", "repeats": 1}, seed=3
    ).arrays["importance.input"]

    order = orders(len(rows), 1, 3)[0]
    np.testing.assert_allclose(found, [4, 1, 0] * ((rows[order] - rows) ** 2).mean(0), rtol=1e-4, atol=1e-6)


def test_a_linear_model_s_mean_score_does_not_know_who_has_which_value(sums, rows):
    found = explainers.explain(sums, rows, "permutation_importance", {"metric": "score"}).arrays

    np.testing.assert_allclose(found["importance.input"], 0, atol=1e-5)


def true_errors(errors, claimed):
    """Standard errors are true where so many of the errors lie within two, and the errors are as large as was claimed."""
    share = np.concatenate([(e / s).reshape(-1) for e, s in zip(errors, claimed, strict=True)])
    return 0.90 <= (np.abs(share) <= 2).mean() <= 0.99 and 0.8 <= np.sqrt((share**2).mean()) <= 1.25


def test_importance_s_standard_errors_are_true_at_the_default(sums):
    """The truth is the mean over every permutation of seven items."""
    w, rng = np.array([2.0, -1.0, 0.0]), np.random.default_rng(1)
    x = rng.normal(size=(7, 3)).astype(np.float32)
    y = x @ w + 0.5 + rng.normal(size=7) / 2
    every = np.array(list(itertools.permutations(range(7))))
    loss = lambda moved: ((x @ w + 0.5 + moved - y) ** 2).mean(-1)  # noqa: E731
    truth = [(loss((x[every, j] - x[:, j]) * w[j]) - loss(0)).mean() for j in range(2)]
    params = {"labels": y, "metric": "mse"}
    ask = lambda seed: explainers.explain(sums, x, "permutation_importance", params, seed=seed).arrays  # noqa: E731
    found = [ask(seed) for seed in range(100)]

    errors = [f["importance.input"][:2] - np.array(truth) for f in found]
    assert true_errors(errors, [f["error.input"][:2] for f in found])


def test_a_curve_s_standard_errors_are_true_of_the_population(flowers, fitted):
    """The truth is the curve over all flowers, of which each data set is drawn."""
    x, _ = iris()
    grid, rng = [-1.0, 0.0, 1.0], np.random.default_rng(0)
    truth = np.zeros((4, 3))
    for j, k in itertools.product(range(4), range(3)):
        moved = x.copy()
        moved[:, j] = grid[k]
        truth[j, k] = fitted.predict_proba(moved)[:, 0].mean()
    drawn = [x[rng.integers(0, len(x), 30)] for _ in range(100)]
    found = [
        explainers.explain(flowers, rows, "partial_dependence", {"grid": grid}, target=0).arrays
        for rows in drawn
    ]

    assert true_errors([f["curve.input"] - truth for f in found], [f["error.input"] for f in found])


def test_few_permutations_are_said_to_be_few_and_one_knows_nothing_of_its_error(flowers):
    x, y = iris()

    def found(**more):
        return explainers.explain(flowers, x, "permutation_importance", {"labels": y, **more})

    assert np.isposinf(found(repeats=1).arrays["error.input"]).all()
    assert "fewer than 10 permutations" in found(repeats=9).account.warnings[0]
    assert not found().account.warnings
    curves = explainers.explain(flowers, x[:1], "partial_dependence", {"features": [0]})
    assert np.isposinf(curves.arrays["error.input"]).all()
    assert "fewer than 30 items" in curves.account.warnings[0]


def test_a_single_item_has_nobody_to_shuffle_with(sums, rows):
    account = explainers.explain(sums, rows[:1], "permutation_importance", {"metric": "score"}).account

    assert any("nothing was shuffled" in w for w in account.warnings)


def test_groups_are_shuffled_together(sums, rows):
    y = rows @ [2, -1, 0] + 0.5
    params = {"labels": y, "metric": "mse", "groups": [0, 0, 1], "repeats": 1}
    found = explainers.explain(sums, rows, "permutation_importance", params, seed=3).arrays

    order = orders(len(rows), 1, 3)[0]
    together = (((rows[order] - rows) @ [2, -1, 0]) ** 2).mean()
    np.testing.assert_allclose(found["importance.input"], [together, together, 0], rtol=1e-4, atol=1e-6)
    assert found["repeats.input"].shape == (1, 2)


def test_curves_are_scikit_learn_s(flowers, fitted):
    x, _ = iris()
    found = explainers.explain(flowers, x, "partial_dependence", {"grid": 10}, target=2).arrays

    for j in range(4):
        theirs = partial_dependence(fitted, x, [j], kind="both", grid_resolution=10)
        np.testing.assert_allclose(found["grid.input"][j], theirs["grid_values"][0], rtol=1e-5)
        np.testing.assert_allclose(found["curve.input"][j], theirs["average"][2], atol=1e-5)
        np.testing.assert_allclose(found["ice.input"][:, j], theirs["individual"][2], atol=1e-5)


def test_curves_of_a_linear_model_are_straight_with_its_slopes(sums, rows):
    found = explainers.explain(sums, rows, "partial_dependence", {"grid": [-1, 0, 2]}).arrays

    means = rows.astype(float).mean(0)
    expected = [
        w * np.array([-1, 0, 2]) + rows.mean(0) @ [2, -1, 0] - w * m + 0.5
        for w, m in zip([2, -1, 0], means, strict=True)
    ]
    np.testing.assert_allclose(found["curve.input"], expected, atol=1e-5)
    ice = found["ice.input"].astype(float)
    np.testing.assert_allclose(found["error.input"], ice.std(0, ddof=1) / np.sqrt(len(rows)), rtol=1e-4)


def test_features_go_by_name_and_few_values_are_their_own_grid(flowers):
    x, _ = iris()
    x = x.copy()
    x[:, 2] = np.sign(x[:, 2])
    params = {"features": ["petal length", 0], "grid": 5}
    found = explainers.explain(flowers, x, "partial_dependence", params, target=0)

    np.testing.assert_array_equal(found.arrays["grid.input"][0], [-1, 1, 1, 1, 1])
    assert found.account.facts["features"] == {"input": [2, 0]}
    assert found.arrays["ice.input"].shape == (150, 2, 5)


def test_between_categories_there_is_nothing():
    card = {"kind": "tabular", "feature_names": ["a", "b"], "categories": {"b": list("stuvwxyz")}}
    model = explainers.load(linear(np.ones(2)), {"inputs": {"input": card}})
    codes = np.repeat(np.arange(8), [9, 1, 8, 2, 7, 3, 6, 4])
    x = np.stack([np.random.default_rng(0).normal(size=40), codes], 1).astype(np.float32)
    found = explainers.explain(model, x, "partial_dependence", {"grid": 4}).arrays["grid.input"]

    # the most frequent ones, where not all of them are wanted
    np.testing.assert_array_equal(found[1], [0, 2, 4, 6])
    assert not np.isin(found[0], x[:, 0]).any()


def test_curves_over_several_classes_are_said_to_be_so(flowers):
    x, _ = iris()
    account = explainers.explain(flowers, x[::50], "partial_dependence", {"features": [0], "grid": 2}).account

    assert "average over classes" in account.warnings[0]


@pytest.mark.parametrize("name", ["partial_dependence", "permutation_importance"])
def test_a_data_set_is_not_cut(name):
    assert not per_item(read_request({"method": name}))


def refused(x, method, params):
    """The pointer of a refusal that comes before the model is asked anything."""
    model = explainers.load(linear(np.ones(3)))
    with pytest.raises(InvalidRequest) as e:
        explainers.explain(model, x, method, params)
    assert model.builds == 0
    return e.value.pointer


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({}, "/params/labels"),
        ({"labels": [1, 2]}, "/params/labels"),
        ({"labels": ["a"] * 40, "metric": "mse"}, "/params/labels"),
        ({"labels": [1.0] * 40, "metric": "accuracy"}, "/params/metric"),
        ({"labels": [1.0] * 40, "metric": "r2"}, "/params/metric"),
        ({"metric": "score", "groups": [0, 1]}, "/params/groups"),
        ({"metric": "score", "groups": [0, -1, 1]}, "/params/groups"),
    ],
)
def test_what_cannot_be_measured_is_refused(rows, params, pointer):
    assert refused(rows, "permutation_importance", params) == pointer


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"features": [7]}, "/params/features/0"),
        ({"features": [0, "age"]}, "/params/features/1"),
        ({"features": {"other": [0]}}, "/params/features/other"),
        ({"grid": 1}, "/params/grid"),
        ({"grid": {"input": []}}, "/params/grid/input"),
    ],
)
def test_what_cannot_be_moved_is_refused(rows, params, pointer):
    assert refused(rows, "partial_dependence", params) == pointer
