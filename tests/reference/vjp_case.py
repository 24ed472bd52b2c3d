"""A single-node model with the inputs at which its derivative is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Case:
    """One row: an operator, where it is evaluated, and how."""

    operator: str
    inputs: tuple[np.ndarray | None, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    wrt: tuple[int, ...] | None = None
    """Inputs whose gradient is checked; None: all float ones."""
    outputs: int = 1
    used: tuple[int, ...] | None = None
    """Outputs that the node names; the others are left out. None: all."""
    opset: int = 23
    fixed: str = ""
    """Why the leading axis has to be known before the run; empty: it may be symbolic."""
    forward: Callable[..., Any] | None = None
    """A float64 stand-in for a forward pass that no evaluator has right."""
    forward_reason: str = ""
    runtime_lacks: str = ""
    """What ONNX Runtime's CPU provider cannot run of the operator itself."""

    @property
    def name(self) -> str:
        shapes = ",".join("x".join(map(str, a.shape)) or "0d" if a is not None else "-" for a in self.inputs)
        attributes = ",".join(f"{k}={_short(v)}" for k, v in self.attributes.items())
        return f"{self.operator}({shapes})" + (f"[{attributes}]" if attributes else "") + self.label

    @property
    def domain(self) -> str:
        return self.operator.rpartition("::")[0]

    def is_float(self, i: int) -> bool:
        a = self.inputs[i]
        return a is not None and a.dtype.kind == "f"

    @property
    def explained(self) -> tuple[int, ...]:
        return (
            self.wrt
            if self.wrt is not None
            else tuple(i for i in range(len(self.inputs)) if self.is_float(i))
        )

    def model(self) -> onnx.ModelProto:
        """The node alone; what is not explained is an initializer."""
        return self._model(self.node())

    def node(self) -> onnx.NodeProto:
        return helper.make_node(
            self.operator.rpartition("::")[2],
            [f"x{i}" if a is not None else "" for i, a in enumerate(self.inputs)],
            [f"y{i}" if self.used is None or i in self.used else "" for i in range(self.outputs)],
            domain=self.domain,
            **self.attributes,
        )

    def _model(self, node: onnx.NodeProto) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(
                f"x{i}", helper.np_dtype_to_tensor_dtype(self.inputs[i].dtype), self.inputs[i].shape
            )
            for i in self.explained
        ]
        constants = [
            numpy_helper.from_array(a, f"x{i}")
            for i, a in enumerate(self.inputs)
            if a is not None and i not in self.explained
        ]
        outputs = [helper.make_tensor_value_info(y, TensorProto.UNDEFINED, None) for y in node.output if y]
        graph = helper.make_graph([node], "case", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += (
            [helper.make_opsetid(self.domain, {"ai.onnx.ml": 5}.get(self.domain, 1))] if self.domain else []
        )
        model = helper.make_model(graph, opset_imports=opsets, ir_version=11)
        return with_output_types(model)

    def feeds(self) -> dict[str, np.ndarray]:
        return {f"x{i}": self.inputs[i] for i in self.explained}


def with_output_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fill in the types of the outputs from what the node's schema says."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.output[:]
    inferred = {v.name: v for v in onnx.shape_inference.infer_shapes(bare).graph.value_info}
    for value in model.graph.output:
        if value.name in inferred:
            value.CopyFrom(inferred[value.name])
        else:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def _short(v: Any) -> str:
    if isinstance(v, list | tuple):
        return "x".join(map(str, v[:6]))
    return str(v)[:20].replace("\n", " ") if not isinstance(v, float) else f"{v:.4g}"
