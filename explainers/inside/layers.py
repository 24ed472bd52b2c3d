"""Layers of the deployed model: found by the name of a tensor or a node, or chosen from the graph where nobody names one."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from ..errors import InvalidRequest, TensorUnknown
from ..graph.build import dimensions
from ..graph.paths import is_float, node_inputs
from ..graph.prepare import to_ir
from ..model import Model

POINTER = "/params/layer"
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "FusedConv"})
DENSE = frozenset(
    {"Gemm", "MatMul", "QLinearMatMul", "MatMulInteger", "FusedGemm", "FusedMatMul", "LinearClassifier", "LinearRegressor"}
)  # fmt: skip
_FIRST = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"})
_LAST = frozenset({"LayerNormalization", "Gather"})
# what belongs to a layer behind its product: scale, shift and non-linearity
_BEHIND = frozenset(
    {
        "Add", "BatchNormalization", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Tanh", "Sigmoid", "Softplus",
        "Softsign", "HardSigmoid", "HardSwish", "Mish", "Clip", "ThresholdedRelu", "DequantizeLinear", "QuantizeLinear",
    }
)  # fmt: skip


class Layers:
    """The float tensors of a deployed model, and its layers with weights in topological order."""

    def __init__(self, model: Model) -> None:
        found = to_ir(model.proto)
        ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(found)
        graph = found.graph
        self.inputs = {v.name or "": v for v in graph.inputs}
        inner = {v.name: v for n in graph for v in n.outputs if v.name and is_float(v)}
        self.tensors = {n: v for n, v in self.inputs.items() if is_float(v)} | inner
        self._nodes = {n.name: n.outputs[0] for n in graph if n.name and n.outputs[0].name in inner}
        self.weighted = [n for n in graph if n.op_type in CONVOLUTIONS | DENSE and _constants(n, self.inputs)]

    def find(self, name: str, pointer: str = POINTER) -> str:
        """Return the name of the float tensor that a tensor or a node is called by, or refuse with those that there are."""
        if name in self.tensors:
            return name
        if name in self._nodes:
            return self._nodes[name].name or ""
        near = get_close_matches(name, self.tensors | self._nodes, n=5, cutoff=0.4)
        layers = self.names()
        shown = ", ".join(layers[:30]) + (f" and {len(layers) - 30} more" if len(layers) > 30 else "")
        raise TensorUnknown(
            f"the model has no layer {name!r}"
            + (f"; near it: {', '.join(near)}" if near else "")
            + f"; its layers with weights give: {shown or 'none, it has no weights'}",
            pointer=pointer,
            layers=layers,
            tensors=list(self.tensors),
        )

    def named(self, layer: str | Collection[str], pointer: str = POINTER) -> list[str]:
        """Return the tensors of one name or of several."""
        if isinstance(layer, str):
            return [self.find(layer, pointer)]
        return [self.find(n, f"{pointer}/{i}") for i, n in enumerate(layer)]

    def names(self) -> list[str]:
        """Return what each layer with weights gives, its bias, normalisation and non-linearity applied."""
        found = (_settled(n.outputs[0], self.inputs).name or "" for n in self.weighted)
        return list(dict.fromkeys(n for n in found if n in self.tensors))

    def maps(self) -> str:
        """Return the last convolution's maps, or the last hidden layer where there is none."""
        convolutions = [n for n in self.weighted if n.op_type in CONVOLUTIONS]
        if convolutions:
            return _settled(convolutions[-1].outputs[0], self.inputs).name or ""
        names = self._some()
        return names[-2] if len(names) > 1 else names[0]

    def embedding(self) -> str:
        """Return what the last layer with weights reads: the features that the answer is computed from."""
        self._some()
        read = self.weighted[-1].inputs[0]
        while read is not None and not is_float(read):
            # a quantised tensor stands for the one it was made of
            node = read.producer()
            read = node.inputs[0] if node is not None else None
        return (read.name if read is not None else None) or self.names()[-1]

    def _some(self) -> list[str]:
        names = self.names()
        if not names:
            raise InvalidRequest("the model has no layer with weights; name a tensor", pointer=POINTER)
        return names

    def unit_axis(self, name: str) -> int:
        """Return the axis that counts a tensor's units: the channels of feature maps, else the features, which are last."""
        rank = len(dimensions(self.tensors[name]) or [])
        found = _unit_axis(self.tensors[name], rank)
        return found if found is not None else (1 if rank != 3 else 2)


def _constants(node: ir.Node, inputs: dict[str, ir.Value]) -> list[ir.Value]:
    """Return the operands behind the first that do not depend on an input of the model."""
    if node.op_type.startswith("Linear"):
        return [node.outputs[0]]
    return [v for v in node.inputs if v is not None and not _depends(v, set(inputs.values()))]


def _depends(v: ir.Value, inputs: Collection[ir.Value]) -> bool:
    seen, queue = {v}, [v]
    while queue:
        x = queue.pop()
        if x in inputs:
            return True
        node = x.producer()
        fresh = [] if node is None else [i for i in node_inputs(node) if i not in seen]
        seen.update(fresh)
        queue.extend(fresh)
    return False


def _settled(v: ir.Value, inputs: dict[str, ir.Value]) -> ir.Value:
    """Follow a product to what its layer gives."""
    while not v.is_graph_output() and len(uses := list(v.consumers())) == 1 and uses[0].op_type in _BEHIND:
        others = [x for x in uses[0].inputs if x is not None and x is not v]
        if any(_depends(x, set(inputs.values())) for x in others):
            break  # a residual connection is no part of the layer
        v = uses[0].outputs[0]
    return v


def _unit_axis(v: ir.Value | None, rank: int) -> int | None:
    """Follow a tensor up to what made its units, through transpositions; None where that does not say it."""
    node = v.producer() if v is not None else None
    if node is None or v is None:
        return None
    if node.op_type in CONVOLUTIONS | _FIRST:
        return 1
    if node.op_type in DENSE | _LAST:
        return rank - 1
    if node.op_type == "Transpose":
        perm = (
            list(node.attributes["perm"].as_ints()) if "perm" in node.attributes else list(range(rank))[::-1]
        )
        below = _unit_axis(node.inputs[0], rank)
        return None if below is None else perm.index(below)
    read = node.inputs[0] if node.inputs else None
    same = node.op_type in _BEHIND or node.op_type in (
        "Mul",
        "Sub",
        "Div",
        "Identity",
        "Cast",
        "Dropout",
        "Softmax",
    )
    return _unit_axis(read, rank) if same and len(dimensions(read) or [] if read else []) == rank else None
