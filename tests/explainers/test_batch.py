"""Items share a batch where that computes the same, and run one by one where it does not."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

import explainers
from explainers.errors import InvalidRequest

FIXED = """
    <ir_version: 10, opset_import: ["" : 21]>
    g (float[1, 2, 3] x) => (float[1, 4] y) <int64[2] flat = {1, 6}> {
        row = Reshape(x, flat)
        y = MatMul(row, w)
    }
"""
MIXED = """
    <ir_version: 10, opset_import: ["" : 21]>
    g (float[N, 4] x) => (float[N, 4] y) <int64[1] items = {0}> {
        mean = ReduceMean(x, items)
        y = Sub(x, mean)
    }
"""

SUMMED = """
    <ir_version: 10, opset_import: ["" : 21]>
    g (float[4] x) => (float y) {
        bent = Tanh(x)
        y = ReduceMean<keepdims = 0>(bent)
    }
"""


def fixed():
    proto = parser.parse_model(FIXED)
    w = np.arange(24, dtype=np.float32).reshape(6, 4)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    return explainers.load(proto)


def test_a_fixed_batch_of_one_is_freed():
    model, x = fixed(), np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    together = explainers.explain(model, x, "input_x_gradient")
    apart = [explainers.explain(model, x[i : i + 1], "input_x_gradient") for i in range(5)]

    assert (model.describe().batch, together.account.one_by_one) == ("freed", "")
    expected = np.concatenate([r.attributions["x"] for r in apart])
    np.testing.assert_allclose(together.attributions["x"], expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["input_x_gradient", "lrp", "occlusion", "rise"])
def test_a_fixed_batch_of_several_is_freed(method):
    text = FIXED.replace("float[1, 2, 3] x", "float[4, 2, 3] x").replace("float[1, 4] y", "float[4, 4] y")
    proto = parser.parse_model(text.replace("{1, 6}", "{4, 6}"))
    w = np.arange(24, dtype=np.float32).reshape(6, 4)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    several, x = explainers.load(proto), np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)

    found, one = (explainers.explain(model, x, method, target=2) for model in (several, fixed()))
    assert (several.describe().batch, found.account.one_by_one) == ("freed", "")
    np.testing.assert_allclose(found.attributions["x"], one.attributions["x"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.account.score, x.reshape(5, 6) @ w[:, 2], rtol=1e-5)


@pytest.mark.parametrize("method", ["gradient", "lrp", "occlusion"])
@pytest.mark.parametrize("text", [MIXED.replace("N", "3"), SUMMED])
def test_a_fixed_batch_that_cannot_be_freed_is_refused(method, text):
    model = explainers.load(parser.parse_model(text))
    shape = list(model.describe().inputs[0].shape)
    with pytest.raises(InvalidRequest, match=f"the model takes {shape[0]} items at a time"):
        explainers.explain(model, np.ones(shape, np.float32), method)


def test_equal_values_do_not_hide_that_a_model_mixes_its_items():
    model = explainers.load(parser.parse_model(MIXED))
    explainers.explain(model, np.zeros((1, 4), np.float32), "gradient", target=0)
    result = explainers.explain(model, np.eye(4, dtype=np.float32), "gradient", target=0)
    assert "share a batch" in result.account.one_by_one


def test_equal_values_that_the_model_cannot_take_otherwise():
    proto = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        g (float[N, 3] x) => (float[N, 3] y) {
            code = Cast<to = 7>(x)
            y = Gather(w, code)
        }
    """)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 5], np.float32), "w"))
    result = explainers.explain(explainers.load(proto), np.ones((2, 3), np.float32), "occlusion", target=1)
    assert result.account.one_by_one == ""
    np.testing.assert_array_equal(result.attributions["x"], [[0, 4, 0], [0, 4, 0]])


def test_a_model_that_mixes_its_items_runs_them_one_by_one_and_says_so():
    model, x = explainers.load(parser.parse_model(MIXED)), np.eye(4, dtype=np.float32)
    result = explainers.explain(model, x, "gradient", target=0)

    assert "share a batch" in result.account.one_by_one
    # alone, each item is its own mean
    assert not result.outputs["y"].any()


def test_a_card_moves_the_item_axis():
    text = """<ir_version: 10, opset_import: ["" : 21]> g (float[T, N, 2] x) => (float[N, 2] y) <int64[1] t = {0}>
              { y = ReduceSum <keepdims = 0> (x, t) }"""
    model = explainers.load(parser.parse_model(text), {"inputs": {"x": {"layout": "TNC", "batch_axis": 1}}})
    x = np.random.default_rng(0).normal(size=(7, 3, 2)).astype(np.float32)
    result = explainers.explain(model, x, "input_x_gradient", target=1)

    expected = x * np.array([0, 1], np.float32)
    np.testing.assert_allclose(result.attributions["x"], expected)
    np.testing.assert_allclose(result.account.score, x.sum(0)[:, 1], rtol=1e-5)


def shared_scale():
    """Items (N, 3) times one scale (3,) for all."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
              g (float[N, 3] x, float[3] scale) => (float[N, 3] y) { y = Mul(x, scale) }"""
    return explainers.load(parser.parse_model(text), {"inputs": {"scale": {"batch_axis": None}}})


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_a_shared_input_is_given_to_all_items(method):
    model = shared_scale()
    feeds = {"x": np.ones((4, 3), np.float32), "scale": np.array([1, 2, 3], np.float32)}
    result = explainers.explain(model, feeds, method, {"explain_inputs": ["x"]}, target=2)

    np.testing.assert_allclose(result.attributions["x"][:, 2], 3)


def test_a_shared_input_is_explained_per_item():
    model = shared_scale()
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = explainers.explain(model, {"x": x, "scale": np.ones(3, np.float32)}, "gradient", target=1)

    np.testing.assert_allclose(result.attributions["scale"], [[0, 1, 0], [0, 4, 0]])


SCALAR = """
    <ir_version: 10, opset_import: ["" : 21]>
    g (float[N, 4] x) => (float{} y) <int64[2] all = {{0, 1}}> {{
        scaled = Mul(x, w)
        bent = Tanh(scaled)
        y = ReduceMean<keepdims = {}>(bent, all)
    }}
"""


def one_number(kept):
    proto = parser.parse_model(SCALAR.format("[1, 1]" if kept else "", int(kept)))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, -2, 0.5, 0], np.float32), "w"))
    return explainers.load(proto)


@pytest.mark.parametrize(
    "method",
    ["gradient", "lrp", "deep_lift", "integrated_gradients", "smooth_grad", "occlusion", "lime", "rise",
     "kernel_shap", "exact_shapley", "shapley_sampling", "meaningful_perturbation", "permutation_importance"],
)  # fmt: skip
def test_a_model_that_answers_one_number_explains_items_one_by_one(method):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    params = {"metric": "score"} if method == "permutation_importance" else {}
    scalar, row = (explainers.explain(one_number(kept), x, method, params) for kept in (False, True))

    assert row.arrays.keys() == scalar.arrays.keys()
    for name in row.arrays.keys() - {"output.y"}:
        np.testing.assert_allclose(scalar.arrays[name], row.arrays[name], rtol=1e-5, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(scalar.account.score, row.account.score, rtol=1e-6)
    assert scalar.arrays["output.y"].shape == (3,)


@pytest.mark.parametrize("method", ["gradient", "lrp", "occlusion", "integrated_gradients"])
@pytest.mark.parametrize("kept", [False, True])
def test_of_one_number_the_greatest_class_is_that_number(method, kept):
    model, x = one_number(kept=kept), np.ones((1, 4), np.float32)
    found = [explainers.explain(model, x, method, target=t).attributions["x"] for t in (None, "argmax")]
    np.testing.assert_array_equal(*found)


# the w² rule of deep Taylor's first layer: 6.5 as 1, 4 and 0.25 to each other
@pytest.mark.parametrize(
    ("method", "want"), [("lrp", [1, 4, 1.5]), ("deep_taylor", np.array([1, 4, 0.25]) * 6.5 / 5.25)]
)
def test_the_relevance_of_a_quantised_number_has_the_shape_of_the_item(method, want):
    proto = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        g (float[1, 3] x) => (float y) <int64[2] all = {0, 1}, float step = {0.1}, int8 zero = {0}> {
            scaled = MatMul(x, w)
            sum = ReduceSum<keepdims = 0>(scaled, all)
            steps = QuantizeLinear(sum, step, zero)
            y = DequantizeLinear(steps, step, zero)
        }
    """)
    w = np.array([[1], [2], [0.5]], np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    found = explainers.explain(explainers.load(proto), np.array([[1, 2, 3]], np.float32), method)
    np.testing.assert_allclose(found.attributions["x"], [want], rtol=1e-4)


def test_the_greatest_class_of_a_row_of_numbers_is_each_number():
    proto = parser.parse_model(
        MIXED.replace("float[N, 4] y", "float[N] y").replace("items = {0}", "items = {1}")
    )
    del proto.graph.node[1], proto.graph.node[0].output[:]
    proto.graph.node[0].output.append("y")
    proto.graph.node[0].attribute.append(onnx.helper.make_attribute("keepdims", 0))
    x = np.eye(4, dtype=np.float32)
    for method in ("gradient", "occlusion"):
        found = explainers.explain(explainers.load(proto), x, method, target="argmax")
        np.testing.assert_array_equal(found.account.score, x.mean(1))
        assert found.account.index == []


def test_the_graph_of_a_model_that_answers_one_number():
    graph = explainers.compile(one_number(kept=False), "gradient")
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    x = np.array([[0.5, 1, -1, 2]], np.float32)
    names = ["y", "attribution.x"]
    score, slope = session.run(names, {"x": x, "target_weights": np.ones(1, np.float32)})
    w = np.array([1, -2, 0.5, 0])
    np.testing.assert_allclose(score, np.tanh(x * w).mean(), rtol=1e-6)
    np.testing.assert_allclose(slope, w / np.cosh(x * w) ** 2 / 4, rtol=1e-5)


def test_an_output_whose_rows_are_no_items_is_refused_after_the_run():
    text = FIXED.replace("float[1, 2, 3] x", "float[N, 2, 3] x").replace("float[1, 4] y", "float[M, 4] y")
    proto = parser.parse_model(text.replace("{1, 6}", "{-1, 3}"))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(3, 4, dtype=np.float32), "w"))
    for method in ("gradient", "lrp", "occlusion"):
        with pytest.raises(InvalidRequest, match=r"'y' has shape \[4.*\] for 2 items: no item axis in front"):
            explainers.explain(explainers.load(proto), np.ones((2, 2, 3), np.float32), method)


@pytest.mark.parametrize("method", ["gradient", "lrp", "integrated_gradients", "occlusion", "rise"])
@pytest.mark.parametrize("items", [1, 3])
def test_an_output_without_an_item_axis_is_refused_in_the_same_words(method, items):
    proto = parser.parse_model(
        FIXED.replace("float[1, 4] y", "float[4] y").replace("y = MatMul", "z = MatMul")
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(6, 4, dtype=np.float32), "w"))
    proto.graph.node.append(onnx.helper.make_node("Squeeze", ["z"], ["y"]))
    with pytest.raises(InvalidRequest, match=r"'y' has shape .*: no item axis in front; see whether"):
        explainers.explain(explainers.load(proto), np.ones((items, 2, 3), np.float32), method)
