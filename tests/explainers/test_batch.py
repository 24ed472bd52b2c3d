"""Items share a batch where that computes the same, and run one by one where it does not."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

import explainers

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
