"""Laws that every explanation method keeps, over the registry."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from reference.method_rows import ROWS
from reference.small_models import CARDS, small_inputs, small_model

import explainers
from explainers.registry import methods
from explainers.signature import evaluations, read_request

CASES = [
    pytest.param(name, row, id=f"{name}-{row.model}-{i}")
    for name, rows in ROWS.items()
    for i, row in enumerate(rows)
]
OF_INPUTS = [c for c in CASES if c.values[0] in methods() and methods()[c.values[0]].family != "prototype"]
COMPLETE = [c for c in OF_INPUTS if methods()[c.values[0]].completes]
PER_ITEM = [c for c in OF_INPUTS if methods()[c.values[0]].per_item]


@pytest.fixture(scope="module")
def models():
    return {
        name: explainers.load(small_model(name), CARDS.get(name))
        for name in ("image", "smooth", "tokens", "series")
    }


@pytest.fixture(scope="module")
def explained(models):
    """One explanation of each row, of two items."""
    kept: dict[str, explainers.types.Explanation] = {}

    def explain(name, row):
        key = f"{name} {row}"
        if key not in kept:
            kept[key] = explainers.explain(
                models[row.model], small_inputs(row.model), name, row.params, seed=5
            )
        return kept[key]

    return explain


def one_item(model, i):
    axis = 1 if model == "series" else 0
    return {n: np.take(a, [i], axis) for n, a in small_inputs(model).items()}


def test_every_method_has_a_row():
    assert sorted(methods().keys() - ROWS.keys()) == []


@pytest.mark.parametrize("name", list(methods()))
def test_the_catalogue_says_what_a_method_is(name):
    kind = methods()[name]

    assert len(kind.summary) > 20
    assert kind.paper
    assert json.loads(json.dumps(kind.describe()))["params"]["properties"]


@pytest.mark.parametrize(("name", "row"), CASES)
def test_parameters_survive_json(name, row):
    params = read_request({"method": name, "params": row.params}).params

    assert type(params).model_validate_json(params.model_dump_json()) == params


@pytest.mark.parametrize(("name", "row"), PER_ITEM)
def test_an_attribution_looks_like_its_input(explained, name, row):
    found, inputs = explained(name, row), small_inputs(row.model)
    of_inputs = {n: a for n, a in found.attributions.items() if n in inputs}

    assert found.attributions
    assert {n: a.shape for n, a in of_inputs.items()} == {n: inputs[n].shape for n in of_inputs}
    assert {a.dtype for a in found.attributions.values()} == {np.dtype(np.float32)}
    assert all(np.isfinite(a).all() for a in found.arrays.values())


@pytest.mark.parametrize(("name", "row"), OF_INPUTS)
def test_the_same_seed_gives_the_same_answer(models, explained, name, row):
    again = explainers.explain(models[row.model], small_inputs(row.model), name, row.params, seed=5)

    for n, a in explained(name, row).arrays.items():
        np.testing.assert_array_equal(again.arrays[n], a, err_msg=n)


@pytest.mark.parametrize(("name", "row"), PER_ITEM)
def test_a_batch_of_two_equals_two_batches_of_one(models, explained, name, row):
    both = explained(name, row)
    alone = [
        explainers.explain(models[row.model], one_item(row.model, i), name, row.params, seed=5)
        for i in range(2)
    ]

    for n, a in both.attributions.items():
        axis = 1 if row.model == "series" and n == "input" else 0
        apart = np.concatenate([e.attributions[n] for e in alone], axis)
        np.testing.assert_allclose(a, apart, atol=row.batched * np.abs(a).max(), err_msg=n)
    np.testing.assert_allclose(both.account.score, [e.account.score[0] for e in alone], rtol=1e-5)


@pytest.mark.parametrize(("name", "row"), COMPLETE)
def test_the_sum_is_the_score_s_difference_to_the_baseline(explained, name, row):
    account = explained(name, row).account
    difference = np.array(account.score) - account.per_item["baseline_score"]

    missed = np.abs(np.array(account.attribution_sum) - difference)
    assert (missed <= row.incomplete * np.abs(difference).max()).all(), missed / np.abs(difference)
    np.testing.assert_allclose(np.abs(account.per_item["delta"]), missed, atol=1e-5)


@pytest.mark.parametrize(("name", "row"), OF_INPUTS)
def test_model_and_inputs_stay_as_they_were(name, row):
    proto, inputs = small_model(row.model), small_inputs(row.model)
    model = explainers.load(proto, CARDS.get(row.model))
    before = [
        hashlib.sha256(m.SerializeToString(deterministic=True)).hexdigest() for m in (proto, model.proto)
    ]
    explainers.explain(model, inputs, name, row.params)

    assert [
        hashlib.sha256(m.SerializeToString(deterministic=True)).hexdigest() for m in (proto, model.proto)
    ] == before
    for n, a in small_inputs(row.model).items():
        np.testing.assert_array_equal(inputs[n], a)


@pytest.mark.parametrize(("name", "row"), OF_INPUTS)
def test_the_cost_was_foreseen(models, explained, name, row):
    found, model = explained(name, row).account.model_evaluations, models[row.model]
    request = read_request({"method": name, "params": row.params})
    foreseen = 2 * evaluations(request, small_inputs(row.model), model.description, model.card)

    # when a tolerance is reached cannot be foreseen, nor how the items of a series share rows
    if "tolerance" not in row.params and row.model != "series":
        assert 0.3 * foreseen <= found <= 1.5 * foreseen
