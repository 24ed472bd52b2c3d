"""A small model of each kind of data whose explanations have pictures, with its card and three items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, checker, helper, numpy_helper
from reference import texts
from reference.experts import EXPERTS

RNG = np.random.default_rng(0)
LABELS = {"logits": {"labels": ["no", "<i>yes</i>"]}}
COLUMNS = ("age", "height", "fare")


@dataclass(frozen=True)
class Pictured:
    """A model, what is sent with it, and three items; `target` None: its only score."""

    model: onnx.ModelProto
    card: dict[str, Any]
    inputs: dict[str, np.ndarray]
    target: int | None = 1
    external: dict[str, tuple[str, bytes]] = field(default_factory=dict)


def made(nodes, inputs, weights):
    """Return a model of these nodes to `logits` (N, 2)."""
    graph = helper.make_graph(
        nodes, "pictured", inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(a, n) for n, a in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model


def both(size):
    """Return weights of minus and plus a sum."""
    weights = RNG.normal(size=size).astype("f4")
    return np.stack([-weights, weights], 1)


def summing(shape):
    """Return a model of (N, *shape): minus and plus a weighted sum of the tanh of its input."""
    nodes = [
        helper.make_node("Tanh", ["x"], ["squeezed"]),
        helper.make_node("Flatten", ["squeezed"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])]
    return made(nodes, given, {"w": both(int(np.prod(shape)))})


def of_values(shape, **card):
    """Return what sums values of this shape."""
    x = RNG.uniform(size=(3, *shape)).astype("f4")
    return Pictured(summing(shape), {"inputs": {"x": card}, "outputs": LABELS}, {"x": x})


def of_text():
    """Return a model of sentences, with its tokenizer."""
    sentences = np.array(["a great film , this", "this film not bad ,", "not a great film ,"])
    tokenizer = {"external": ("tokenizer.json", texts.tokenizer().encode())}
    return Pictured(texts.model(), texts.CARD, {"input_ids": sentences}, external=tokenizer)


def of_tokens():
    """Return a model of tokens that nobody has words for."""
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["found"]),
        helper.make_node("ReduceSum", ["found", "one"], ["logits"], keepdims=0),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 7])]
    model = made(nodes, given, {"table": both(20), "one": np.array([1])})
    card = {"inputs": {"x": {"kind": "tokens"}}, "outputs": LABELS}
    return Pictured(model, card, {"x": RNG.integers(1, 20, (3, 7))})


def of_columns():
    """Return a model with an input for each column of a table."""
    nodes = [
        helper.make_node("Concat", list(COLUMNS), ["x"], axis=1),
        helper.make_node("Tanh", ["x"], ["squeezed"]),
        helper.make_node("MatMul", ["squeezed", "w"], ["logits"]),
    ]
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 1]) for n in COLUMNS]
    card = {"inputs": {n: {"kind": "tabular"} for n in COLUMNS}, "outputs": LABELS}
    inputs = {n: RNG.uniform(1, 2, (3, 1)).astype("f4") for n in COLUMNS}
    # every column speaks for it: a cover that lowers the score has something to cover
    return Pictured(made(nodes, given, {"w": np.array([[-1, 1], [-2, 2], [-0.5, 0.5]], "f4")}), card, inputs)


def of_trees():
    """Return trees of ai.onnx.ml over a table."""
    expert = EXPERTS["table, trees"]
    return Pictured(expert.model(), {"inputs": {"input": expert.card}}, {"input": expert.items(3)}, None)


IMAGE = {"kind": "image", "layout": "NCHW", "low": 0, "high": 1}
NAMES = ["age", "height", "<b>weight</b>", "$x", "z" * 300]
PICTURED = {
    "image": of_values((3, 8, 8), **IMAGE),
    "text": of_text(),
    "tabular": of_values((5,), kind="tabular", feature_names=NAMES),
    "series": of_values((40, 2), kind="series", layout="NTC", rate=20.0, feature_names=["left", "right"]),
    "volume": of_values((1, 6, 8, 8), kind="volume", layout="NCDHW"),
    "video": of_values((4, 8, 8, 3), kind="volume", layout="NTHWC", rate=10.0, low=0, high=1),
    "tokens": of_tokens(),
    "columns": of_columns(),
    "trees": of_trees(),
}
