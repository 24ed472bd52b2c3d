"""What can be said of a model without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from .errors import ExplainError, InvalidRequest
from .graph.build import dimensions
from .graph.explanation import choose, find_target
from .graph.passes.unfold import SETTLED_LATER
from .graph.paths import find_path
from .graph.prepare import to_ir
from .graph.table import key
from .ops import VJPS
from .registry import Params
from .signature import first_output
from .types import Card, ModelDescription, Support, TensorSpec


def numpy_name(dtype: ir.DataType | None) -> str:
    """Return a type's numpy name; strings are `str`, what numpy does not know keeps its ONNX name."""
    if dtype is None or dtype == ir.DataType.UNDEFINED:
        return "unknown"
    return "str" if dtype == ir.DataType.STRING else dtype.numpy().name


def spec(v: ir.Value, batch_axis: int | None = None) -> TensorSpec:
    """Return a tensor's spec."""
    dtype = numpy_name(v.dtype) if isinstance(v.type, ir.TensorType) else "sequence"
    return TensorSpec(name=v.name or "", dtype=dtype, shape=dimensions(v), batch_axis=batch_axis)


def inner_names(graph: ir.Graph) -> set[str]:
    """Return the names of the tensors that a graph computes."""
    return {v.name for n in graph for v in n.outputs if v.name}


def batch_axis(v: ir.Value, first: ir.Value, card: Card) -> int | None:
    """Return the axis of an input that counts items: the card's word, else where the first input's batch symbol stands."""
    if v.name in card.inputs:
        return card.inputs[v.name].batch_axis
    dims, lead = dimensions(v) or [], (dimensions(first) or [None])[0]
    if not dims:
        return None
    if isinstance(lead, str) and lead in dims:
        return dims.index(lead)
    if isinstance(lead, int) and dims[0] != lead:
        return None
    return 0


def describe(
    proto: onnx.ModelProto, digest: str, card: Card, *, batch: Any, prepared: Callable[[], ir.Model]
) -> ModelDescription:
    """Return a model's description: signature, tensors that a target may name, and what each family of methods can do."""
    model = to_ir(proto)
    ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    graph = model.graph
    inputs = [spec(v, batch_axis(v, graph.inputs[0], card)) for v in graph.inputs]
    fields: dict[str, Any] = {
        "id": digest,
        "inputs": inputs,
        "outputs": [spec(v) for v in graph.outputs],
        "batch": batch,
        "opset": {e.domain or "ai.onnx": e.version for e in proto.opset_import},
        "nodes": sum(1 for _ in graph.all_nodes()),
        "parameters": sum(
            v.const_value.size for v in graph.initializers.values() if v.const_value is not None
        ),
        "operators": dict(Counter(key(n) for n in graph.all_nodes()).most_common()),
        "tensors": {v.name: spec(v) for n in graph for v in n.outputs if v.name},
        "explained_inputs": [],
        "families": {},
    }
    description = ModelDescription(**fields)
    try:
        backward, explained = _backward(prepared, description)
    except ExplainError as e:
        backward, explained = Support(supported=False, reason=e.detail), []
    return description.model_copy(
        update={
            "families": {"backward": backward, "sampling": Support(supported=True), "prototype": backward},
            "explained_inputs": _askable(inputs, explained),
        }
    )


def _askable(inputs: list[TensorSpec], explained: list[str]) -> list[str]:
    """Return the inputs that can be explained: those with a slope, or all where none has one, and strings by asking."""
    known = explained or [s.name for s in inputs]
    return [s.name for s in inputs if s.name in known or (s.dtype == "str" and s.batch_axis is not None)]


def _is_open(description: ModelDescription) -> bool:
    """Say whether concrete inputs tell more than the declared ones: an open axis, or a whole number that all items share."""
    return any(
        s.shape is None
        or any(not isinstance(d, int) for d in s.shape)
        or (s.batch_axis is None and "int" in s.dtype)
        for s in description.inputs
    )


def _backward(prepare: Callable[[], ir.Model], description: ModelDescription) -> tuple[Support, list[str]]:
    prepared = prepare()
    target, _ = find_target(prepared.graph, first_output(description).name, peel=True)
    chosen, _ = choose(prepared.graph, Params())
    names = [leaf.name for leaf in chosen]
    sources = {v for leaf in chosen for v in leaf.values}
    path = find_path(prepared.graph, sources, target, VJPS)
    if not path.blockers and not path.nodes and target not in sources:
        raise InvalidRequest(f"{target.name!r} does not depend on {', '.join(names)}")
    blockers = [b for b in path.blockers if not (b.operator in SETTLED_LATER and _is_open(description))]
    if not blockers:
        return Support(supported=True), names
    path = replace(path, blockers=blockers)
    listed = ", ".join(f"{b.node} ({b.operator}: {b.reason})" for b in path.blockers[:5])
    more = f" and {len(path.blockers) - 5} more" if len(path.blockers) > 5 else ""
    return Support(
        supported=False, reason=f"no derivative through {listed}{more}", blockers=path.blockers
    ), names
