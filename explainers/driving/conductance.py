"""Conductance: what flows through the units of a layer on the way from a baseline to an item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidRequest
from ..registry import part
from ..types import Array, Arrays
from .path import Path, blocks, integrate

if TYPE_CHECKING:
    import onnx_ir as ir

    from ..graph.explanation import ExplanationGraph
    from ..methods.layer_conductance import LayerConductanceParams


@part("layer_conductance/layer")
def layer_slopes(graph: ExplanationGraph, params: LayerConductanceParams) -> dict[str, Any]:
    """Give the layer and the derivative by it."""
    from ..graph.cam import layer_gradient
    from ..graph.layer import find_layer

    layer = find_layer(graph, params.layer)
    return {f"value.{params.layer}": layer, f"slope.{params.layer}": layer_gradient(graph, layer)}


@part("layer_conductance/unit")
def unit_slopes(graph: ExplanationGraph, params: LayerConductanceParams) -> dict[str, Any]:
    """Give the derivative by each point of what passes through one unit."""
    from ..graph.cam import layer_gradient
    from ..graph.layer import find_layer
    from ..graph.table import VJPS, key

    layer = find_layer(graph, params.layer)
    g = layer_gradient(graph, layer)
    through = graph.op.Mul(g, graph.op.CastLike(_mask(layer, params), g))
    below = replace(graph, target=layer)
    arrived = below.pull({layer: through}, VJPS, lambda node: VJPS[key(node)])
    graph.rules = below.rules + graph.rules
    return {
        f"slope.{v.name}": r
        for leaf in graph.leaves
        for v, r in zip(leaf.values, arrived[leaf.name], strict=True)
    }


def _mask(layer: ir.Value, params: LayerConductanceParams) -> Array:
    from ..graph.build import dimensions

    dims = (dimensions(layer) or [None])[1:]
    lengths = [d for d in dims if isinstance(d, int)]
    unit = [params.unit] if isinstance(params.unit, int) else list(params.unit or [])
    fits = len(lengths) == len(dims) >= len(unit) > 0
    if not fits or any(not -n <= i < n for i, n in zip(unit, lengths, strict=False)):
        raise InvalidRequest(
            f"{unit} is no unit of {layer.name!r}, whose units have the shape {dims}", pointer="/params/unit"
        )
    mask = np.zeros([1, *lengths])
    mask[(0, *unit)] = 1
    return mask


def of_unit(path: Path, rule: str, steps: int) -> Arrays:
    """Return the inputs' share of what one unit conducts."""
    means, _ = integrate(path, rule, steps, None, steps)
    return path.rows.attribution({n: mean * path.length(n) for n, mean in means.items()})


def of_layer(path: Path, layer: str, rule: str, steps: int) -> Array:
    """Return each unit's conductance, items first: its changes from step to step, each times the gradient there."""
    rows, alphas = path.rows, np.linspace(0, 1, steps + 1)
    total: list[Array] = []
    last: tuple[Array, Array] | None = None
    for block in blocks(np.arange(rows.run.items * (steps + 1)), rows.block):
        which, step = np.divmod(block, steps + 1)
        found = rows.at(path.at(alphas[step], which), which)
        y, g = (found[f"{what}.{layer}"].astype(np.float64) for what in ("value", "slope"))
        for row, k in enumerate(step):
            if k == 0 or last is None:
                total.append(np.zeros(y.shape[1:]))
            else:
                total[-1] += (y[row] - last[0]) * ((g[row] + last[1]) / 2 if rule == "trapezoid" else last[1])
            last = y[row], g[row]
        rows.run.progress(int(block[-1]) + 1, rows.run.items * (steps + 1), "evaluations")
    return np.stack(total)
