"""Class activation maps in the graph: weighted feature maps, spread over the input's space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from ..errors import InvalidRequest
from ..layout import axes_of
from ..types import InputCard
from .build import Builder, dimensions
from .leaves import Leaf

if TYPE_CHECKING:
    from .explanation import ExplanationGraph

TINY = 1e-12


def layer_gradient(graph: ExplanationGraph, layer: ir.Value) -> ir.Value:
    """Return the derivative of the explained score by a layer."""
    inner = replace(graph, leaves=[Leaf(layer.name or "", layer, (layer,), "inner")])
    (arrived,) = inner.gradients()[layer.name or ""]
    graph.rules, graph.piecewise_constant = inner.rules, inner.piecewise_constant
    return arrived


def class_map(graph: ExplanationGraph, layer: ir.Value, *, plus_plus: bool) -> ir.Value:
    """Return ReLU of the sum of a layer's maps, weighted by their gradients: (N, 1, space)."""
    op, rank = graph.op, len(dimensions(layer) or [])
    if rank < 3:
        raise InvalidRequest(
            f"{layer.name!r} has {rank} axes; Grad-CAM needs feature maps (N, channels, space)",
            pointer="/params/layer",
        )
    g, over = layer_gradient(graph, layer), list(range(2, rank))
    if plus_plus:
        # with the score under an exponential, its higher derivatives are powers of g
        square, cube = op.Mul(g, g), op.Mul(op.Mul(g, g), g)
        below = op.Add(op.Mul(square, 2.0), op.Mul(op.ReduceSum(layer, over, keepdims=1), cube))
        share = op.Div(square, op.Where(op.Less(op.Abs(below), TINY), 1.0, below))
        weights = op.ReduceSum(op.Mul(share, op.Relu(g)), over, keepdims=1)
    else:
        weights = op.ReduceMean(g, over, keepdims=1)
    cam: ir.Value = op.Relu(op.ReduceSum(op.Mul(weights, layer), [1], keepdims=1))
    cam.shape = ir.Shape([1 if i == 1 else d for i, d in enumerate(layer.shape or [])])
    return cam


def spread(op: Builder, cam: ir.Value, leaf: Leaf) -> Any:
    """Return a map resized linearly to an input's space and repeated over its channels."""
    x = leaf.source
    dims = dimensions(x) or []
    last = _channels_last(leaf)
    over = range(1, len(dims) - 1) if last else range(2, len(dims))
    lengths = op.Concat(*(op.Slice(op.shape(x), [i], [i + 1]) for i in over), axis=0)
    wide = _resize(op, _of_rank(op, cam, len(dims)), lengths, len(dims))
    if last:
        wide = op.Transpose(wide, perm=[0, *range(2, len(dims)), 1])
    wide = op.expand_like(wide, x)
    return wide if x.dtype is None or not x.dtype.is_floating_point() else op.Cast(wide, to=int(x.dtype))


def _channels_last(leaf: Leaf) -> bool:
    lengths = [d if isinstance(d, int) else None for d in list(leaf.source.shape or [])[1:]]
    card = InputCard(kind="series" if len(lengths) == 2 else "image")
    return axes_of(card, lengths).endswith("C")


def space(layer: ir.Value, rank: int) -> list[int] | None:
    """Return the axes that a layer shares with inputs of this rank: those of length 1 may stand beside; None if it cannot."""
    dims = dimensions(layer) or []
    axes = list(range(2, len(dims)))
    # exporters run convolutions over time as such over images of height 1
    idle = [i for i in axes if dims[i] == 1][: len(dims) - rank]
    return [i for i in axes if i not in idle] if len(dims) - len(idle) == rank > 2 else None


def _of_rank(op: Builder, cam: ir.Value, rank: int) -> ir.Value:
    axes = space(cam, rank) or []
    idle = [i for i in range(2, len(dimensions(cam) or [])) if i not in axes]
    out: ir.Value = op.Squeeze(cam, idle) if idle else cam
    return out


def _resize(op: Builder, cam: ir.Value, lengths: ir.Value, rank: int) -> Any:
    """Resize the axes behind the channels, with half-pixel centres."""
    if rank == 3:
        # runtimes interpolate in two dimensions at least
        lengths = op.Concat([1], lengths, axis=0)
        wide = _resize(op, op.Unsqueeze(cam, [2]), lengths, 4)
        return op.Squeeze(wide, [2])
    sizes = op.Concat(op.Slice(op.Shape(cam), [0], [2]), lengths, axis=0)
    return op.Resize(cam, None, None, sizes, mode="linear", coordinate_transformation_mode="half_pixel")
