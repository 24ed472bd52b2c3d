"""Occlusion against a loop that covers one patch at a time."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest

import explainers
from explainers.errors import InvalidRequest
from explainers.runtime import Session


def brute_force(model, x, window, stride, fill, index):
    """The slow writing of Zeiler & Fergus: every patch its own run."""
    session = Session(model.proto.SerializeToString())
    score = lambda a: session.run({"input": a[None]})["logits"][0, index]  # noqa: E731
    total, count = np.zeros(x.shape), np.zeros(x.shape)
    for i, j in itertools.product(
        range(0, x.shape[1] - window + stride, stride), range(0, x.shape[2] - window + stride, stride)
    ):
        covered = x.copy()
        covered[:, i : i + window, j : j + window] = fill
        total[:, i : i + window, j : j + window] += score(x) - score(covered)
        count[:, i : i + window, j : j + window] += 1
    return total / np.maximum(count, 1)


@pytest.mark.parametrize(("window", "stride", "fill"), [(1, 1, 0.0), (3, 2, 0.5), (3, 1, 0.0), (4, 4, -1.0)])
def test_occlusion_equals_a_loop(digits, digit_images, window, stride, fill):
    params = {"window": window, "stride": stride, "fill": fill}
    found = explainers.explain(digits, digit_images[:2], "occlusion", params, target=3).attributions["input"]
    for x, r in zip(digit_images, found, strict=False):
        np.testing.assert_allclose(r, brute_force(digits, x, window, stride, fill, 3), atol=2e-5)


def test_channels_apart_explain_each_channel(colour_model):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    apart = explainers.explain(
        colour_model, x, "occlusion", {"window": 4, "stride": 4, "channels": "each"}
    ).attributions["input"]

    # the model sums channel 1 alone
    np.testing.assert_allclose(apart[:, 1, 0, 0], x[:, 1].sum((1, 2)), rtol=1e-5)
    assert not apart[:, [0, 2]].any()


def test_evaluations_are_counted_and_estimated(digits, digit_images):
    from explainers.signature import evaluations, read_request

    request = {"method": "occlusion", "params": {"window": 3, "stride": 2}}
    account = explainers.explain(digits, digit_images, **request).account
    estimate = evaluations(read_request(request), {"input": digit_images})

    assert account.model_evaluations == estimate * len(digit_images)


@pytest.mark.parametrize("params", [{"window": 9}, {"window": [2]}, {"stride": 0}, {"fill": [1.0, 2.0, 3.0]}])
def test_what_does_not_fit_the_input_is_refused(digits, digit_images, params):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(digits, digit_images, "occlusion", params)

    assert refused.value.pointer == f"/params/{next(iter(params))}"


def test_columns_of_a_table_are_covered_one_by_one():
    w = np.random.default_rng(0).normal(size=(40, 1)).astype("f4")
    graph = onnx.parser.parse_graph("g (float[N, 40] input) => (float[N, 1] y) { y = MatMul (input, w) }")
    graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    x = np.random.default_rng(1).normal(size=(3, 40)).astype("f4")
    table = explainers.load(model.SerializeToString(), {"inputs": {"input": {"kind": "tabular"}}})
    found = explainers.explain(table, x, "occlusion").attributions["input"]

    np.testing.assert_allclose(found, x * w.T, atol=1e-5)
