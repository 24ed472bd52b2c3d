"""Owen values against the definition by orders that keep a hierarchy together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference.games import bent_model, linear_model

import explainers
from explainers.errors import InvalidRequest
from explainers.explainer import Place
from explainers.signature import evaluations, read_request

TREES = {
    "halves": [[0, [1, 2]], [3, [4, 5]]],
    "one after the other": [0, [1, [2, [3, [4, 5]]]]],
    "three branches": [[0, 1], [2, 3], [4, 5]],
    "one list": [0, 1, 2, 3, 4, 5],
}


@pytest.fixture(scope="module")
def bent():
    return explainers.load(bent_model(6))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(1, 6)).astype(np.float32)


def orders(node):
    """Yield the orders of the leaves in which every node's leaves stand together."""
    if isinstance(node, int):
        yield [node]
        return
    for branches in itertools.permutations(node):
        for parts in itertools.product(*(list(orders(b)) for b in branches)):
            yield [leaf for part in parts for leaf in part]


def by_orders(model, x, tree):
    """Return what each value adds on average when it joins in such an order."""
    masks = np.array(list(itertools.product([False, True], repeat=6)))
    worth = model.forward({"input": x}, Place()).run({"input": np.where(masks, x, 0).astype("f4")})
    worth = {tuple(m): float(v) for m, v in zip(masks, worth["output"][:, 0], strict=True)}
    found, count = np.zeros(6), 0
    for order in orders(tree):
        there, count = [False] * 6, count + 1
        for i in order:
            before = worth[tuple(there)]
            there[i] = True
            found[i] += worth[tuple(there)] - before
    return found / count


@pytest.mark.parametrize("name", TREES)
def test_values_are_those_of_the_orders_that_keep_to_the_hierarchy(bent, x, name):

    found = explainers.explain(bent, x, "partition_shap", {"hierarchy": TREES[name]})

    np.testing.assert_allclose(found.attributions["input"][0], by_orders(bent, x, TREES[name]), atol=1e-5)
    assert abs(found.account.per_item["delta"][0]) < 1e-5


def test_the_usual_hierarchy_is_halves(bent, x):
    usual = explainers.explain(bent, x, "partition_shap").attributions["input"]
    given = explainers.explain(bent, x, "partition_shap", {"hierarchy": TREES["halves"]}).attributions[
        "input"
    ]

    np.testing.assert_array_equal(usual, given)


def test_one_list_gives_shapley_s_values(bent, x):
    flat = explainers.explain(bent, x, "partition_shap", {"hierarchy": TREES["one list"]})
    exact = explainers.explain(bent, x, "exact_shapley")

    np.testing.assert_allclose(flat.attributions["input"], exact.attributions["input"], atol=1e-6)


def test_a_linear_model_is_explained_by_its_weights():
    w, x = np.random.default_rng(0).normal(size=(2, 9)).astype(np.float32)
    found = explainers.explain(explainers.load(linear_model(w)), x[None], "partition_shap", {"fill": 0.5})

    np.testing.assert_allclose(found.attributions["input"][0], w * (x - 0.5), atol=1e-5)


def test_many_patches_take_few_evaluations(digits, digit_images):
    request = read_request({"method": "partition_shap", "params": {"groups": "features"}})
    planned = evaluations(request, {"input": digit_images[:1]}, digits.description)
    found = explainers.explain(digits, digit_images[:1], "partition_shap", {"groups": "features"})

    assert found.account.model_evaluations <= planned == 2 * 64 * 64 + 1
    assert abs(found.account.per_item["delta"][0]) < 1e-4


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"hierarchy": [0, 1, 2]}, "/params/hierarchy"),
        ({"hierarchy": [0, 1, 2, 3, 4, 4]}, "/params/hierarchy"),
        ({"hierarchy": [[], 0, 1, 2, 3, 4, 5]}, "/params/hierarchy"),
    ],
)
def test_a_hierarchy_that_leaves_a_group_out_is_refused(bent, x, params, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(bent, x, "partition_shap", params)

    assert refused.value.pointer == pointer


def test_a_flat_list_of_many_groups_is_refused(digits, digit_images):
    params = {"groups": "features", "hierarchy": list(range(64))}
    with pytest.raises(InvalidRequest, match="make it deeper"):
        explainers.explain(digits, digit_images[:1], "partition_shap", params)
