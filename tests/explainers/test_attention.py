"""Attention maps of every kind against the networks' own; rollout and gradient weighting against numpy writings."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from reference.attending import NETWORKS, SelfAttention

import explainers
from benchmarks.networks import to_onnx
from explainers.errors import InvalidRequest
from explainers.runtime import Session

MS = "com.microsoft"


def built(name):
    build, shape = NETWORKS[name]
    torch.manual_seed(3)
    network, x = build().eval(), torch.randn(shape)
    network(x)
    return network, x


def maps_of(found):
    return [a for n, a in found.arrays.items() if n.startswith("attention.")]


def attention(model, x, target=0, **params):
    return explainers.explain(model, x, "attention", params, target=target)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_maps_are_the_network_s_own(name):
    network, x = built(name)
    found = attention(explainers.load(to_onnx(network, x)), x.numpy())

    given = maps_of(found)
    assert len(given) == len(network.maps)
    for ours, theirs in zip(given, network.maps, strict=True):
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)
        np.testing.assert_allclose(ours.sum(-1), 1, atol=1e-5)


# ---- the block in numpy


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def block(x, w, b, heads):
    """Vaswani et al. (2017), equation 1, head by head; returns the weights and what they read."""
    n, t, width = x.shape
    size = width // heads
    q, k, v = np.split(x @ w + b, 3, axis=-1)
    weights, read = np.zeros((n, heads, t, t)), np.zeros((n, t, width))
    for i in range(n):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            weights[i, h] = softmax(q[i, :, part] @ k[i, :, part].T / np.sqrt(size))
            read[i, :, part] = weights[i, h] @ v[i, :, part]
    return weights, read


def written(network, x):
    """The maps of both layers of `SelfAttention`."""
    x, maps = x.double().numpy(), []
    for layer in network.qkv:
        w, b = layer.weight.double().T.detach().numpy(), layer.bias.double().detach().numpy()
        weights, read = block(x, w, b, network.heads)
        maps.append(weights)
        x = x + read
    return maps


def rolled(maps, join=np.mean):
    """Abnar & Zuidema (2020), equations 1 and 2."""
    total = None
    for w in maps:
        a = join(w, axis=1) + np.eye(w.shape[-1])
        a = a / a.sum(-1, keepdims=True)
        total = a if total is None else a @ total
    return total


def chefer(maps, slopes):
    """Chefer et al. (2021), equations 5 and 6."""
    total = np.eye(maps[0].shape[-1])[None]
    for a, g in zip(maps, slopes, strict=True):
        total = total + np.maximum(a * g, 0).mean(1) @ total
    return total


@pytest.fixture(scope="module")
def transformer():
    torch.manual_seed(1)
    network, x = SelfAttention().eval(), torch.randn(3, 6, 8)
    return network, x, explainers.load(to_onnx(network, x))


def test_maps_equal_a_numpy_writing_of_the_block(transformer):
    network, x, model = transformer
    for ours, theirs in zip(maps_of(attention(model, x.numpy())), written(network, x), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(("reduce", "join"), [("mean", np.mean), ("max", np.max), ("min", np.min)])
def test_rollout_is_the_paper_s(transformer, reduce, join):
    network, x, model = transformer
    found = attention(model, x.numpy(), reduce=reduce).arrays["rollout"]

    np.testing.assert_allclose(found, rolled(written(network, x), join), atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)


def test_gradient_weighted_maps_are_chefer_s(transformer):
    network, x, model = transformer
    target = torch.tensor([2, 0, 1])
    found = attention(model, x.numpy(), {"index": target.tolist()}, gradient=True).arrays
    double = SelfAttention().double()
    double.load_state_dict(network.state_dict())
    score = double(x.double()).gather(1, target[:, None]).sum()
    slopes = [g.numpy() for g in torch.autograd.grad(score, double.maps)]
    maps = written(network, x)

    ours = [a for n, a in found.items() if n.startswith("weighted.")]
    for mine, a, g in zip(ours, maps, slopes, strict=True):
        np.testing.assert_allclose(mine, np.maximum(a * g, 0), atol=1e-6)
    np.testing.assert_allclose(found["weighted_rollout"], chefer(maps, slopes), atol=1e-5)


def test_an_item_looks_where_it_looks_alone(transformer):
    _, x, model = transformer
    both = attention(model, x.numpy(), gradient=True).arrays
    alone = [attention(model, x[i : i + 1].numpy(), gradient=True).arrays for i in range(3)]
    for n, a in both.items():
        np.testing.assert_allclose(a, np.concatenate([one[n] for one in alone]), atol=1e-6, err_msg=n)


def test_the_maps_are_compiled_into_a_graph(transformer):
    _, x, model = transformer
    graph = explainers.compile(model, "attention", {"layer": "/Softmax"})
    session = Session(graph.SerializeToString())
    found = session.run({"input": x[:2].numpy(), "target_weights": np.zeros((2, 3), np.float32)})

    np.testing.assert_allclose(
        found["attention./Softmax"], maps_of(attention(model, x[:2].numpy()))[0], atol=1e-6
    )


# ---- fused operators


def fused(domain, operator, inputs, weights, output, **attributes):
    node = helper.make_node(
        operator, [*inputs, *weights], ["mixed"], name="attend", domain=domain, **attributes
    )
    last = helper.make_node("ReduceMean", ["mixed", "axes"], ["y"], keepdims=0, name="mean")
    constants = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1]), "axes"))
    graph = helper.make_graph(
        [node, last], "fused",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *s]) for n, s in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", output])], constants,
    )  # fmt: skip
    sets = [helper.make_opsetid("", 23), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return explainers.load(helper.make_model(graph, opset_imports=sets, ir_version=10))


def test_fused_attention_shows_its_map_under_its_own_name():
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(8, 24)).astype(np.float32) / 2, rng.normal(size=24).astype(np.float32)
    x = rng.normal(size=(2, 5, 8)).astype(np.float32)
    model = fused(MS, "Attention", {"x": [5, 8]}, {"w": w, "b": b}, 8, num_heads=2)

    np.testing.assert_allclose(
        attention(model, x).arrays["attention.attend"], block(x, w, b, 2)[0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("domain", "operator", "attributes"),
    [(MS, "MultiHeadAttention", {"num_heads": 2}), ("", "Attention", {"q_num_heads": 2, "kv_num_heads": 2})],
)
def test_fused_products_of_projections_show_their_map(domain, operator, attributes):
    rng = np.random.default_rng(1)
    feeds = {n: rng.normal(size=(2, t, 8)).astype(np.float32) for n, t in (("q", 3), ("k", 5), ("v", 5))}
    shapes = {n: list(a.shape[1:]) for n, a in feeds.items()}
    model = fused(domain, operator, shapes, {}, 8, **attributes)
    q, k = (feeds[n].reshape(2, -1, 2, 4).transpose(0, 2, 1, 3) for n in "qk")

    found = attention(model, feeds).arrays
    np.testing.assert_allclose(found["attention.attend"], softmax(q @ k.transpose(0, 1, 3, 2) / 2), atol=1e-5)
    assert "rollout" not in found


# ---- what is asked for and what there is


def test_one_of_several_is_given_by_name(transformer):
    _, x, model = transformer
    found = attention(model, x.numpy(), layer="/Softmax_1")

    assert [n for n in found.arrays if n.startswith("attention.")] == ["attention./Softmax_1"]
    assert found.account.facts["attentions"] == ["/Softmax", "/Softmax_1"]


def test_an_attention_that_does_not_exist_is_refused_with_those_that_do(transformer):
    _, x, model = transformer
    with pytest.raises(InvalidRequest, match="no attention 'layer 3'; it has: /Softmax, /Softmax_1") as e:
        attention(model, x.numpy(), layer="layer 3")
    assert e.value.pointer == "/params/layer"


def test_a_model_without_attention_is_told_so(digits, digit_images):
    with pytest.raises(InvalidRequest, match="has no attention"):
        attention(digits, digit_images)


@pytest.mark.parametrize("name", ["additive", "decoder", "memory"])
def test_no_rollout_is_made_of_what_is_no_self_attention(name):
    network, x = built(name)
    model = explainers.load(to_onnx(network, x))
    found = attention(model, x.numpy())
    assert "rollout" not in found.arrays
    assert "as many queries as keys" in found.account.facts["rolled_out"]

    with pytest.raises(InvalidRequest, match="no rollout") as e:
        attention(model, x.numpy(), rollout=True)
    assert e.value.pointer == "/params/rollout"


def test_a_loop_s_turns_each_have_their_map():
    rng = np.random.default_rng(0)
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        reads (float[N, 4, 6] memory, float[N, 3, 6] asked) => (float[N, 3, 6] output) {
            output = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], body = turn
                (float[N, 6] query) => (float[N, 6] read) <int64[1] last = {2}, int64[1] steps = {1}> {
                    column = Unsqueeze (query, last)
                    scores = MatMul (memory, column)
                    weights = Softmax <axis = 1> (scores)
                    weighted = Mul (memory, weights)
                    read = ReduceSum <keepdims = 0> (weighted, steps)
                }> (asked)
        }""")
    )
    memory, asked = (
        rng.normal(size=(2, 4, 6)).astype(np.float32),
        rng.normal(size=(2, 3, 6)).astype(np.float32),
    )
    given = maps_of(attention(model, {"memory": memory, "asked": asked}, {"index": {"at": [0, 0]}}))

    assert len(given) == 3
    for turn, found in enumerate(given):
        expected = softmax((memory @ asked[:, turn, :, None])[..., 0])
        np.testing.assert_allclose(found[:, 0, 0], expected, atol=1e-5)
