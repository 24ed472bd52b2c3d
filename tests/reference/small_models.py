"""Small ONNX models with named tensors, for laws that hold for every method."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

HEAD = '<ir_version: 10, opset_import: ["" : 21]>'

TEXT = {
    # convolution, pooling, two classes and a softmax
    "image": f"""{HEAD} image (float[N, 1, 6, 6] input) => (float[N, 3] output) {{
        maps = Conv <pads = [1, 1, 1, 1]> (input, w, b)
        active = Relu (maps)
        pooled = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (active)
        flat = Flatten (pooled)
        logits = Gemm (flat, v, c)
        output = Softmax <axis = 1> (logits)
    }}""",
    # smooth everywhere
    "smooth": f"""{HEAD} smooth (float[N, 5] input) => (float[N, 3] output) {{
        first = Gemm (input, w, b)
        hidden = Tanh (first)
        output = Gemm (hidden, v, c)
    }}""",
    # two embedding tables, of tokens and of positions of tokens in a second way, and a product
    "tokens": f"""{HEAD} tokens (int64[N, 4] ids) => (float[N, 3] output) {{
        here = Gather (table, ids)
        gate = Gather (gates, ids)
        open = Sigmoid (gate)
        both = Mul (here, open)
        mean = ReduceMean <keepdims = 0> (both, one)
        hidden = Tanh (mean)
        output = Gemm (hidden, v, c)
    }}""",
    # steps first, items second
    "series": f"""{HEAD} series (float[4, N, 2] input) => (float[N, 3] output) {{
        mixed = MatMul (input, w)
        hidden = Tanh (mixed)
        mean = ReduceMean <keepdims = 0> (hidden, zero)
        output = Gemm (mean, v, c)
    }}""",
}

SHAPES = {
    "image": {"w": (4, 1, 3, 3), "b": (4,), "v": (36, 3), "c": (3,)},
    "smooth": {"w": (5, 6), "b": (6,), "v": (6, 3), "c": (3,)},
    "tokens": {"table": (7, 5), "gates": (7, 5), "v": (5, 3), "c": (3,)},
    "series": {"w": (2, 5), "v": (5, 3), "c": (3,)},
}
CARDS = {"series": {"inputs": {"input": {"batch_axis": 1, "layout": "TNC", "kind": "series"}}}}


def small_model(name: str, seed: int = 0) -> onnx.ModelProto:
    """Return a model with random weights."""
    rng = np.random.default_rng(seed)
    model = onnx.parser.parse_model(TEXT[name])
    weights = {n: rng.normal(size=s).astype(np.float32) * 0.7 for n, s in SHAPES[name].items()}
    numbers = {"zero": np.array([0]), "one": np.array([1])}
    used = {i for node in model.graph.node for i in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(a, n) for n, a in (weights | numbers).items() if n in used
    )
    onnx.checker.check_model(model)
    return model


def small_inputs(name: str, items: int = 2, seed: int = 1) -> dict[str, np.ndarray]:
    """Return a batch for a model."""
    rng = np.random.default_rng(seed)
    if name == "tokens":
        return {"ids": rng.integers(0, 7, (items, 4))}
    shape = {"image": (items, 1, 6, 6), "smooth": (items, 5), "series": (4, items, 2)}[name]
    return {"input": rng.normal(size=shape).astype(np.float32)}
