"""Activations, weights and maps of data sets against bare onnxruntime, closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from reference.small_models import CARDS, HEAD, small_inputs, small_model
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch import nn

import explainers
from benchmarks.networks import to_onnx
from explainers.errors import InvalidRequest, ResourceLimit, TensorUnknown


@pytest.fixture(scope="module")
def all_digits():
    found = load_digits()
    return (found.images[:, None] / 16).astype(np.float32), found.target


# ---- activations


def bare(proto, names, feeds):
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    there = {o.name for o in out.graph.output}
    out.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in there)
    return ort.InferenceSession(out.SerializeToString()).run(names, feeds)


def test_activations_are_the_deployed_model_s_own_values(digits, digit_images):
    names = ["conv0", "relu0", "pool1", "logits"]
    found = explainers.explain(digits, digit_images, "activations", {"layer": names})

    for name, expected in zip(names, bare(digits.proto, names, {"input": digit_images}), strict=True):
        np.testing.assert_allclose(found.arrays[f"activation.{name}"], expected, rtol=1e-5, atol=1e-6)
    assert found.account.facts["unit_axis"] == dict.fromkeys(names, 1)


def test_by_default_each_layer_with_weights_gives_what_it_answers(digits, digit_images):
    arrays = explainers.explain(digits, digit_images, "activations").arrays

    assert [n for n in arrays if n.startswith("activation.")] == [
        f"activation.{n}" for n in ("relu0", "relu1", "logits")
    ]


def test_items_come_first_wherever_the_model_has_them():
    model, feeds = explainers.load(small_model("series"), CARDS["series"]), small_inputs("series", items=3)
    found = explainers.explain(model, feeds, "activations", {"layer": ["hidden", "input"]}).arrays
    (expected,) = bare(model.proto, ["hidden"], feeds)

    np.testing.assert_allclose(found["activation.hidden"], expected.transpose(1, 0, 2), rtol=1e-5)
    np.testing.assert_array_equal(found["activation.input"], feeds["input"].transpose(1, 0, 2))


def test_a_model_of_one_item_gives_each_item_s_values():
    model = explainers.load(
        onnx.parser.parse_model(f"""{HEAD} one (float[1, 4] input) => (float[1, 2] output)
        <int64[2] shape = {{2, 2}}, int64[1] axis = {{1}}> {{
            square = Reshape (input, shape)
            mean = ReduceMean <keepdims = 0> (square, axis)
            axes = Constant <value_ints = [0]> ()
            output = Unsqueeze (mean, axes)
        }}""")
    )
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = explainers.explain(model, x, "activations", {"layer": "square"}).arrays["activation.square"]

    np.testing.assert_array_equal(found.reshape(3, 4), x)


def test_a_node_is_a_name_of_what_it_gives(digits, digit_images):
    model = explainers.load(to_onnx(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.rand(2, 4)))
    node = model.proto.graph.node[0]
    x = np.ones((1, 4), np.float32)

    assert node.name != node.output[0]
    by_node, by_tensor = (
        explainers.explain(model, x, "activations", {"layer": n}).arrays[f"activation.{node.output[0]}"]
        for n in (node.name, node.output[0])
    )
    np.testing.assert_array_equal(by_node, by_tensor)


@pytest.mark.parametrize("layer", ["nowhere", ["relu0", "nowhere"]])
def test_a_layer_that_does_not_exist_is_refused_with_those_that_do(digits, digit_images, layer):
    with pytest.raises(TensorUnknown, match=r"no layer 'nowhere'.* give: relu0, relu1, logits") as e:
        explainers.explain(digits, digit_images, "activations", {"layer": layer})

    assert e.value.pointer == ("/params/layer" if layer == "nowhere" else "/params/layer/1")


def test_a_shape_is_no_layer_of_items():
    model = explainers.load(
        onnx.parser.parse_model(f"""{HEAD} g (float[N, 2] input) => (float[N, 2] output) <float[2] w = {{1, 2}}> {{
            scale = Exp (w)
            output = Mul (input, scale)
        }}""")
    )
    with pytest.raises(InvalidRequest, match="no axis of items"):
        explainers.explain(model, np.ones((2, 2), np.float32), "activations", {"layer": "scale"})


# ---- filters


def filters(model, **params):
    return explainers.explain(model, None, "filters", params)


def test_filters_are_the_weights_outputs_first(digits):
    weights = {t.name: numpy_helper.to_array(t) for t in digits.proto.graph.initializer}
    nodes = {n.name: n for n in digits.proto.graph.node if n.op_type in ("Conv", "Gemm")}
    found = filters(digits)

    assert sorted(found.arrays) == sorted(f"filter.{n}" for n in nodes)
    for name, node in nodes.items():
        w = weights[node.input[1]]
        turned = node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        np.testing.assert_array_equal(found.arrays[f"filter.{name}"], w.T if turned else w)
    assert found.account.items == 0
    assert found.inputs is None


def test_transposed_and_grouped_convolutions_have_their_outputs_first():
    torch.manual_seed(0)
    up = nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False)
    found = filters(explainers.load(to_onnx(up, torch.rand(2, 4, 5, 5)))).arrays["filter./ConvTranspose"]

    # what an output channel makes of an impulse in one input channel is its kernel
    for i in range(4):
        x = torch.zeros(1, 4, 1, 1)
        x[0, i] = 1
        kernels = up(x)[0].detach().numpy()
        mine = found[:, i % 2]
        group = slice(3 * (i // 2), 3 * (i // 2) + 3)
        np.testing.assert_allclose(mine[group], kernels[group], atol=1e-6)


def test_a_dense_layer_at_the_input_is_shown_in_the_input_s_shape():
    network = nn.Sequential(nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 2))
    found = filters(explainers.load(to_onnx(network, torch.rand(2, 1, 4, 6))))
    first, second = found.arrays.values()

    np.testing.assert_array_equal(first, network[1].weight.detach().numpy().reshape(5, 1, 4, 6))
    np.testing.assert_array_equal(second, network[3].weight.detach().numpy())
    assert [v["reads"] for v in found.account.facts["layers"].values()] == ["input", ""]


def test_a_linear_model_says_how_much_each_value_counts():
    network = nn.Linear(4, 3)
    found = filters(explainers.load(to_onnx(network, torch.rand(2, 4)))).arrays

    np.testing.assert_array_equal(found["importance.input"], np.abs(network.weight.detach().numpy()))


def test_one_of_several_is_given_by_node_or_tensor(digits):
    tensor = next(n.output[0] for n in digits.proto.graph.node if n.name == "conv1")

    for name in ("conv1", tensor):
        assert list(filters(digits, layer=name).arrays) == ["filter.conv1"]


def test_weights_that_do_not_exist_are_refused_with_those_that_do(digits):
    with pytest.raises(TensorUnknown, match="'relu0'; there are: conv0, conv1, logits") as e:
        filters(digits, layer="relu0")
    assert e.value.pointer == "/params/layer"


def test_a_model_without_weights_is_told_so():
    proto = onnx.parser.parse_model(f"{HEAD} g (float[N] x) => (float[N] y) {{ y = Tanh (x) }}")
    with pytest.raises(InvalidRequest, match="no convolution or dense layer"):
        filters(explainers.load(proto))


# ---- maps of data sets


def agreement(points, labels, k=10):
    """The mean share of an item's nearest neighbours that have its label."""
    near = NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    return (labels[near] == labels[:, None]).mean()


def test_neighbours_in_a_map_of_the_digits_have_the_same_label(digits, all_digits):
    x, y = all_digits
    found = explainers.explain(digits, x, "embedding_map", {"labels": y})

    assert found.arrays["map"].shape == (1797, 2)
    assert agreement(found.arrays["map"], y) >= 0.9
    np.testing.assert_array_equal(found.arrays["label"], y)


def test_principal_components_are_scikit_learn_s(digits, all_digits):
    x = all_digits[0][:300]
    found = explainers.explain(digits, x, "embedding_map", {"layer": "relu1", "method": "pca"})
    values = bare(digits.proto, ["relu1"], {"input": x})[0].reshape(300, -1)
    theirs = PCA(2, svd_solver="full").fit(values)

    expected = theirs.transform(values)
    signs = np.sign((expected * found.arrays["map"]).sum(0))
    np.testing.assert_allclose(found.arrays["map"] * signs, expected, atol=1e-3)
    np.testing.assert_allclose(
        found.account.facts["explained_variance_ratio"], theirs.explained_variance_ratio_, rtol=1e-4
    )


def test_a_seed_gives_the_same_map_and_the_model_s_classes_are_its_labels(digits, all_digits):
    x = all_digits[0][:120]
    first, again = (explainers.explain(digits, x, "embedding_map", seed=7).arrays for _ in range(2))

    np.testing.assert_array_equal(first["map"], again["map"])
    np.testing.assert_array_equal(first["label"], first["output.logits"].argmax(1))


def test_labels_may_be_words(digits, all_digits):
    x, y = all_digits
    params = {"method": "pca", "labels": [f"digit {v}" for v in y[:20]]}
    found = explainers.explain(digits, x[:20], "embedding_map", params).arrays["label"]

    assert list(found[:2]) == ["digit 0", "digit 1"]
    assert found.dtype.kind == "U"


@pytest.mark.parametrize(
    ("params", "items", "pointer"),
    [
        ({}, 20, "/params/perplexity"),
        ({"perplexity": 2}, 3, "/inputs"),
        ({"labels": [1, 2]}, 20, "/params/labels"),
        ({"layer": "elsewhere"}, 20, "/params/layer"),
        ({"method": "umap"}, 20, "/params/method"),
    ],
)
def test_what_cannot_be_mapped_is_refused_at_its_place(digits, all_digits, params, items, pointer):
    with pytest.raises(InvalidRequest) as e:
        explainers.explain(digits, all_digits[0][:items], "embedding_map", params)

    assert {f["pointer"] for f in e.value.to_json()["errors"]} == {pointer}


def test_more_than_fits_is_refused_before_it_is_read():
    model = explainers.load(
        onnx.parser.parse_model(f"""{HEAD} wide (float[N, 1] input) => (float[N, 1] output)
        <int64[2] many = {{1, 1000000}}, int64[1] one = {{1}}> {{
            tall = Expand (input, many)
            output = ReduceMean <keepdims = 1> (tall, one)
        }}""")
    )
    with pytest.raises(ResourceLimit, match="tall of 300 items take"):
        explainers.explain(model, np.ones((300, 1), np.float32), "activations", {"layer": "tall"})
