"""Small models with known answers, and the slow writing of Shapley's formula."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

HEAD = '<ir_version: 10, opset_import: ["" : 21]>'
HIDDEN = f"""{HEAD} hidden (float[N, F] input) => (float[N, 1] output) {{
    first = Gemm (input, w, b)
    bent = Tanh (first)
    output = MatMul (bent, v)
}}"""
LINEAR = f"{HEAD} linear (float[N, F] input) => (float[N, 1] output) {{ output = Gemm (input, w, b) }}"


def _model(text: str, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    model = onnx.parser.parse_model(text.replace("F", str(len(weights["w"]))))
    model.graph.initializer.extend(
        numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items()
    )
    onnx.checker.check_model(model)
    return model


def bent_model(features: int = 8, seed: int = 0) -> onnx.ModelProto:
    """Two tanh layers' worth of interaction; the last two features are alike, the one before them is not used."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(features, 12))
    w[-1], w[-3] = w[-2], 0
    return _model(HIDDEN, {"w": w, "b": rng.normal(size=12), "v": rng.normal(size=(12, 1))})


def linear_model(w: np.ndarray) -> onnx.ModelProto:
    """The sum of w * x, and 0.5."""
    return _model(LINEAR, {"w": w.reshape(-1, 1), "b": np.array([0.5])})


def shapley(worth: dict[frozenset[int], float], count: int) -> np.ndarray:
    """Shapley's formula, term by term."""
    out = np.zeros(count)
    for i in range(count):
        others = [j for j in range(count) if j != i]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for s in itertools.combinations(others, size):
                out[i] += weight * (worth[frozenset(s) | {i}] - worth[frozenset(s)])
    return out
