"""The backward methods against PyTorch's autograd, in float64 and on the runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from reference import networks

import explainers
import explainers.errors


def without_softmax(model, x):
    """Logits: a final Softmax or Sigmoid is peeled."""
    last = isinstance(model[-1], torch.nn.Softmax | torch.nn.Sigmoid)
    return (model[:-1] if last else model)(x)


def torch_gradient(model, x, index):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(without_softmax(model, leaf)[:, index].sum(), leaf)[0].numpy()


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("name", networks.BUILD)
def test_gradient_equals_autograd_in_float64(name):
    model, x = networks.network(name)
    graph = explainers.compile(explainers.load(networks.exported(model, x)), "gradient")
    weights = np.zeros((3, {"mlp": 4}.get(name, 5)))
    weights[:, 2] = 1
    feeds = {"input": x.numpy(), "target_weights": weights}
    found = ReferenceEvaluator(graph).run(["attribution.input"], feeds)[0]

    assert distance(found, torch_gradient(model, x, 2)) < 1e-6


@pytest.mark.parametrize("name", networks.BUILD)
def test_gradient_on_the_runtime_in_float32(name):
    model, x = networks.network(name)
    loaded = explainers.load(networks.exported(model.float(), x.float()))
    found = explainers.explain(loaded, {"input": x.float().numpy()}, "gradient", target=1).attributions[
        "input"
    ]

    assert distance(found, torch_gradient(model, x.float(), 1)) < 1e-4


def test_sensitivity_and_input_x_gradient_are_functions_of_the_gradient(digits, digit_images):
    def run(method, **params):
        return explainers.explain(digits, digit_images, method, params).attributions["input"]

    g = run("gradient")

    np.testing.assert_array_equal(run("sensitivity"), g * g)
    np.testing.assert_array_equal(run("sensitivity", absolute=True), np.abs(g))
    np.testing.assert_array_equal(run("input_x_gradient"), digit_images * g)


def test_sensitivity_sums_to_the_squared_norm(digits, digit_images):
    g = explainers.explain(digits, digit_images, "gradient").attributions["input"]
    account = explainers.explain(digits, digit_images, "sensitivity").account

    np.testing.assert_allclose(account.attribution_sum, (g.astype(float) ** 2).sum((1, 2, 3)), rtol=1e-5)


def test_a_second_explanation_builds_nothing(digits, digit_images):
    explainers.explain(digits, digit_images, "gradient", {"at": None}, target={"index": 4})
    built = digits.builds
    explainers.explain(digits, digit_images, "gradient", target={"index": 5})

    assert digits.builds == built


def test_at_attributes_to_an_inner_tensor(digits, digit_images):
    inner = next(n for n, s in digits.describe().tensors.items() if len(s.shape or []) == 4)
    result = explainers.explain(digits, digit_images, "gradient", {"at": inner})

    assert list(result.attributions) == [inner]
    assert "input" in result.account.held_fixed


def test_a_target_before_the_explained_tensor_is_refused(digits, digit_images):
    first, last = (list(digits.describe().tensors)[i] for i in (0, -1))
    with pytest.raises(explainers.errors.InvalidRequest, match="does not depend"):
        explainers.explain(digits, digit_images, "gradient", {"at": last}, target={"output": first})


def test_an_inner_tensor_keeps_its_value_though_a_batch_norm_behind_it_could_be_merged():
    model, x = networks.network("cnn")
    data = networks.exported(model, x)
    convolution = next(n.output[0] for n in onnx.load_from_string(data).graph.node if n.op_type == "Conv")
    graph = explainers.compile(explainers.load(data), "gradient", target={"output": convolution})
    inner = model[0](x).detach().numpy()
    weights = {"input": x.numpy(), "target_weights": inner}
    found = ReferenceEvaluator(graph).run(["attribution.input"], weights)[0]
    leaf = x.clone().requires_grad_()
    truth = torch.autograd.grad((model[0](leaf) * torch.from_numpy(inner)).sum(), leaf)[0].numpy()

    assert distance(found, truth) < 1e-9
