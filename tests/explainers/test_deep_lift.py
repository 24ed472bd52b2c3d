"""DeepLIFT: complete everywhere, equal to Captum where that is complete, refused by name elsewhere."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from captum.attr import DeepLift
from reference import layered, networks
from reference.small_models import small_inputs, small_model

import explainers
from explainers.errors import InvalidRequest, OperatorsWithoutDerivative

NETS = {
    "mlp": (networks.mlp, (3, 6)),
    "cnn": (networks.cnn, (3, 3, 16, 16)),
    "residual": (networks.residual, (3, 3, 16, 16)),
    "pooled": (layered.pooled, (3, 3, 12, 12)),
    "product": (layered.Gated, (3, 6)),
    "softmax": (lambda: layered.Inner(1.0), (3, 6)),
    "sharp_softmax": (lambda: layered.Inner(30.0), (3, 6)),
    "attention": (layered.Attentive, (3, 4, 6)),
}


def network(name):
    torch.manual_seed(0)
    build, shape = NETS[name]
    return build().eval(), torch.randn(shape)


def explain(model, x, target=1, **params):
    return explainers.explain(
        explainers.load(networks.exported(model, x)), x.numpy(), "deep_lift", params, target=target
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("baseline", ["zeros", "mean", 0.4, "array"])
def test_the_sum_is_the_score_difference(name, baseline):
    model, x = network(name)
    given = np.random.default_rng(0).normal(size=x.shape[1:]).tolist() if baseline == "array" else baseline
    account = explain(model, x, baseline=given).account
    difference = np.array(account.score) - account.per_item["baseline_score"]

    missed = np.abs(np.array(account.attribution_sum) - difference)
    assert (missed < 1e-4 * np.maximum(np.abs(difference), 0.05)).all(), missed / np.abs(difference)


def test_the_baseline_s_score_is_the_model_s():
    model, x = network("cnn")
    account = explain(model, x, baseline="blur", blur=2.0).account
    from scipy.ndimage import gaussian_filter

    start = torch.from_numpy(gaussian_filter(x.double().numpy(), (0, 0, 2, 2), mode="reflect"))
    np.testing.assert_allclose(
        account.per_item["baseline_score"], model.double()(start)[:, 1].detach(), rtol=1e-4
    )


@pytest.mark.parametrize(("build", "shape"), [(networks.mlp, (3, 6)), (layered.plain, (3, 3, 12, 12))])
@pytest.mark.filterwarnings("ignore:Setting forward", "ignore:Input Tensor")
def test_equals_captum_where_that_is_complete(build, shape):
    torch.manual_seed(0)
    model, x, start = build(), torch.randn(shape), torch.randn(shape[1:])
    found = explain(model, x, baseline=start.numpy()).attributions["input"]
    double = (model[:-1] if isinstance(model[-1], torch.nn.Sigmoid) else model).double()
    theirs = DeepLift(double).attribute(x.double(), start.expand(shape).double(), target=1).detach().numpy()

    assert np.linalg.norm(found - theirs) / np.linalg.norm(theirs) < 1e-5


@pytest.mark.filterwarnings("ignore:Setting forward", "ignore:Input Tensor")
def test_equals_captum_through_a_maximum_from_a_black_image():
    # no maximum is less than the baseline's: elsewhere captum's multipliers are not complete
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(100, 3),
    )
    x = torch.randn(3, 3, 12, 12)
    found = explain(model, x).attributions["input"]
    theirs = DeepLift(model.double()).attribute(x.double(), target=1).detach().numpy()

    assert np.linalg.norm(found - theirs) / np.linalg.norm(theirs) < 1e-5


def test_a_product_is_shared_by_the_means_of_its_factors():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        product (float[N, 1] a, float[N, 1] b) => (float[N, 1] output) { output = Mul (a, b) }
    """)
    )
    inputs = {"a": np.array([[3]], np.float32), "b": np.array([[5]], np.float32)}
    found = explainers.explain(model, inputs, "deep_lift", {"baseline": {"a": 1, "b": -1}}).attributions

    # d(ab) = mean(b) da + mean(a) db = 2 * 2 + 2 * 6
    assert (found["a"].item(), found["b"].item()) == (4, 12)


def test_where_nothing_changes_the_gradient_stands_in():
    model, x = network("mlp")
    found = explain(model, x, baseline=x[0].numpy())

    assert np.isfinite(found.attributions["input"]).all()
    np.testing.assert_allclose(found.attributions["input"][0], 0, atol=1e-6)


def test_a_shift_of_all_logits_counts_for_nothing_in_sum():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        shift (float[N, 3] input) => (float[N, 1] output) <float[3, 1] v = {1, 2, 3}>
        { p = Softmax <axis = 1> (input) output = MatMul (p, v) }
    """)
    )
    x = np.array([[7, 7, 7], [90, 0, 0]], np.float32)
    found = explainers.explain(model, x, "deep_lift").attributions["input"]

    np.testing.assert_allclose(found.sum(1), [0, 1 - 2], atol=1e-5)
    # no value counts for more than the output's range times its share of the softmax's slope
    assert np.abs(found).max() < 10


@pytest.mark.parametrize("distance", [1e-4, 0.05, 0.09, 0.11, 3.0])
def test_softmax_is_complete_near_the_baseline_and_far_from_it(distance):
    torch.manual_seed(0)
    model, x = layered.Inner(1.0).double(), torch.randn(2, 6, dtype=torch.float64)
    moved = x + distance * torch.tensor([1.0, -1, 1, 0, 0.5, 0], dtype=torch.float64)
    loaded = explainers.load(networks.exported(model, x))
    found = [
        explainers.explain(loaded, m.numpy(), "deep_lift", {"baseline": x[0].tolist()}, target=0).account
        for m in (moved, x)
    ]

    difference = abs(found[0].score[0] - found[0].per_item["baseline_score"][0])
    assert abs(found[0].per_item["delta"][0]) < 2e-7 * difference + 1e-13
    assert found[1].per_item["delta"][0] == pytest.approx(0, abs=1e-13)


def test_tokens_are_compared_with_the_mean_embedding():
    account = explainers.explain(
        explainers.load(small_model("tokens")),
        small_inputs("tokens"),
        "deep_lift",
        {"baseline": "mean"},
        target=0,
    ).account

    np.testing.assert_allclose(account.per_item["delta"], 0, atol=1e-6)


def test_other_functions_of_several_values_are_refused_by_name():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        several (float[N, 4] input) => (float[N, 4] output) <int64[1] one = {1}> {
            greatest = ReduceMax <keepdims = 1> (input, one)
            either = Max (greatest, input)
            power = Pow (either, input)
            output = Relu (power)
        }
    """)
    )
    with pytest.raises(OperatorsWithoutDerivative) as refused:
        explainers.explain(model, np.ones((1, 4), np.float32), "deep_lift")

    assert [n["operator"] for n in refused.value.extra["nodes"]] == ["ReduceMax", "Max", "Pow"]
    assert {"gradient", "occlusion"} <= set(refused.value.extra["methods"])


def test_a_condition_on_the_input_is_refused():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        decides (float[N, 4] input) => (float[N, 4] output) <float zero = {0}> {
            positive = Greater (input, zero)
            output = Where (positive, input, zero)
        }
    """)
    )
    with pytest.raises(OperatorsWithoutDerivative, match="Where"):
        explainers.explain(model, np.ones((1, 4), np.float32), "deep_lift")


@pytest.mark.parametrize("baseline", [[1, 2], {"other": 0}, {"input": "nothing"}, "black"])
def test_a_baseline_that_does_not_fit_is_refused(baseline):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(
            explainers.load(small_model("smooth")),
            small_inputs("smooth"),
            "deep_lift",
            {"baseline": baseline},
        )

    assert all(e["pointer"].startswith("/params/baseline") for e in refused.value.to_json()["errors"])


def test_quantised_networks_are_complete():
    """The rounding steps between quantiser and dequantiser are secants too."""
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        quantised (float[N, 2] input) => (float[N, 1] output)
        <float s = {0.1}, int8 z = {3}, float[2, 1] w = {1, -2}> {
            steps = QuantizeLinear (input, s, z)
            back = DequantizeLinear (steps, s, z)
            active = Relu (back)
            output = MatMul (active, w)
        }
    """)
    )
    x = np.array([[0.33, -0.71], [50, 0.04], [1.2, 3.4]], np.float32)
    account = explainers.explain(model, x, "deep_lift").account

    np.testing.assert_allclose(account.per_item["delta"], 0, atol=1e-5)
    np.testing.assert_allclose(account.attribution_sum, [0.3, 12.4, 1.2 - 6.8], rtol=1e-4)


def test_small_differences_at_a_steep_place_are_not_lost():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        root (float[N, 1] input) => (float[N, 1] output) { output = Sqrt (input) }
    """)
    )
    found = explainers.explain(model, np.array([[1e-8]], np.float32), "deep_lift").attributions["input"]

    np.testing.assert_allclose(found, 1e-4, rtol=1e-5)


def test_compiles_to_one_plain_graph():
    graph = explainers.compile(explainers.load(small_model("image")), "deep_lift")

    onnx.checker.check_model(graph, full_check=True)
    assert [o.name for o in graph.graph.output] == ["output", "attribution.input"]
    assert {i.name for i in graph.graph.input} == {"input", "target_weights"}
