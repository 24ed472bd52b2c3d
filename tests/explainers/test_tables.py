"""Tables: categories by name, columns in the card's order, one input for each column, words among the numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from reference import pipelines
from reference.games import linear_model

import explainers
from explainers.errors import InvalidRequest
from explainers.inputs import columns_in, read_file
from explainers.types import Card, InputCard, TensorSpec

SPEC = TensorSpec(name="x", dtype="float32", shape=["N", 3], batch_axis=0)
CARD = InputCard(kind="tabular", feature_names=["age", "sex", "fare"], categories={"sex": ["female", "male"]})
ROWS = [[30.0, 10.0, "female"], [60.0, 2.0, "male"], [10.0, 5.0, "male"]]


@pytest.fixture(scope="module")
def titanic():
    return explainers.load(pipelines.titanic(), pipelines.CARD)


def table(folder, text, name="a.csv"):
    (folder / name).write_text(text)
    return folder / name


def test_categories_are_numbers_by_their_place_in_the_card(tmp_path):
    path = table(tmp_path, "fare,sex,age\n7.5,male,30\n8,female,40\n")
    got = read_file(path, SPEC, CARD)

    np.testing.assert_array_equal(got, np.float32([[30, 1, 7.5], [40, 0, 8]]))


def test_a_word_that_is_no_category_is_named(tmp_path):
    path = table(tmp_path, "age,sex,fare\n30,male,7.5\n40,unknown,8\n")
    with pytest.raises(InvalidRequest, match=r"row 3, column 2 holds 'unknown'.*none of female, male"):
        read_file(path, SPEC, CARD)


def test_a_table_gives_a_column_to_each_input(tmp_path, titanic):
    path = table(tmp_path, "name,sex,fare,age\nAda,female,10,30\nBob,male,2,60\n")
    got = columns_in(path, titanic.inputs, Card.model_validate(pipelines.CARD))

    assert got is not None
    np.testing.assert_array_equal(got["age"], np.float32([[30], [60]]))
    assert got["sex"].tolist() == [["female"], ["male"]]


def test_a_row_with_a_header_may_hold_a_whole_series_whose_channels_have_names(tmp_path):
    spec = TensorSpec(name="x", dtype="float32", shape=["N", 3, 2], batch_axis=0)
    card = InputCard(kind="series", layout="NTC", feature_names=["temperature", "pressure"])
    rows = np.arange(12.0).reshape(2, 6)
    flat = "t0,p0,t1,p1,t2,p2\n" + "\n".join(",".join(map(str, r)) for r in rows)
    np.testing.assert_array_equal(read_file(table(tmp_path, flat), spec, card), rows.reshape(2, 3, 2))

    # the columns of one series in time go where the card has them, and one that is missing is named
    apart = "pressure,temperature\n1,0\n3,2\n5,4\n"
    np.testing.assert_array_equal(
        read_file(table(tmp_path, apart), spec, card), np.arange(6.0).reshape(1, 3, 2)
    )
    with pytest.raises(InvalidRequest, match="no column 'pressure'"):
        read_file(table(tmp_path, "temperature,b,c,d,e,f\n" + flat.split("\n")[1]), spec, card)


def passenger(index=0):
    age, fare, sex = ROWS[index]
    return {"age": np.float32([[age]]), "fare": np.float32([[fare]]), "sex": np.array([[sex]], object)}


def score(age, fare, sex):
    return 1 / (1 + math.exp(-pipelines.logit(age, fare, sex)))


def shapley(x, background):
    """Return the Shapley values of the three columns by the definition."""
    worth = {
        kept: np.mean([score(*(x[i] if i in kept else row[i] for i in range(3))) for row in background])
        for k in range(4)
        for kept in itertools.combinations(range(3), k)
    }
    orders = list(itertools.permutations(range(3)))
    found = np.zeros(3)
    for order in orders:
        for at, i in enumerate(order):
            before, after = tuple(sorted(order[:at])), tuple(sorted(order[: at + 1]))
            found[i] += (worth[after] - worth[before]) / len(orders)
    return found


@pytest.mark.parametrize("method", ["exact_shapley", "kernel_shap", "shapley_sampling"])
def test_inputs_of_one_column_are_one_feature_vector(titanic, method):
    background = ROWS[1:]
    found = explainers.explain(titanic, passenger(), method, {"background": background}, target={"index": 1})

    got = [found.attributions[n].item() for n in ("age", "fare", "sex")]
    errors = [found.arrays.get(f"error.{n}", np.zeros(1)).item() for n in ("age", "fare", "sex")]
    assert (np.abs(np.subtract(got, shapley(ROWS[0], background))) <= 1e-5 + 4 * np.array(errors)).all()
    assert found.account.attribution_sum[0] == pytest.approx(sum(got), abs=1e-5)


def test_quarters_take_words_for_categories(titanic):
    background = [[30.0, 10.0, "female"], [30.0, 10.0, "male"], [30.0, 10.0, "male"]]
    params = {"discretize": "quartiles", "background": background, "alpha": 0, "samples": 200}
    found = explainers.explain(titanic, passenger(), "lime", params, target={"index": 1})
    got = [found.attributions[n].item() for n in ("age", "fare", "sex")]

    # with age and fare the same in every row, the weight of the word is what the score loses by another one
    lost = score(*ROWS[0]) - score(*ROWS[0][:2], "male")
    np.testing.assert_allclose(got, [0, 0, lost], atol=1e-5)


def test_quarters_of_words_are_refused_where_the_input_holds_numbers(titanic):
    params = {"discretize": "quartiles", "background": [["young", 10.0, "female"], ["old", 2.0, "male"]]}
    with pytest.raises(InvalidRequest, match=r"background of 'age' must hold numbers") as refused:
        explainers.explain(titanic, passenger(), "lime", params, target={"index": 1})
    assert refused.value.pointer == "/params/background"


def test_columns_can_be_taken_away_together(titanic):
    params = {"background": ROWS[1:], "groups": [0, 1, 0]}
    found = explainers.explain(titanic, passenger(), "exact_shapley", params, target={"index": 1})
    both, fare = (found.attributions[n].item() for n in ("age", "fare"))

    assert found.attributions["sex"].item() == both
    whole = score(*ROWS[0]) - np.mean([score(*r) for r in ROWS[1:]])
    assert found.account.attribution_sum[0] == pytest.approx(both + fare) == pytest.approx(whole, abs=1e-5)


def test_without_a_word_for_it_a_string_is_empty(titanic):
    found = explainers.explain(titanic, passenger(), "feature_ablation", target={"index": 1})
    expected = score(*ROWS[0]) - score(*ROWS[0][:2], "")

    assert found.attributions["sex"].item() == pytest.approx(expected, abs=1e-6)
    other = explainers.explain(
        titanic, passenger(), "feature_ablation", {"fill": {"sex": "male"}}, target={"index": 1}
    )
    assert other.attributions["sex"].item() == pytest.approx(
        score(*ROWS[0]) - score(*ROWS[0][:2], "male"), abs=1e-6
    )


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_the_decisive_column_comes_first(titanic, method):
    found = explainers.explain(
        titanic, passenger(), method, {"background": ROWS[1:] * 3}, target={"index": 1}
    )
    got = {n: found.attributions[n].item() for n in ("age", "fare", "sex")}

    assert max(got, key=got.__getitem__) == "sex"


def test_data_set_methods_move_words(titanic):
    inputs = {n: np.concatenate([passenger(i)[n] for i in range(3)]) for n in ("age", "fare", "sex")}
    found = explainers.explain(
        titanic,
        inputs,
        "partial_dependence",
        {"features": ["sex", "age"], "grid": {"age": [10, 20]}},
        target=1,
    ).arrays

    assert found["grid.sex"].tolist() == [["female", "male"]]
    expected = [np.mean([score(a, f, sex) for a, f, _ in ROWS]) for sex in ("female", "male")]
    np.testing.assert_allclose(found["curve.sex"][0], expected, atol=1e-6)
    shuffled = explainers.explain(titanic, inputs, "permutation_importance", {"labels": [1, 0, 0]}).arrays
    assert set(shuffled) >= {"importance.sex", "importance.age", "importance.fare"}


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"background": [[1.0, 2.0]]}, "/params/background"),
        ({"background": {"age": [[1.0]], "fare": [[1.0]], "sex": [[1.0]]}}, "/params/background"),
        ({"groups": [0, 1]}, "/params/groups"),
    ],
)
def test_what_is_no_row_of_the_table_is_refused(titanic, params, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(titanic, passenger(), "kernel_shap", params)

    assert refused.value.pointer == pointer


def test_a_background_of_the_wrong_width_is_refused():
    model = explainers.load(linear_model(np.ones(3, np.float32)))
    with pytest.raises(InvalidRequest, match=r"needs rows of shape \[3\]"):
        explainers.explain(model, np.ones((1, 3), "f4"), "kernel_shap", {"background": [[1.0, 2.0]]})
