"""Every method works behind the walls: nothing that it needs is loaded only when it is first used."""

from __future__ import annotations

import pytest
from reference.small_models import small_inputs, small_model

from explainers.errors import ExplainError, RuntimeFailure
from explainers.registry import methods
from workers.runner.process import Limits, Runner, Watch


@pytest.fixture(scope="module")
def runner():
    runner = Runner(Limits(4 << 30))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("cage") / "image.onnx"
    path.write_bytes(small_model("image").SerializeToString())
    return path


@pytest.mark.parametrize("method", methods())
def test_a_method_needs_no_file(runner, image, method):
    order = {
        "op": "explain", "model": "m", "card": {"inputs": {"input": {"kind": "image", "layout": "NCHW"}}},
        "method": method, "params": {}, "target": {"index": 0}, "seed": 0, "provider": "cpu", "threads": 1,
    }  # fmt: skip
    with image.open("rb") as file:
        found = answered(lambda: runner.call(order, small_inputs("image"), [file.fileno()], watch=Watch(60)))
    # a method may want parameters, or another model; it says so in words, not by what it could not load
    assert not isinstance(found, RuntimeFailure)


@pytest.mark.parametrize("fill", ["blur", "inpaint", "neighbour"])
def test_a_fill_needs_no_file(runner, image, fill):
    order = {
        "op": "explain", "model": "m", "card": {"inputs": {"input": {"kind": "image", "layout": "NCHW"}}},
        "method": "kernel_shap", "params": {"segments": 6, "fill": fill}, "target": {"index": 0}, "seed": 0,
        "provider": "cpu", "threads": 1,
    }  # fmt: skip
    with image.open("rb") as file:
        found = answered(lambda: runner.call(order, small_inputs("image"), [file.fileno()], watch=Watch(60)))
    assert not isinstance(found, ExplainError)


def answered(act):
    try:
        return act()
    except ExplainError as refusal:
        return refusal
