"""Expert models: the score hangs on one known part of the input, and hardly on the rest, for each kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper


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
        weights = (np.where(self.marked, 3.0, 0.1) / self.marked.sum()).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
        return model

    def items(self, count: int = 2) -> np.ndarray:
        """Return items of values from a half to one and a half."""
        return (0.5 + np.random.default_rng(0).random((count, *self.shape))).astype(np.float32)


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
}
