"""Functions that a model brings: they must not call each other in a circle, nor swell beyond measure when written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from ..errors import ModelForbidden, ModelUnparseable
from .limits import Limits

Key = tuple[str, str, str]


def check_calls(proto: onnx.ModelProto, limits: Limits) -> None:
    """Refuse what would recurse or explode in whatever inlines functions: circles, also through branches, and doubling."""
    functions = {(f.domain, f.name, f.overload): f for f in proto.functions}
    if len(functions) < len(proto.functions):
        raise ModelUnparseable("two functions of the model have one name")
    sizes: dict[Key, int] = {}
    for key in _callees_first(functions):
        sizes[key] = _size(functions[key].node, sizes)
        if sizes[key] > limits.nodes:
            raise ModelForbidden(
                f"function {key[1][:80]!r} stands for more than {limits.nodes} nodes", reason="limits"
            )
    if _size(proto.graph.node, sizes) > limits.nodes:
        raise ModelForbidden(
            f"the model has more than {limits.nodes} nodes when its functions are written out",
            reason="limits",
        )


def _callees_first(functions: dict[Key, onnx.FunctionProto]) -> Iterator[Key]:
    """Return the functions in an order in which what is called comes before who calls it."""
    calls = {k: {c for c, _ in _nodes(f.node) if c in functions} for k, f in functions.items()}
    left = {k: len(c) for k, c in calls.items()}
    callers: dict[Key, list[Key]] = {k: [] for k in functions}
    for caller, callees in calls.items():
        for callee in callees:
            callers[callee].append(caller)
    ready = [k for k, n in left.items() if not n]
    done = 0
    while ready:
        key = ready.pop()
        done += 1
        yield key
        for caller in callers[key]:
            left[caller] -= 1
            if not left[caller]:
                ready.append(caller)
    if done < len(functions):
        circle = sorted(k[1][:80] for k, n in left.items() if n)
        raise ModelUnparseable(f"functions of the model call each other in a circle: {', '.join(circle[:5])}")


def _size(nodes: Iterable[onnx.NodeProto], sizes: dict[Key, int]) -> int:
    return sum(sizes.get(key, 1) for key, _ in _nodes(nodes))


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[Key, onnx.NodeProto]]:
    stack = list(nodes)
    while stack:
        node = stack.pop()
        yield (node.domain, node.op_type, node.overload), node
        for a in node.attribute:
            for graph in [*([a.g] if a.HasField("g") else []), *a.graphs]:
                stack.extend(graph.node)
