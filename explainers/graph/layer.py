"""Layers that a method is asked about: found by name, or the last convolution before the target."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import onnx_ir as ir

from ..errors import InvalidRequest, TensorUnknown
from ..ops import VJPS
from .paths import find_path, is_float

if TYPE_CHECKING:
    from .explanation import ExplanationGraph

POINTER = "/params/layer"


def find_layer(graph: ExplanationGraph, name: str) -> ir.Value:
    """Return a float tensor between the explained inputs and the target, or refuse with near names."""
    there = {v.name: v for n in graph.model.graph for v in n.outputs if v.name and is_float(v)}
    if name not in there:
        near = get_close_matches(name, there, n=5, cutoff=0.3) or list(there)[:5]
        raise TensorUnknown(
            f"the prepared graph has no float tensor {name!r}; near it: {', '.join(near)}", pointer=POINTER
        )
    layer = there[name]
    sources = {v for leaf in graph.leaves for v in leaf.values}
    if layer not in sources and not find_path(graph.model.graph, sources, layer, VJPS).nodes:
        raise InvalidRequest(
            f"{name!r} does not depend on an explained input; name another tensor", pointer=POINTER
        )
    if layer is not graph.target and not find_path(graph.model.graph, {layer}, graph.target, VJPS).nodes:
        raise InvalidRequest(
            f"{graph.target.name!r}, which is explained, does not depend on {name!r}; name another tensor",
            pointer=POINTER,
        )
    return layer


def last_convolution(graph: ExplanationGraph) -> ir.Value:
    """Return the output of the last convolution on the way to the target."""
    nodes = [n for n in graph.path(VJPS).nodes if n.op_type == "Conv"]
    if not nodes:
        raise InvalidRequest(
            f"there is no convolution between the inputs and {graph.target.name!r}; name a layer of shape (N, channels, space)",
            pointer=POINTER,
        )
    return nodes[-1].outputs[0]
