"""Models of tables: fitted by scikit-learn, written down as ONNX graphs by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

HEAD = '<ir_version: 10, opset_import: ["" : 21]>'
IRIS = ["sepal length", "sepal width", "petal length", "petal width"]


def linear(weights: np.ndarray, bias: float = 0.0) -> onnx.ModelProto:
    """Return `input` (N, features) to the weighted sum (N, 1)."""
    text = f"""{HEAD} sums (float[N, {len(weights)}] input) => (float[N, 1] output) {{
        product = MatMul (input, w)
        output = Add (product, b)
    }}"""
    return with_weights(text, {"w": weights[:, None], "b": np.array([bias])})


def with_weights(text: str, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Return a model whose named tensors have these values."""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(a, np.float32), n) for n, a in weights.items()
    )
    onnx.checker.check_model(model)
    return model


def iris() -> tuple[np.ndarray, np.ndarray]:
    """Return Fisher's flowers, standardised, and their kinds."""
    data = load_iris()
    return StandardScaler().fit_transform(data.data).astype(np.float32), data.target


def network() -> Any:
    """Return a small network that tells the flowers apart."""
    x, y = iris()
    return MLPClassifier(
        (8,), activation="tanh", solver="lbfgs", alpha=1e-2, max_iter=500, random_state=0
    ).fit(x, y)


def exported(fitted: Any) -> onnx.ModelProto:
    """Return the network as ONNX: `input` (N, 4) to `probabilities` (N, 3)."""
    (w, v), (b, c) = fitted.coefs_, fitted.intercepts_
    text = f"""{HEAD} flowers (float[N, 4] input) => (float[N, 3] probabilities) {{
        first = Gemm (input, w, b)
        hidden = Tanh (first)
        logits = Gemm (hidden, v, c)
        probabilities = Softmax <axis = 1> (logits)
    }}"""
    return with_weights(text, {"w": w, "b": b, "v": v, "c": c})
