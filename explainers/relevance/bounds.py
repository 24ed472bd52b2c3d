"""The box in which an input lies, brought to the first linear operator through whatever stands before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from ..errors import InvalidRequest
from ..graph.build import Builder, dimensions
from ..graph.leaves import Leaf
from ..graph.paths import node_name
from ..graph.table import attributes
from ..types import Array, Card, InputCard
from .params import Bound, Bounds

_MONOTONE = frozenset(
    {"movement", "scaling", "sum", "activation", "winner", "average", "normalisation", "quantiser"}
)


def of_input(name: str, low: Bounds, high: Bounds, card: Card) -> tuple[Bound, Bound] | None:
    """Return an input's box from the parameters, else from the model's card; None where neither knows it."""
    own = card.input(name)
    pair = [_one(given, name, stated) for given, stated in ((low, own.low), (high, own.high))]
    return (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None


def _one(given: Bounds, name: str, stated: Bound | None) -> Bound | None:
    value = given.get(name) if isinstance(given, dict) else given
    return value if value is not None else stated


def at_node(
    op: Builder,
    x: ir.Value,
    nodes: Sequence[ir.Node],
    families: Mapping[ir.Node, str],
    leaves: Sequence[Leaf],
    boxes: Mapping[str, tuple[Bound, Bound] | None],
    card: Card,
) -> tuple[Any, Any]:
    """Return the least and greatest values of a tensor that lies before every linear operator."""
    between = _between(x, nodes)
    ends = []
    for end in (0, 1):
        held = {
            v: _fill(op, v, leaf, boxes[leaf.name], end, card)
            for leaf in leaves
            for v in leaf.values
            if v is x or any(v in n.inputs for n in between)
        }
        ends.append(_replay(op, x, between, families, held))
    low, high = ends
    # a falling step on the way (a negative scale) exchanges the two
    return (low, high) if not between else (op.Min(low, high), op.Max(low, high))


def feeding(x: ir.Value, nodes: Sequence[ir.Node], leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the inputs from which a tensor comes."""
    between = _between(x, nodes)
    return [
        leaf for leaf in leaves if any(v is x or any(v in n.inputs for n in between) for v in leaf.values)
    ]


def _between(x: ir.Value, nodes: Sequence[ir.Node]) -> list[ir.Node]:
    """Return the nodes on the way from the inputs to x."""
    wanted, kept = {x}, []
    for node in reversed(nodes):
        if any(y in wanted for y in node.outputs):
            kept.append(node)
            wanted.update(v for v in node.inputs if v is not None)
    return kept[::-1]


def _replay(
    op: Builder,
    x: ir.Value,
    between: Sequence[ir.Node],
    families: Mapping[ir.Node, str],
    held: dict[ir.Value, Any],
) -> Any:
    for node in between:
        if families.get(node) not in _MONOTONE:
            raise InvalidRequest(
                f"z_box cannot bring the bounds of the inputs through {node_name(node)!r} ({node.op_type}); "
                "choose another rule for the first layer",
                pointer="/params/composite",
            )
        inputs = [held.get(v, v) if v is not None else None for v in node.inputs]
        made = op.node(node.op_type, inputs, attributes(node), outputs=len(node.outputs), domain=node.domain)
        held.update(zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=True))
    return held[x]


def _fill(op: Builder, v: ir.Value, leaf: Leaf, box: tuple[Bound, Bound] | None, end: int, card: Card) -> Any:
    if box is None or leaf.kind == "embedding":
        why = "its values are embeddings" if leaf.kind == "embedding" else "the bounds are not known"
        raise InvalidRequest(
            f"z_box cannot be applied to input {leaf.name!r}: {why}. Give `low` and `high`, in the parameters or on the model's "
            "card, or choose a composite without z_box, such as epsilon_plus_flat",
            pointer="/params/low",
        )
    dtype = (v.dtype or ir.DataType.FLOAT).numpy()
    dims = dimensions(v) or []
    wide = _spread(np.asarray(box[end], dtype), dims, leaf.name, card.input(leaf.name))
    item = [d for d in dims[1:] if isinstance(d, int)]
    if len(item) == len(dims) - 1:
        return op.constant(np.broadcast_to(wide, [1, *item]).astype(dtype))
    return op.Expand(op.constant(wide), op.Shape(v))


def _spread(a: Array, dims: list[Any], name: str, card: InputCard) -> Array:
    """Return a bound so that it broadcasts: a list as long as the channels is one value per channel."""
    channel = card.layout.index("C") if card.layout and "C" in card.layout else 1
    if a.ndim == 1 and len(dims) > channel and dims[channel] == len(a):
        return a.reshape([-1 if i == channel else 1 for i in range(len(dims))])
    known = [d if isinstance(d, int) and i else 1 for i, d in enumerate(dims)]
    try:
        np.broadcast_shapes(a.shape, known)
    except ValueError as e:
        raise InvalidRequest(
            f"a bound of shape {list(a.shape)} does not fit input {name!r} of shape {dims}",
            pointer="/params/low",
        ) from e
    return a
