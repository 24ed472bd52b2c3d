"""A pipeline as scikit-learn's exporter writes it: one input for each column, strings encoded, a ZipMap at the end."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

WEIGHTS = {"age": 0.02, "fare": -0.5, "female": 2.0, "male": -1.0}
"""What a unit of each adds to the logit of living."""
CARD = {"inputs": {n: {"kind": "tabular"} for n in ("age", "fare", "sex")}}


def titanic() -> onnx.ModelProto:
    """Return `age`, `fare` (N, 1) and the word `sex` (N, 1) to probabilities of two classes, as maps."""
    columns = {"age": TensorProto.FLOAT, "fare": TensorProto.FLOAT, "sex": TensorProto.STRING}
    w = list(WEIGHTS.values())
    nodes = [
        helper.make_node("OneHotEncoder", ["sex"], ["hot"], domain="ai.onnx.ml", cats_strings=["female", "male"]),
        helper.make_node("Reshape", ["hot", "flat"], ["coded"]),
        helper.make_node("Concat", ["age", "fare", "coded"], ["row"], axis=1),
        helper.make_node(
            "LinearClassifier", ["row"], ["label", "p"], domain="ai.onnx.ml", coefficients=[*(-v for v in w), *w],
            intercepts=[0.1, -0.1], classlabels_ints=[0, 1], multi_class=0, post_transform="SOFTMAX",
        ),
        helper.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]  # fmt: skip
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    graph = helper.make_graph(
        nodes,
        "titanic",
        [helper.make_tensor_value_info(n, t, ["N", 1]) for n, t in columns.items()],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_value_info("maps", maps),
        ],
        [onnx.numpy_helper.from_array(np.array([-1, 2]), "flat")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def logit(age: float, fare: float, sex: str) -> float:
    """Return the difference of the two classes' scores."""
    return 2 * (WEIGHTS["age"] * age + WEIGHTS["fare"] * fare + WEIGHTS.get(sex, 0.0)) - 0.2
