"""The work of these tests: models, inputs, requests, and what the right results are."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.parser
from onnx import numpy_helper

import explainers
from explainers import tensors

GEMM = """<ir_version: 9, opset_import: ["" : 17]> mlp (float[N, %d] input) => (float[N, 3] logits) {
    hidden = Gemm (input, w, b)
    active = Relu (hidden)
    logits = Gemm (active, v, c)
}"""
# as many floats as its input says: what is harmless for 1 brings the runner down for a thousand million
GREEDY = """<ir_version: 9, opset_import: ["" : 17]> greedy (float[N, 1] input) => (float[N, 1] logits) {
    most = ReduceMax <keepdims = 0> (input)
    count = Cast <to = 7> (most)
    axis = Constant <value_ints = [0]> ()
    shape = Unsqueeze (count, axis)
    ones = ConstantOfShape <value = float[1] {1.0}> (shape)
    sum = ReduceSum <keepdims = 0> (ones)
    logits = Mul (input, sum)
}"""
SLOW_INPUTS = np.random.default_rng(1).normal(size=(60, 64)).astype("f4")


class Mlp:
    """Gemm, Relu, Gemm, and its gradient written out."""

    def __init__(self, inputs: int = 4, hidden: int = 8) -> None:
        rng = np.random.default_rng(0)
        shapes = {"w": (inputs, hidden), "b": (hidden,), "v": (hidden, 3), "c": (3,)}
        self.weights = {n: rng.normal(size=s).astype("f4") for n, s in shapes.items()}

    def bytes(self) -> bytes:
        """Return it as ONNX."""
        model = onnx.parser.parse_model(GEMM % len(self.weights["w"]))
        model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in self.weights.items())
        return model.SerializeToString()

    def gradient(self, x: np.ndarray, index: int) -> np.ndarray:
        """Return the gradient of one logit."""
        open_ = x @ self.weights["w"] + self.weights["b"] > 0
        return (open_ * self.weights["v"][:, index]) @ self.weights["w"].T


def greedy_bytes() -> bytes:
    """Return the model that takes what it is told to take."""
    return onnx.parser.parse_model(GREEDY).SerializeToString()


SMALL, SLOW = Mlp(), Mlp(64, 4096)


def small_inputs(seed: int) -> np.ndarray:
    """Return the inputs of a small job."""
    return np.random.default_rng(seed).normal(size=(2, 4)).astype("f4")


def slow_attributions() -> np.ndarray:
    """Return the right result of a slow job's inputs, by the engine in this process."""
    found = explainers.explain(explainers.load(SLOW.bytes()), {"input": SLOW_INPUTS}, "occlusion", threads=1)
    return found.arrays["attribution.input"]


def slow_job(model: str, seed: int, repeat: int) -> dict[str, Any]:
    """Return the request of a job of several chunks."""
    inputs = tensors.encode({"input": np.concatenate([SLOW_INPUTS] * repeat)})
    return {"model": model, "method": "occlusion", "inputs": inputs, "seed": seed}


def small_job(model: str, seed: int, priority: str = "batch") -> dict[str, Any]:
    """Return the request of a small job."""
    inputs = tensors.encode({"input": small_inputs(seed)})
    target = {"index": 1}
    return {
        "model": model, "method": "gradient", "inputs": inputs, "seed": seed, "target": target, "priority": priority,
    }  # fmt: skip


def greedy_job(model: str, seed: int) -> dict[str, Any]:
    """Return the request of a job that no runner survives."""
    inputs = tensors.encode({"input": np.full((1, 1), 1.5e9, "f4")})
    return {"model": model, "method": "occlusion", "inputs": inputs, "seed": seed}
