"""Every rule against the golden numbers and against a second writing, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper
from reference.relevance import RULES, dense, hand_back
from reference.relevance_models import OPERATORS, linear, model, run

import explainers
from explainers.relevance.rules import RULES as ENGINE_RULES

# Zennit 0.5.1's answers for this layer, R = z (equal to 1e-15)
W = [[1, -2, 0.5, 0], [-1, 1, 2, -0.5], [0.25, -0.75, -1, 1.5]]
B = [0.5, -0.25, 0.75]
X = [1, 0.5, -1.5, 2]
GOLDEN = [
    (
        {"rule": "epsilon"},
        {},
        [0.24999616176179332, -0.8749960321084185, -2.2499966611160556, 1.999999625160532],
    ),
    (
        {"rule": "epsilon"},
        {"bias": "drop"},
        [-0.4293653561798423, -0.24484084227320219, -1.6595231741199348, 2.4587295900328847],
    ),
    (
        {"rule": "epsilon"},
        {"epsilon": 1.0},
        [-0.4169032830523513, -0.10073203194321212, -1.373158828748891, 1.6841171251109142],
    ),
    ({"rule": "z_plus"}, {}, [0.0662879475435516, -4.749990500019, 1.3977270185950874, 2.795454037190175]),
    (
        {"rule": "z_plus"},
        {"bias": "drop"},
        [0.019737035318321466, -4.749990500019, 1.6184207121114289, 3.2368414238228578],
    ),
    (
        {"rule": "alpha_beta", "alpha": 1, "beta": 0},
        {},
        [0.0662879475435516, -4.749990500019, 1.3977270185950874, 2.795454037190175],
    ),
    (
        {"rule": "alpha_beta"},
        {},
        [1.0373376275134398, -14.482110272183242, 5.616882030387587, 6.495669806806687],
    ),
    (
        {"rule": "gamma"},
        {},
        [-0.36935125417759623, -0.35846531212369315, -1.8006872831220755, 1.9773490325976408],
    ),
    (
        {"rule": "gamma"},
        {"bias": "drop"},
        [-0.5341610810103048, -0.19561982256731664, -1.567666023731189, 2.422447042573613],
    ),
    (
        {"rule": "gamma", "gamma": 0.5},
        {},
        [-0.4998319511694492, -0.25534677045527227, -1.6840189411885764, 1.9624694927709574],
    ),
    (
        {"rule": "z_box"},
        {"low": -3, "high": 3},
        [-0.8135817383524807, -1.329418772099006, -0.0521438608285032, 2.3201445801609397],
    ),
    (
        {"rule": "w_square"},
        {},
        [-0.7257465831859167, -0.28464553615665555, -1.8663348303815805, 2.4104721816176182],
    ),
    (
        {"rule": "w_square"},
        {"bias": "drop"},
        [-0.7249576479581338, -0.20652461167927527, -1.7293239693870224, 2.7858057140630446],
    ),
    ({"rule": "flat"}, {}, [0.031249992187502018] * 4),
]


def explain(proto, x, rule, params, weights=None):
    compiled = explainers.compile(explainers.load(proto), "lrp", {"composite": [rule], **params})
    weights = np.ones_like(run(proto, x=x)["y"]) if weights is None else weights
    return run(compiled, x=x, target_weights=weights)


@pytest.mark.parametrize(("rule", "params", "expected"), GOLDEN, ids=lambda v: str(v)[:48])
def test_golden_numbers(rule, params, expected):
    proto = model(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
        (4,),
        {"w": np.array(W, float), "b": np.array(B)},
    )
    found = explain(proto, np.array([X]), rule, params)
    np.testing.assert_allclose(found["attribution.x"][0], expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("bias", ["keep", "drop", "none"])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("rule", RULES)
def test_rule_equals_its_second_writing(rule, operator, bias):
    spec = OPERATORS[operator]
    proto = linear(**spec, bias=bias != "none")
    x = np.random.default_rng(5).normal(size=(2, *spec["shape"]))
    w, b, reach = written_out(proto, spec["shape"])
    params = {"low": -3, "high": 3} if rule == "z_box" else {"epsilon": 0.25} if "0.25" in rule else {}
    keep = {"bias": "drop"} if bias == "drop" else {}
    z = run(proto, x=x)["y"]
    weights = np.random.default_rng(7).normal(size=z.shape).astype(z.dtype)
    found = explain(proto, x, {"rule": rule.split()[0]}, params | keep, weights)["attribution.x"]
    for item in range(2):
        b_kept = np.zeros_like(b) if bias == "drop" else b
        expected = hand_back(
            rule, w, b_kept, x[item].ravel(), (weights * z)[item].ravel(), reach, z[item].ravel()
        )
        tolerance = 1e-9 if z.dtype == np.float64 else 1e-4
        np.testing.assert_allclose(
            found[item].ravel(), expected, rtol=tolerance, atol=tolerance * abs(expected).max()
        )


def written_out(proto, shape):
    """Return the operator as a dense matrix, its bias, and which inputs each output sees (and how often)."""
    w, b = dense(lambda x: run(proto, x=x)["y"].astype(float), shape)
    ones = type(proto)()
    ones.CopyFrom(proto)
    for array in ones.graph.initializer:
        kernel = numpy_helper.to_array(array)
        array.CopyFrom(numpy_helper.from_array(np.ones_like(kernel) * (array.name == "w"), array.name))
    for node in ones.graph.node:
        kept = [a for a in node.attribute if a.name not in ("alpha", "beta")]
        del node.attribute[:]
        node.attribute.extend(kept)
    return w, b, dense(lambda x: run(ones, x=x)["y"], shape)[0]


def test_every_rule_has_a_second_writing():
    assert {r.split()[0] for r in RULES} | {"contrast"} == set(ENGINE_RULES)


@pytest.mark.parametrize(
    ("stabilizer", "expected"),
    [
        ({"epsilon": 0.5}, 2 / (2 + 0.5)),
        ({"epsilon": 0.5, "clip": True}, 1.0),
        ({"epsilon": 3.0, "clip": True}, 2 / 3),
        ({"epsilon": 0.5, "norm_scale": True}, 2 / (2 + 0.5 * np.sqrt((4 + 1) / 2))),
    ],
)
def test_stabilisers(stabilizer, expected):
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"])], (1,), {"w": np.array([[2.0, 1.0]])})
    found = explain(
        proto, np.ones((1, 1)), {"rule": "z_plus", "stabilizer": stabilizer}, {}, np.array([[1.0, 0.0]])
    )
    np.testing.assert_allclose(found["attribution.x"], [[2 * expected]], rtol=1e-12)


def test_an_output_of_exactly_zero_hands_on_nothing_under_gamma_and_at_epsilon_zero():
    proto = model(
        [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Exp", ["z"], ["y"])],
        (2,),
        {"w": np.array([[1.0], [-1.0]])},
    )
    for rule, params in (({"rule": "gamma"}, {}), ({"rule": "epsilon"}, {"epsilon": 0.0})):
        found = explain(proto, np.ones((1, 2)), rule, params)
        np.testing.assert_array_equal(found["attribution.x"], [[0.0, 0.0]])
