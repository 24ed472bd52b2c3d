"""A prepared graph with every length in it known: what inference leaves open is looked up in one run."""

from __future__ import annotations

import onnx_ir as ir

from ..graph.build import static_shape
from ..runtime import Session
from ..types import Feeds

SMALL = 1024
"""Whole numbers in a tensor that says where something is cut or how often it is repeated."""


def observed(model: ir.Model, feeds: Feeds) -> ir.Model:
    """Return the model with the shapes that it has for these inputs, and the values of all that depends on shapes alone."""
    model = model.clone()
    made = [v for node in model.graph for v in node.outputs if v.name]
    open_ = [v for v in made if static_shape(v) is None]
    settled = _of_shapes(model.graph)
    wanted = list(dict.fromkeys([*open_, *settled]))
    if not wanted:
        return model
    seen = model.clone()
    there = {v.name: v for node in seen.graph for v in node.outputs}
    kept = {v.name for v in seen.graph.outputs}
    seen.graph.outputs.extend(there[v.name] for v in wanted if v.name not in kept)
    session = Session(ir.to_proto(seen), threads=1)
    found = session.run(
        {n: a for n, a in feeds.items() if n in session.inputs}, [v.name or "" for v in wanted]
    )
    for v in wanted:
        a = found[v.name or ""]
        v.shape = ir.Shape(a.shape)
        if v in settled and a.size <= SMALL:
            v.const_value = ir.tensor(a)
    return model


def _of_shapes(graph: ir.Graph) -> set[ir.Value]:
    """Return the tensors that follow from shapes and constants."""
    settled: set[ir.Value] = set()
    for node in graph:
        known = (v is None or v.const_value is not None or v in settled for v in node.inputs)
        if node.op_type in ("Shape", "Size") or (node.inputs and all(known)):
            settled.update(v for v in node.outputs if v.name)
    return settled
