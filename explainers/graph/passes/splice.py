"""Put the nodes of a subgraph where the node stands that owns it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir


def splice(
    graph: ir.Graph, node: ir.Node | None, body: ir.Graph, given: Mapping[ir.Value, ir.Value], label: str
) -> list[ir.Value]:
    """Copy a body in front of a node (None: to the end), with values for its inputs; return the copies of its outputs.

    Names inside get the node's name and the label in front, so that a body may be copied more than once.
    """
    seen: dict[ir.Value, ir.Value] = dict(given)
    for v in body.initializers.values():
        seen[v] = _constant(graph, v, label)
    for old in body:
        new = _copy(old, seen, label)
        if node is None:
            # a whole copy: what is known of the shapes stays true
            for v, copy in zip(old.outputs, new.outputs, strict=True):
                copy.shape = v.shape
            graph.append(new)
        else:
            graph.insert_before(node, new)
    return [seen.get(v, v) for v in body.outputs]


def _constant(graph: ir.Graph, v: ir.Value, label: str) -> ir.Value:
    copy = ir.Value(name=f"{label}/{v.name}", const_value=v.const_value, type=v.type, shape=v.shape)
    graph.register_initializer(copy)
    return copy


def _copy(old: ir.Node, seen: dict[ir.Value, ir.Value], label: str) -> ir.Node:
    inputs = [None if v is None else seen.get(v, v) for v in old.inputs]
    attributes = [_attribute(a, seen, label) for a in old.attributes.values()]
    name = f"{label}/{old.name or old.outputs[0].name}"
    new = ir.Node(old.domain, old.op_type, inputs, attributes, num_outputs=len(old.outputs), name=name)
    for v, copy in zip(old.outputs, new.outputs, strict=True):
        copy.name = f"{label}/{v.name}" if v.name else ""
        copy.type, copy.shape = v.type, None
        seen[v] = copy
    return new


def _attribute(a: ir.Attr, seen: Mapping[ir.Value, ir.Value], label: str) -> ir.Attr:
    if a.type != ir.AttributeType.GRAPH:
        return a
    graph = a.as_graph().clone(allow_outer_scope_values=True)
    for node in graph.all_nodes():
        node.name = f"{label}/{node.name}"
        for i, v in enumerate(node.inputs):
            if v is not None and v in seen:
                node.replace_input_with(i, seen[v])
    for inner in [graph, *graph.subgraphs()]:
        inner.outputs[:] = [seen.get(v, v) for v in inner.outputs]
    return ir.AttrGraph(a.name, graph)
