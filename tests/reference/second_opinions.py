"""Classifiers of the digits that scikit-learn trains: one as an ONNX model, one as a second opinion."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC


def all_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 digits, (N, 1, 8, 8) in [0, 1], and what they are."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 1, 8, 8), labels


def mlp_of_digits(seed: int = 0) -> onnx.ModelProto:
    """A multilayer perceptron: `input` (N, 1, 8, 8) to `probabilities` (N, 10), a Softmax at the end."""
    images, labels = all_digits()
    net = MLPClassifier((48,), alpha=1e-2, max_iter=60, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(images.reshape(-1, 64), labels)
    weights = {
        f"{kind}{i}": a
        for kind, parts in (("w", net.coefs_), ("b", net.intercepts_))
        for i, a in enumerate(parts)
    }
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w0", "b0"], ["first"]),
        helper.make_node("Relu", ["first"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w1", "b1"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def second_opinion() -> SVC:
    """A support vector machine with a Gaussian kernel: another family, trained on its own."""
    images, labels = all_digits()
    return SVC(gamma="scale", C=10).fit(images.reshape(-1, 64), labels)
