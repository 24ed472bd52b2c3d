"""Learn by two probes how shapes depend on the number of items, where symbolic inference gives up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_ir as ir

from ..build import Dims, dimensions
from .shapes import BATCH


def is_vague(model: ir.Model) -> bool:
    """Say whether some tensor's rank or an axis of it is unknown, though the inputs' are known but for the items."""
    inputs = [d for v in model.graph.inputs for d in dimensions(v) or [None]]
    if any(not isinstance(d, int) and d != BATCH for d in inputs):
        return False
    return any(d is None for n in model.graph for v in n.outputs for d in dimensions(v) or [None])


def sharpen(model: ir.Model, infer_for: Callable[[int], Mapping[str, Dims]]) -> None:
    """Set each vague shape from what it is for two and for three items: equal lengths are fixed, 2 and 3 are N."""
    two, three = infer_for(2), infer_for(3)
    for node in model.graph:
        for v in node.outputs:
            a, b = two.get(v.name or ""), three.get(v.name or "")
            if a is not None and b is not None and len(a) == len(b):
                v.shape = ir.Shape([_axis(p, q) for p, q in zip(a, b, strict=True)])


def _axis(two: int | str | None, three: int | str | None) -> int | str | None:
    if isinstance(two, int) and two == three:
        return two
    return BATCH if (two, three) == (2, 3) else None
