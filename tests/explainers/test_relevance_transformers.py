"""AttnLRP and CP-LRP: golden numbers, the modified-gradient form, conservation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import helper
from reference.relevance_models import model, run
from reference.relevance_transformer import Block

import explainers
from benchmarks.networks import to_onnx

# LXT's definitions (AttnLRP, arXiv:2402.05602, Props. 3.1 and 3.3)
R_MATMUL = [[1, -3.5], [0.5, 5.25]], [[1.5, 0.75, -0.75], [0.25, -0.5, 2.0]]
R_NORM = [0.21055838998863707, 0.14037225999242475, -0.45620984497538036, 2.3161422898750077]


def relevance(proto, feeds, weights, **params):
    compiled = explainers.compile(
        explainers.load(proto), "lrp", {"composite": "attn_lrp", **params}, target={"logits": False}
    )
    return run(compiled, **feeds, target_weights=weights)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (0.0, [0.009969426829619543, -0.08945694210959526, 0.10427713267553451]),
        (10.0, [0.10966369512581498, -0.5367416526575716, 0.4518675749273162]),
    ],
)
def test_softmax(shift, expected):
    proto = model([helper.make_node("Softmax", ["x"], ["y"])], (3,), {})
    x = np.array([[1.0, 2.0, 3.0]]) + shift
    y = run(proto, x=x)["y"]
    found = relevance(proto, {"x": x}, np.array([[0.1, 0.2, 0.7]]) / y)
    np.testing.assert_allclose(found["attribution.x"][0], expected, atol=1e-9)


def test_product_of_two_signals():
    x = np.concatenate([[[1.0, -2.0, 0.0], [0.5, 3.0, 0.0]], [[2.0, 1.0, -1.0], [0.5, -1.0, 4.0]]], 1)[None]
    nodes = [
        helper.make_node("Slice", ["x", "zero", "two", "axis"], ["a"]),
        helper.make_node("Slice", ["x", "three", "six", "axis"], ["b"]),
        helper.make_node("MatMul", ["a", "b"], ["y"]),
    ]
    weights = {
        n: np.array([v], np.int64)
        for n, v in (("zero", 0), ("two", 2), ("three", 3), ("six", 6), ("axis", 2))
    }
    proto = model(nodes, (2, 6), {"unused": np.zeros(1), **weights})
    found = relevance(proto, {"x": x}, np.ones((1, 2, 3)))["attribution.x"][0]
    np.testing.assert_allclose(found[:, :2], R_MATMUL[0], atol=1e-8)
    np.testing.assert_allclose(found[:, 3:], R_MATMUL[1], atol=1e-8)


def test_layer_norm():
    weights = {"g": np.array([1, 0.5, -1, 2]), "b": np.array([0.1, -0.2, 0.3, 0.0])}
    proto = model([helper.make_node("LayerNormalization", ["x", "g", "b"], ["y"])], (4,), weights)
    found = relevance(
        proto, {"x": np.array([[1.0, -2.0, 0.5, 3.0]])}, np.ones((1, 4)), stabilizer={"epsilon": 1e-12}
    )
    np.testing.assert_allclose(found["attribution.x"][0], R_NORM, atol=1e-9)


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(1)
    net, x = Block().double().eval(), torch.randn(2, 5, 12, dtype=torch.float64)
    return net, x, explainers.load(to_onnx(net, x, opset=14))


@pytest.mark.parametrize("form", ["attn", "cp"])
def test_explicit_form_equals_the_modified_gradient(block, form):
    net, x, proto = block
    data = x.clone().requires_grad_()
    y = net(data, form)
    (g,) = torch.autograd.grad(y[:, 0].sum(), data)
    composite = {"attn": "attn_lrp", "cp": "cp_lrp"}[form]
    exact = {"epsilon": 0.0, "stabilizer": {"epsilon": 0.0}}
    compiled = explainers.compile(proto, "lrp", {"composite": composite, **exact}, target={"index": 0})
    found = run(compiled, input=x.numpy(), target_weights=np.eye(3)[[0, 0]])
    np.testing.assert_allclose(found["attribution.input"], (g * data).detach().numpy(), rtol=1e-4, atol=1e-7)


def test_cp_lrp_conserves_without_biases(block):
    _, x, proto = block
    compiled = explainers.compile(
        proto, "lrp", {"composite": "cp_lrp", "epsilon": 0.0, "stabilizer": {"epsilon": 0.0}}
    )
    found = run(compiled, input=x.numpy(), target_weights=np.eye(3)[[0, 1]])
    np.testing.assert_allclose(
        found["attribution.input"].sum((1, 2)), found["output"][[0, 1], [0, 1]], rtol=1e-9
    )


def test_a_transformer_is_recognised_and_its_written_out_operators_are_one_node(block):
    found = explainers.compile(block[2], "lrp")
    assert {"RMSNormalization", "Softmax"} <= {n.op_type for n in found.graph.node}
