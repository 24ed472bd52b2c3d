"""Fills: guesses from what is left, rows of a background, and refusals of what cannot be shown."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from reference.games import linear_model

import explainers
from explainers.asking.guesses import inpaint, neighbour
from explainers.errors import InvalidRequest

PICTURE = {"inputs": {"input": {"kind": "image", "layout": "NCHW"}}}
METHODS = ["occlusion", "feature_ablation", "kernel_shap", "lime"]


def hole(shape, *cut):
    there = np.ones(shape, bool)
    there[cut] = False
    return there


def test_the_nearest_value_that_is_left_is_shown():
    x = np.arange(8.0)
    found = neighbour(x, hole(8, slice(2, 6)), None)

    np.testing.assert_array_equal(found, [0, 1, 1, 1, 6, 6, 6, 7])


def test_neighbours_are_of_their_own_channel():
    x = np.stack([np.zeros((5, 5)), np.ones((5, 5))])
    there = np.stack([hole((5, 5), slice(1, 4), slice(1, 4)), np.ones((5, 5), bool)])

    np.testing.assert_array_equal(neighbour(x, there, 0), x)


@pytest.mark.parametrize("shape", [(9,), (9, 7), (6, 7, 5)])
def test_a_slope_is_painted_in_as_it_was(shape):
    x = sum((i + 1) * a for i, a in enumerate(np.indices(shape).astype(float)))
    there = hole(shape, *[slice(2, 4)] * len(shape))

    np.testing.assert_allclose(inpaint(x, there, None), x, atol=0.2)
    assert np.abs(neighbour(x, there, None) - x).max() >= 1


@pytest.mark.parametrize("guess", [neighbour, inpaint])
def test_where_nothing_is_left_the_mean_is_shown(guess):
    x = np.stack([np.arange(4.0), np.full(4, 7.0)])

    np.testing.assert_array_equal(guess(x, np.zeros(x.shape, bool), 0), [[1.5] * 4, [7] * 4])


def sums(*shape):
    axes = ", ".join(str(i + 1) for i in range(len(shape)))
    dims = ", ".join(map(str, shape))
    return explainers.load(
        onnx.parser.parse_model(f"""
            <ir_version: 10, opset_import: ["" : 21]>
            sums (float[N, {dims}] input) => (float[N, 1] output) <int64[{len(shape)}] axes = {{{axes}}}> {{
                total = ReduceSum <keepdims = 0> (input, axes)
                one = Constant <value_ints = [1]> ()
                output = Unsqueeze (total, one)
            }}"""),
        PICTURE,
    )


@pytest.mark.parametrize("fill", ["inpaint", "neighbour"])
@pytest.mark.parametrize("method", METHODS)
def test_a_flat_picture_loses_nothing_by_a_guess(method, fill):
    x = np.full((1, 2, 8, 8), 3.0, np.float32)
    found = explainers.explain(sums(2, 8, 8), x, method, {"fill": fill})

    assert np.abs(found.attributions["input"]).max() < 1e-3


def test_a_bright_spot_is_what_neighbours_do_not_know():
    x = np.zeros((1, 1, 8, 8), np.float32)
    x[0, 0, 4:6, 2:4] = 1
    found = explainers.explain(
        sums(1, 8, 8), x, "occlusion", {"fill": "neighbour", "window": 2, "stride": 2}
    ).attributions["input"][0, 0]

    assert (found[4:6, 2:4] == 4).all()
    assert found.max() == 4


@pytest.mark.parametrize("method", ["feature_ablation", "exact_shapley", "kernel_shap", "shapley_sampling"])
def test_against_a_background_a_linear_model_has_w_times_the_distance_to_its_mean(method):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(2, 5)).astype(np.float32)
    background = rng.normal(size=(7, 5))
    found = explainers.explain(explainers.load(linear_model(w)), x[None], method, {"background": background})

    np.testing.assert_allclose(found.attributions["input"][0], w * (x - background.mean(0)), atol=1e-5)


def test_a_background_of_another_name_says_what_it_has():
    model = explainers.load(linear_model(np.ones(5)))
    with pytest.raises(InvalidRequest, match="no rows for 'input'; it has some for: 'inptu'"):
        explainers.explain(model, np.ones((1, 5), "f4"), "kernel_shap", {"background": {"inptu": [[0] * 5]}})


def test_occlusion_averages_over_a_background():
    rng = np.random.default_rng(0)
    x, background = rng.random((1, 1, 4, 4), np.float32), rng.random((3, 1, 4, 4))
    params = {"window": 2, "stride": 2, "background": background, "budget": 9}
    found = explainers.explain(sums(1, 4, 4), x, "occlusion", params)

    far = (x - background.mean(0))[0, 0].reshape(2, 2, 2, 2).sum((1, 3)).repeat(2, 0).repeat(2, 1)
    got = found.attributions["input"][0, 0]
    np.testing.assert_allclose(got[got != 0], far[got != 0], atol=1e-5)
    # nine evaluations pay for three of the four patches
    assert found.account.per_item["remaining"] == [1]
    assert found.account.model_evaluations == 10


def test_rise_draws_from_a_background():
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(2, 4)).astype(np.float32)
    background = rng.normal(size=(5, 4))
    found = explainers.explain(
        explainers.load(linear_model(w)), x[None], "rise", {"background": background, "masks": 20_000}
    )

    mean, bias = background.mean(0), 0.5
    expected = bias + w @ mean + (w * (x - mean)).sum() / 2 + w * (x - mean) / 2
    assert (np.abs(found.attributions["input"] - expected) <= 4 * found.arrays["error.input"]).all()
    # sixteen masks, five rows
    assert found.account.model_evaluations == 1 + 16 * 5


@pytest.mark.parametrize(
    ("method", "params", "pointer"),
    [
        ("rise", {"fill": "inpaint"}, "/params/fill"),
        ("rise", {"fill": {"input": "neighbour"}}, "/params/fill/input"),
        ("occlusion", {"fill": "mask"}, "/params/fill"),
        ("occlusion", {"background": [[1.0]]}, "/params/background"),
        ("feature_ablation", {"background": [["a"] * 64]}, "/params/background"),
        ("feature_ablation", {"fill": [1.0, 2.0]}, "/params/fill"),
        ("feature_ablation", {"background": np.zeros((30, 1, 8, 8)), "budget": 20}, "/params/budget"),
    ],
)
def test_what_cannot_be_shown_is_refused(digits, digit_images, method, params, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(digits, digit_images[:1], method, params)

    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("method", "params", "pointer"),
    [
        ("feature_ablation", {"fill": 300.0}, "/params/fill"),
        ("occlusion", {"fill": {"input": -1.0}}, "/params/fill/input"),
        ("kernel_shap", {"background": [[0, 0, 0, 256]]}, "/params/background"),
        ("lime", {"discretize": "quartiles", "background": [[0, 0, 0, -1]]}, "/params/background"),
        ("partial_dependence", {"grid": [0.0, 300.0]}, "/params/grid"),
    ],
)
def test_what_the_input_s_type_cannot_hold_is_refused_and_does_not_come_round(method, params, pointer):
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        sums (uint8[N, 4] input) => (float[N, 1] output) <int64[1] one = {1}> {
            numbers = Cast <to = 1> (input)
            output = ReduceSum (numbers, one)
        }
    """)
    )
    with pytest.raises(InvalidRequest, match="uint8") as refused:
        explainers.explain(model, np.full((1, 4), 7, np.uint8), method, params)

    assert refused.value.pointer == pointer
    most = {"fill": 255.0, "groups": "features"}
    found = explainers.explain(model, np.full((1, 4), 7, np.uint8), "feature_ablation", most)
    np.testing.assert_array_equal(found.attributions["input"], [[-248] * 4])


def test_a_table_has_no_neighbours():
    with pytest.raises(InvalidRequest, match="has none"):
        explainers.explain(
            explainers.load(linear_model(np.ones(3, np.float32))), np.ones((1, 3), "f4"), "feature_ablation",
            {"fill": "neighbour"},
        )  # fmt: skip


def test_a_background_is_named_by_its_data_set():
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(2, 5)).astype(np.float32)
    rows = {"lives": {"input": rng.normal(size=(7, 5)).astype(np.float32)}}
    model, params = explainers.load(linear_model(w)), {"background": {"dataset": "lives"}}
    found = explainers.explain(model, x[None], "kernel_shap", params, datasets=rows)

    mean = rows["lives"]["input"].mean(0)
    np.testing.assert_allclose(found.attributions["input"][0], w * (x - mean), atol=1e-5)
    assert found.account.params["background"] == {"dataset": "lives"}
    with pytest.raises(InvalidRequest, match="no data set 'lives'") as refused:
        explainers.explain(model, x[None], "kernel_shap", params)
    assert refused.value.pointer == "/params/background/dataset"


def test_a_data_set_has_its_items_where_the_input_has_them():
    from reference.small_models import CARDS, small_inputs, small_model

    model = explainers.load(small_model("series"), CARDS["series"])
    rows, inputs = small_inputs("series", 5, seed=2), small_inputs("series")
    named = explainers.explain(
        model, inputs, "exact_shapley", {"background": {"dataset": "a"}}, 1, datasets={"a": rows}
    )
    background = np.moveaxis(rows["input"], 1, 0)
    given = explainers.explain(model, inputs, "exact_shapley", {"background": background}, 1)

    np.testing.assert_array_equal(named.attributions["input"], given.attributions["input"])


def test_expected_gradients_start_from_a_data_set():
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(2, 5)).astype(np.float32)
    rows = {"lives": {"input": rng.normal(size=(7, 5)).astype(np.float32)}}
    model, params = explainers.load(linear_model(w)), {"data": {"dataset": "lives"}, "steps": 70}
    found = explainers.explain(model, x[None], "integrated_gradients", params, datasets=rows)

    np.testing.assert_allclose(
        found.attributions["input"][0], w * (x - rows["lives"]["input"].mean(0)), atol=1e-4
    )
