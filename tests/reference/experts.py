"""Expert models: the score hangs on one known part of the input, and hardly on the rest, for each kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import helper, numpy_helper
from reference import texts

from explainers.graph.vocabulary import keep


@dataclass(frozen=True)
class Expert:
    """A kind of data: its card, the shape of one item, and the part that counts."""

    card: dict[str, Any]
    shape: tuple[int, ...]
    part: tuple[slice, ...]

    @property
    def marked(self) -> np.ndarray:
        """Where the score hangs on the input."""
        out = np.zeros(self.shape, bool)
        out[self.part] = True
        return out

    @property
    def weights(self) -> np.ndarray:
        """What each value adds to the sum: thirty times as much in the part."""
        return (np.where(self.marked, 3.0, 0.1) / self.marked.sum()).astype(np.float32)

    def model(self) -> onnx.ModelProto:
        """Return `input` to `output` (N, 1): the values' sum, those of the part thirty times, through a bend."""
        dims, axes = ", ".join(map(str, self.shape)), ", ".join(str(i + 1) for i in range(len(self.shape)))
        model = onnx.parser.parse_model(f"""
            <ir_version: 10, opset_import: ["" : 21]>
            expert (float[N, {dims}] input) => (float[N, 1] output)
            <int64[{len(self.shape)}] axes = {{{axes}}}, int64[1] one = {{1}}> {{
                weighed = Mul (input, weights)
                sum = ReduceSum <keepdims = 0> (weighed, axes)
                bent = Softplus (sum)
                output = Unsqueeze (bent, one)
            }}
        """)
        model.graph.initializer.append(numpy_helper.from_array(self.weights, "weights"))
        return model

    def items(self, count: int = 2) -> np.ndarray:
        """Return items of values from a half to one and a half."""
        return (0.5 + np.random.default_rng(0).random((count, *self.shape))).astype(np.float32)


class Linear(Expert):
    """A table's weighted sum as `LinearRegressor` of ai.onnx.ml."""

    def model(self) -> onnx.ModelProto:
        """Return `input` (N, C) to `output` (N, 1)."""
        sum_ = helper.make_node(
            "LinearRegressor", ["input"], ["sum"], domain="ai.onnx.ml", coefficients=self.weights.tolist()
        )
        return self._bent(sum_)

    def _bent(self, sum_: onnx.NodeProto) -> onnx.ModelProto:
        ends = [
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", size])]
            for name, size in (("input", self.shape[0]), ("output", 1))
        ]
        graph = helper.make_graph([sum_, helper.make_node("Softplus", ["sum"], ["output"])], "expert", *ends)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


class Trees(Linear):
    """A table's stairs: two stumps a feature, each half its weight above its threshold, as `TreeEnsembleRegressor`."""

    def model(self) -> onnx.ModelProto:
        """Return `input` (N, C) to `output` (N, 1): no item is below the first threshold, half are above the second."""
        stumps = [(i, at, w / 2) for i, w in enumerate(self.weights.tolist()) for at in (0.25, 1.0)]
        trees = range(len(stumps))
        nodes = {
            "treeids": [t for t in trees for _ in range(3)], "nodeids": [0, 1, 2] * len(stumps),
            "featureids": [v for i, _, _ in stumps for v in (i, 0, 0)],
            "values": [v for _, at, _ in stumps for v in (at, 0.0, 0.0)],
            "modes": ["BRANCH_GT", "LEAF", "LEAF"] * len(stumps),
            "truenodeids": [1, 0, 0] * len(stumps), "falsenodeids": [2, 0, 0] * len(stumps),
        }  # fmt: skip
        leaves = {
            "treeids": list(trees), "nodeids": [1] * len(stumps), "ids": [0] * len(stumps),
            "weights": [w for _, _, w in stumps],
        }  # fmt: skip
        said = {f"nodes_{k}": v for k, v in nodes.items()} | {f"target_{k}": v for k, v in leaves.items()}
        return self._bent(
            helper.make_node(
                "TreeEnsembleRegressor", ["input"], ["sum"], domain="ai.onnx.ml", n_targets=1, **said
            )
        )


class Text(Expert):
    """Sentences of words of one token each, of which one word counts; the model keeps its tokenizer in its bytes."""

    STRONG, WEAK = "great", ("a", "film", "not", "bad", "this")

    def model(self) -> onnx.ModelProto:
        """Return `input` (N, T), tokens, to `output` (N, 1)."""
        model = onnx.parser.parse_model("""
            <ir_version: 10, opset_import: ["" : 21]>
            expert (int64[N, T] input) => (float[N, 1] output) <int64[1] one = {1}> {
                weighed = Gather (weights, input)
                sum = ReduceSum <keepdims = 0> (weighed, one)
                bent = Softplus (sum)
                output = Unsqueeze (bent, one)
            }
        """)
        known = {self.STRONG: 3.0} | dict(
            zip(self.WEAK, np.linspace(0.05, 0.15, len(self.WEAK)), strict=True)
        )
        weights = np.array([known.get(w, 0.0) for w in texts.WORDS], np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
        keep(model, "tokenizer.json", texts.tokenizer().encode())
        return model

    def items(self, count: int = 2) -> np.ndarray:
        """Return sentences; every fourth lacks the word."""
        # a start and an end are added
        words = np.random.default_rng(0).choice(self.WEAK, (count, self.shape[0] - 2)).astype(object)
        words[np.arange(count) % 4 != 3, self.part[0].start - 1] = self.STRONG
        return np.array([" ".join(row) for row in words])


def cut(*ends: tuple[int, int]) -> tuple[slice, ...]:
    """Return a box by its ends along each axis."""
    return tuple(slice(a, b) for a, b in ends)


EXPERTS = {
    "image": Expert({"kind": "image", "layout": "NCHW"}, (2, 8, 8), cut((0, 2), (4, 6), (2, 4))),
    "image, channels last": Expert(
        {"kind": "image", "layout": "NHWC"}, (8, 8, 1), cut((4, 6), (2, 4), (0, 1))
    ),
    "table": Expert({"kind": "tabular", "feature_names": list("abcdef")}, (6,), cut((3, 4))),
    "series": Expert({"kind": "series", "layout": "NTC", "rate": 100.0}, (24, 2), cut((9, 12), (0, 2))),
    "series of one channel": Expert({"kind": "series", "layout": "NT"}, (24,), cut((9, 12))),
    "volume": Expert(
        {"kind": "volume", "layout": "NCDHW"}, (1, 6, 6, 6), cut((0, 1), (2, 4), (4, 6), (0, 2))
    ),
    "video": Expert({"kind": "volume", "layout": "NTHWC"}, (4, 6, 6, 1), cut((2, 4), (4, 6), (0, 2), (0, 1))),
    "table, ai.onnx.ml": Linear({"kind": "tabular", "feature_names": list("abcdef")}, (6,), cut((3, 4))),
    "table, trees": Trees({"kind": "tabular", "feature_names": list("abcdef")}, (6,), cut((3, 4))),
    "text": Text({"kind": "text", "tokenizer": "tokenizer.json"}, (9,), cut((3, 4))),
}
