"""Where relevance may flow, what the ledger writes down, and which requests are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import helper
from reference.relevance_models import model, run
from torch import nn

import explainers
from benchmarks.networks import to_onnx
from explainers.errors import InvalidRequest, OperatorsWithoutDerivative, TensorUnknown


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 3),
    ).eval()
    x = np.random.default_rng(0).normal(size=(3, 2, 8, 8)).astype(np.float32)
    return explainers.load(to_onnx(net, torch.from_numpy(x))), x


def lrp(small, **params):
    return explainers.explain(small[0], small[1], "lrp", params, target=1)


def named(small, operator, which=0):
    nodes = [n for n in small[0].prepared_as_declared().graph if n.op_type == operator]
    return nodes[which].outputs[0].name


def unexplained(entries):
    return max(abs(u) / max(s, 1e-30) for e in entries for u, s in zip(e.unexplained, e.size, strict=True))


@pytest.mark.parametrize(
    "composite", ["epsilon", "epsilon_plus_flat", "epsilon_alpha2_beta1", "gamma", "w_square", "flat"]
)
@pytest.mark.parametrize("bias", ["keep", "drop"])
def test_the_ledger_closes(small, composite, bias):
    found = lrp(small, composite=composite, bias=bias, ledger=True).account
    assert unexplained(found.ledger) <= 1e-5
    assert found.ledger[0].relevance_in == pytest.approx(found.score)
    assert found.ledger[-1].relevance_out == pytest.approx(found.attribution_sum, rel=1e-4)


def test_the_books_balance_over_the_whole_graph(small):
    account = lrp(small, composite="epsilon_plus", ledger=True).account
    absorbed = np.sum([v for e in account.ledger for v in e.absorbed.values()], axis=0)
    np.testing.assert_allclose(
        np.array(account.score) - absorbed, account.attribution_sum, rtol=1e-4, atol=1e-4
    )


def test_batches_do_not_change_the_ledger(small):
    together = lrp(small, composite="epsilon_plus", ledger=True).account.ledger
    alone = explainers.explain(
        small[0], small[1][1:2], "lrp", {"composite": "epsilon_plus", "ledger": True}, target=1
    )
    for a, b in zip(together, alone.account.ledger, strict=True):
        assert a.relevance_in[1] == pytest.approx(b.relevance_in[0], rel=1e-4, abs=1e-6)


def test_what_is_blocked_and_what_goes_through_add_up(small):
    where = named(small, "Relu", 1)
    whole = lrp(small, composite="epsilon_plus").attributions["input"]
    closed = lrp(small, composite="epsilon_plus", block=[{"node": where, "channels": [1, 2]}]).attributions[
        "input"
    ]
    open_ = lrp(small, composite="epsilon_plus", through=[{"node": where, "channels": [1, 2]}]).attributions[
        "input"
    ]
    assert np.abs(open_).max() > 0
    np.testing.assert_allclose(closed + open_, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())


def test_a_blocked_node_stops_everything_and_says_so(small):
    found = lrp(small, composite="epsilon", block=[named(small, "Relu", 1)], ledger=True)
    assert not found.attributions["input"].any()
    blocked = [e for e in found.account.ledger if "block" in e.absorbed]
    assert [e.operator for e in blocked] == ["Relu"]
    assert unexplained(found.account.ledger) <= 1e-5


def test_one_neuron(small):
    where = named(small, "Relu", 1)
    inner = lrp(small, composite="epsilon", at=where).attributions[where]
    one = tuple(int(i) for i in np.unravel_index(np.abs(inner[0]).argmax(), inner.shape[1:]))
    found = lrp(
        small,
        composite="epsilon",
        through=[{"node": where, "neurons": [list(one)]}],
        at=named(small, "Relu", 0),
    )
    first = explainers.explain(
        small[0],
        small[1][:1],
        "lrp",
        {"composite": "epsilon", "at": named(small, "Relu", 0)},
        target={"output": where, "weights": one_hot(inner.shape[1:], one)},
    )
    expected = first.attributions[named(small, "Relu", 0)][0]
    score = first.account.score[0]
    received = found.attributions[named(small, "Relu", 0)][0]
    np.testing.assert_allclose(received, expected * inner[0][one] / score, rtol=1e-3, atol=1e-6)


def one_hot(shape, at):
    w = np.zeros(shape)
    w[at] = 1
    return w.tolist()


def test_relevance_of_a_product_with_a_gate_goes_to_the_signal():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("MatMul", ["x", "v"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["o"]),
        helper.make_node("Mul", ["o", "s"], ["y"]),
    ]
    proto = model(nodes, (2,), {"w": np.array([[1.0], [0.0]]), "v": np.array([[0.0], [1.0]])})
    exact = {"composite": "epsilon", "epsilon": 0.0}
    compiled = explainers.compile(explainers.load(proto), "lrp", exact)
    found = run(compiled, x=np.array([[2.0, 3.0]]), target_weights=np.ones((1, 1)))
    np.testing.assert_allclose(found["attribution.x"], [[found["y"].item(), 0.0]])


def test_each_input_has_its_own_first_layer():
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2),
        helper.make_node("MatMul", ["a", "w"], ["p"]),
        helper.make_node("MatMul", ["b", "w"], ["q"]),
        helper.make_node("Add", ["p", "q"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["y"]),
    ]
    proto = explainers.load(model(nodes, (4,), {"w": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}))
    found = explainers.explain(
        proto, np.ones((1, 4), np.float32), "lrp", {"composite": "epsilon_plus_flat"}, target=0
    )
    assert [r.rule for r in found.account.rules if r.operator == "MatMul"] == [
        "flat",
        "flat",
        "epsilon(1e-06)",
    ]


REFUSED = [
    ({"composite": "epsilon_gamma_box"}, InvalidRequest, "/params/low"),
    (
        {"composite": [{"match": {"operator": "LSTM"}, "rule": "epsilon"}]},
        InvalidRequest,
        "/params/composite/0",
    ),
    (
        {"composite": [{"match": {"operator": "MaxPool"}, "rule": "gamma"}]},
        InvalidRequest,
        "/params/composite/0",
    ),
    (
        {"composite": [{"match": {"operator": "MaxPool"}, "rule": "pass"}]},
        InvalidRequest,
        "/params/composite/0",
    ),
    ({"composite": [{"rule": "alpha_beta", "alpha": 3.0, "beta": 1.0}]}, InvalidRequest, "/params"),
    ({"composite": "epsilon", "block": ["nowhere"]}, TensorUnknown, "/params/block/0"),
    (
        {"composite": "epsilon", "block": [{"node": "input", "channels": [9]}]},
        InvalidRequest,
        "/params/block",
    ),
]


@pytest.mark.parametrize(("params", "error", "pointer"), REFUSED, ids=lambda v: str(v)[:50])
def test_refusals_name_the_place(small, params, error, pointer):
    with pytest.raises(error) as e:
        lrp(small, **params)
    assert e.value.pointer == pointer


def test_an_operator_in_no_family_is_refused_by_name():
    proto = explainers.load(model([helper.make_node("Det", ["x"], ["y"], name="volume")], (3, 3), {}))
    with pytest.raises(OperatorsWithoutDerivative, match=r"volume.*Det"):
        explainers.compile(proto, "lrp", {"composite": "epsilon"})


def test_bounds_come_from_the_card_per_channel(small):
    proto = small[0].proto
    card = {"inputs": {"input": {"layout": "NCHW", "low": [-4.0, -5.0], "high": [4.0, 5.0]}}}
    box = explainers.load(proto, card=card)
    by_card = explainers.explain(
        box, small[1], "lrp", {"composite": "epsilon_gamma_box"}, target=1
    ).attributions["input"]
    low, high = (np.array([-4.0, -5.0]).reshape(2, 1, 1) * s for s in (1, -1))
    given = lrp(small, composite="epsilon_gamma_box", low=low.tolist(), high=high.tolist()).attributions[
        "input"
    ]
    np.testing.assert_array_equal(by_card, given)
