"""Simple Taylor decomposition: exact on linear models, second order on smooth ones."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from reference import networks
from reference.small_models import small_inputs, small_model

import explainers
from explainers.errors import InvalidRequest


@pytest.fixture(scope="module")
def linear():
    """`output` = 2 a - 3 b + 4."""
    return explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        linear (float[N, 2] input) => (float[N, 1] output)
        <float[2, 1] w = {2, -3}, float[1] b = {4}> { output = Gemm (input, w, b) }
    """)
    )


def test_on_a_linear_model_the_root_is_the_nearest_point_of_score_zero(linear):
    x = np.array([[1, 1], [-2, 5]], np.float32)
    found = explainers.explain(linear, x, "simple_taylor")

    w = np.array([2, -3])
    f = x @ w + 4
    np.testing.assert_allclose(found.attributions["input"], f[:, None] * w**2 / (w @ w), rtol=1e-5)
    np.testing.assert_allclose(found.arrays["root.input"], x - f[:, None] * w / (w @ w), rtol=1e-5)
    np.testing.assert_allclose(found.account.per_item["root_score"], 0, atol=1e-5)
    np.testing.assert_allclose(found.account.per_item["remainder"], 0, atol=1e-5)


@pytest.mark.parametrize("root", ["zeros", "mean", [0.5, -1.0], 2.0])
def test_on_a_linear_model_nothing_remains_from_any_root(linear, root):
    account = explainers.explain(
        linear, np.array([[1, 1], [-2, 5]], np.float32), "simple_taylor", {"root": root}
    ).account

    np.testing.assert_allclose(account.per_item["remainder"], 0, atol=1e-5)


def test_a_root_on_the_segment_is_found(linear):
    x = np.array([[-2, 5]], np.float32)
    found = explainers.explain(linear, x, "simple_taylor", {"root": "zeros"})

    # f(x) = -15, f(0) = 4: the score turns at 4/19 of the way from 0
    np.testing.assert_allclose(found.arrays["root.input"], x * 4 / 19, rtol=1e-5)
    assert not found.account.warnings


def test_a_segment_without_a_root_ends_at_the_given_point(linear):
    found = explainers.explain(linear, np.array([[1, 1]], np.float32), "simple_taylor", {"root": "zeros"})

    assert found.account.per_item["root_score"] == [4.0]
    assert "1 items have no point of score 0" in found.account.warnings[0]


def test_the_remainder_is_of_second_order():
    model, x = explainers.load(small_model("smooth")), small_inputs("smooth", items=4)["input"]
    direction = np.random.default_rng(3).normal(size=5)

    def remainder(distance):
        root = (x[0] + distance * direction).tolist()
        account = explainers.explain(
            model, x[:1], "simple_taylor", {"root": root, "steps": 1}, target=0
        ).account
        return abs(account.per_item["remainder"][0])

    # halving the distance quarters what is missed, if the root is the given point itself
    assert remainder(0.02) / remainder(0.01) == pytest.approx(4, rel=0.2)


def test_the_search_ends_on_the_decision_boundary_of_a_network():
    model, x = networks.network("cnn")
    loaded = explainers.load(networks.exported(model.float(), x.float()))
    found = explainers.explain(loaded, x.float().numpy(), "simple_taylor", target=1)

    at_root = explainers.explain(loaded, found.arrays["root.input"], "gradient", target=1)
    np.testing.assert_allclose(at_root.account.score, 0, atol=1e-4)
    np.testing.assert_allclose(
        found.attributions["input"],
        (x.numpy() - found.arrays["root.input"]) * at_root.attributions["input"],
        atol=1e-5,
    )


def test_a_root_of_the_wrong_shape_is_refused(linear):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(linear, np.zeros((1, 2), np.float32), "simple_taylor", {"root": [1, 2, 3]})

    assert refused.value.pointer == "/params/root"
