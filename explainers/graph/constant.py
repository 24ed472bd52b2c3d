"""Constants of a graph: how they are put in and read out."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

Numbers = np.ndarray[Any, Any]


def add_constant(graph: ir.Graph, a: Numbers, name: str) -> ir.Value:
    """Put an array into a graph as an initializer of this name and return it."""
    shape = ir.Shape(list(np.shape(a)))
    tensor: ir.TensorProtocol = (
        ir.StringTensor([str(s).encode() for s in a.ravel()], shape=shape, name=name)
        if a.dtype.kind == "O"
        else ir.tensor(np.ascontiguousarray(a).reshape(np.shape(a)), name=name)
    )
    value = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype), shape=shape)
    graph.register_initializer(value)
    return value


def constant_value(v: ir.Value | None) -> Numbers | None:
    """Return what a tensor holds where that is known before the run."""
    if v is None or v.const_value is None or v.is_graph_input():
        return None
    return v.const_value.numpy()
