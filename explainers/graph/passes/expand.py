"""Write operators that stand for several simpler ones out as those, by a table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import onnx
import onnx_ir as ir

from ..build import Builder, dimensions
from ..table import attributes, key

Expansion = Callable[..., Any]
"""`expansion(op, *inputs, **attributes)` -> the node's outputs, in order, or the first alone; None: leave the node as it is."""
EXPANSIONS: dict[str, Expansion] = {}
KEPT = "onnxplain.deployed"
"""Mark of a node that stands beside its expansion."""
PART_OF = "onnxplain.part_of"
"""Under this a node that was written out leaves its name on what stands for it now."""


def expansion(*operators: str) -> Callable[[Expansion], Expansion]:
    """Register the decorated function as what these operators stand for."""

    def register(write: Expansion) -> Expansion:
        for operator in operators:
            if operator in EXPANSIONS:
                raise RuntimeError(f"{operator} is expanded twice")
            EXPANSIONS[operator] = write
        return write

    return register


def expand(model: ir.Model, table: dict[str, Expansion], keep: Collection[str] = ()) -> bool:
    """Write out every node that the table knows, in subgraphs as well, except the operators to keep; say whether any was."""
    version = model.opset_imports.get("", 23)
    found = [_expand_graph(g, table, keep, version) for g in [model.graph, *model.graph.subgraphs()]]
    return any(found)


def _expand_graph(graph: ir.Graph, table: dict[str, Expansion], keep: Collection[str], version: int) -> bool:
    wanted = {n for n in graph if key(n) in table and key(n) not in keep and KEPT not in n.metadata_props}
    if not wanted:
        return False
    op, done = Builder(graph), False
    for node in list(graph):
        settle(node, version)
        if node in wanted and all(v is None or v.dtype is not None for v in node.inputs):
            done |= write_out(op, graph, node, table[key(node)], version)
    return done


def write_out(op: Builder, graph: ir.Graph, node: ir.Node, write: Expansion, version: int = 23) -> bool:
    """Put what the expansion emits in the node's place, under the node's name; say whether it emitted anything."""
    op.prefix = node.name or node.op_type
    last = graph[-1]
    results = write(op, *node.inputs, **attributes(node))
    fresh = list(_behind(graph, last))
    for new in fresh:
        graph.remove(new)
    if results is None:
        return False
    graph.insert_before(node, fresh)
    sign(fresh, node)
    known = all(v.shape is not None for v in node.outputs if v.uses())
    replace_node(graph, node, results if isinstance(results, tuple | list) else (results,))
    for new in [] if known else fresh:
        settle(new, version)
    return True


def sign(fresh: Iterable[ir.Node], node: ir.Node) -> None:
    """Say of new nodes which one of the model's they are a part of."""
    owner = str(node.metadata_props.get(PART_OF, node.name or ""))
    for new in fresh:
        new.metadata_props.setdefault(PART_OF, owner)


def _behind(graph: ir.Graph, last: ir.Node) -> Iterator[ir.Node]:
    found = []
    for node in reversed(graph):
        if node is last:
            break
        found.append(node)
    return reversed(found)


def replace_node(graph: ir.Graph, node: ir.Node, results: Sequence[ir.Value | None]) -> None:
    """Let the results be read in place of the node's outputs, under their names, and drop the node."""
    for old, result in zip(node.outputs, [*results, *[None] * len(node.outputs)], strict=False):
        if not (old.uses() or old.is_graph_output()):
            continue
        if result is None:
            raise RuntimeError(f"the expansion of {node.name} leaves {old.name} out, which is read")
        new = _own(graph, node, old, result)
        look_like(new, old)
        name, old.name = old.name, None
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        new.name = name
    graph.remove(node, safe=True)


def _own(graph: ir.Graph, node: ir.Node, old: ir.Value, new: ir.Value) -> ir.Value:
    """Return a value that may take the old one's name: that of an input, a constant or another reader keeps its own."""
    maker = new.producer()
    mine = maker is not None and maker.graph is graph and not new.is_graph_output()
    if mine and (new.name or "").startswith(f"{node.name}/"):
        return new
    identity = ir.node("Identity", [new], name=f"{node.name}/{old.name}")
    graph.insert_before(node, identity)
    look_like(identity.outputs[0], new)
    return identity.outputs[0]


def look_like(new: ir.Value, old: ir.Value) -> None:
    """Give a value the type and shape of another as far as they are known."""
    if old.dtype is not None:
        new.dtype = old.dtype
    if old.shape is not None:
        new.shape = old.shape


def settle(node: ir.Node, version: int = 23) -> None:
    """Infer the types and shapes of one node's outputs from its inputs' where they are not known yet."""
    if all(v.dtype is not None and v.shape is not None for v in node.outputs) or node.domain not in (
        "",
        "ai.onnx",
    ):
        return
    if any(v is not None and v.dtype is None for v in node.inputs):
        return
    try:
        found = onnx.shape_inference.infer_node_outputs(
            onnx.defs.get_schema(node.op_type, version, ""),
            ir.to_proto(node),
            _types(node),
            _data(node),
            opset_imports=[onnx.helper.make_opsetid("", version)],
            ir_version=10,
        )
    except (
        onnx.shape_inference.InferenceError,
        onnx.checker.ValidationError,
        onnx.defs.SchemaError,
        RuntimeError,
        ValueError,
    ):
        return
    for v in node.outputs:
        if v.name in found and found[v.name].HasField("tensor_type"):
            v.type = v.type or ir.serde.deserialize_type_proto_for_type(found[v.name])
            v.shape = (
                v.shape if v.shape is not None else ir.serde.deserialize_type_proto_for_shape(found[v.name])
            )


def _types(node: ir.Node) -> dict[str, onnx.TypeProto]:
    known = {v.name: v for v in node.inputs if v is not None and v.name and v.dtype is not None}
    return {
        n: onnx.helper.make_tensor_type_proto(int(v.dtype or 0), None if v.shape is None else dimensions(v))
        for n, v in known.items()
    }


def _data(node: ir.Node) -> dict[str, onnx.TensorProto]:
    known = {
        v.name: v.const_value for v in node.inputs if v is not None and v.name and v.const_value is not None
    }
    return {n: ir.to_proto(t) for n, t in known.items() if t.size <= 64}
