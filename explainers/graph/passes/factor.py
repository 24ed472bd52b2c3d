"""Take a common factor out of sums: x ⊙ a + x ⊙ b becomes x ⊙ (a + b)."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir


def factor_sums(graph: ir.Graph, known: Collection[ir.Node]) -> None:
    """Rewrite sums of two products with one factor where nothing else reads the products; nodes in `known` stay.

    Relevance that reaches a tensor twice is its value times what comes back, each time.
    """
    for node in list(graph):
        if node.op_type == "Add" and node not in known and not node.outputs[0].is_graph_output():
            _factor(graph, node, known)


def _factor(graph: ir.Graph, node: ir.Node, known: Collection[ir.Node]) -> None:
    products = [_product(v, known) for v in node.inputs]
    if None in products or products[0] is products[1]:
        return
    (a, b), (c, d) = (p.inputs for p in products if p is not None)
    shared = next((v for v in (a, b) if v is c or v is d), None)
    if shared is None:
        return
    rest = [b if shared is a else a, d if shared is c else c]
    inner = ir.node("Add", rest, name=f"{node.name}/factors")
    outer = ir.node("Mul", [shared, inner.outputs[0]], name=f"{node.name}/product")
    for fresh in (inner, outer):
        fresh.outputs[0].name = f"{fresh.name}_output"
        fresh.outputs[0].type = node.outputs[0].type
    outer.outputs[0].shape = node.outputs[0].shape
    graph.insert_before(node, [inner, outer])
    ir.convenience.replace_all_uses_with(node.outputs[0], outer.outputs[0])
    graph.remove(node, safe=True)


def _product(v: ir.Value | None, known: Collection[ir.Node]) -> ir.Node | None:
    maker = None if v is None else v.producer()
    if v is None or maker is None or maker.op_type != "Mul" or maker in known:
        return None
    return None if v.is_graph_output() or len(v.uses()) != 1 else maker
