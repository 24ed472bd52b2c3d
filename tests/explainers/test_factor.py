"""A common factor leaves a sum only where nothing else reads the products."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from explainers.graph.passes.factor import factor_sums


def model(outputs, *nodes):
    made = [helper.make_node(kind, inputs.split(), [out], name=out) for kind, inputs, out in nodes]
    tensor = lambda n: helper.make_tensor_value_info(n, TensorProto.DOUBLE, [3])  # noqa: E731
    graph = helper.make_graph(made, "g", [tensor(n) for n in "xab"], [tensor(n) for n in outputs.split()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


PRODUCTS = (("Mul", "x a", "p"), ("Mul", "b x", "q"))
CASES = {
    "taken out": (
        model("y", *PRODUCTS, ("Add", "p q", "s"), ("Neg", "s", "y")),
        {"Mul": 1, "Add": 1, "Neg": 1},
    ),
    "a product is read": (
        model("y", *PRODUCTS, ("Add", "p q", "s"), ("Sub", "s p", "y")),
        {"Mul": 2, "Add": 1, "Sub": 1},
    ),
    "a product is an output": (
        model("y p", *PRODUCTS, ("Add", "p q", "s"), ("Neg", "s", "y")),
        {"Mul": 2, "Add": 1, "Neg": 1},
    ),
    "no factor is shared": (
        model("y", ("Mul", "x a", "p"), ("Mul", "b b", "q"), ("Add", "p q", "s"), ("Neg", "s", "y")),
        {"Mul": 2, "Add": 1, "Neg": 1},
    ),
    "twice the same": (
        model("y", ("Mul", "x a", "p"), ("Add", "p p", "s"), ("Neg", "s", "y")),
        {"Mul": 1, "Add": 1, "Neg": 1},
    ),
    "the sum is an output": (model("s", *PRODUCTS, ("Add", "p q", "s")), {"Mul": 2, "Add": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sum_is_the_same(case):
    proto, wanted = CASES[case]
    changed = ir.from_proto(proto)
    factor_sums(changed.graph, ())
    ir.passes.common.RemoveUnusedNodesPass()(changed)
    found = ir.to_proto(changed)
    onnx.checker.check_model(found, full_check=True)
    assert Counter(n.op_type for n in found.graph.node) == wanted
    rng = np.random.default_rng(0)
    feeds = {n: rng.normal(size=3) for n in "xab"}
    for ours, theirs in zip(
        ReferenceEvaluator(found).run(None, feeds), ReferenceEvaluator(proto).run(None, feeds), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_nodes_of_the_model_itself_stay():
    changed = ir.from_proto(CASES["taken out"][0])
    factor_sums(changed.graph, set(changed.graph))
    assert [n.op_type for n in changed.graph] == ["Mul", "Mul", "Add", "Neg"]
