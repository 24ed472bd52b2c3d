"""Recognise operators that exporters wrote out, by what the nodes compute, and make them one node again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import onnx_ir as ir

from ..constant import Numbers, add_constant
from .cones import Cone, cones, lengths

Found = tuple[str, dict[str, Any], list[Numbers]] | None
"""Operator, attributes and constant inputs."""


def fuse_operators(model: ir.Model, keep: Collection[str] = ()) -> list[str]:
    """Replace written-out Softmax, LogSoftmax, LayerNorm, RMSNorm, GELU and HardSwish; return the names of what was replaced."""
    graph = model.graph
    fused: list[str] = []
    order = {n: i for i, n in enumerate(graph)}
    if not {n.op_type for n in order} & {
        "Exp",
        "Erf",
        "Tanh",
        "Clip",
        "HardSigmoid",
        "Sqrt",
        "ReduceLogSumExp",
        "Pow",
        "Relu",
    }:
        return fused
    for node in reversed(list(order)):
        if node.graph is graph and node.op_type in ("Add", "Sub", "Mul", "Div"):
            cone, found = _recognise(node.outputs[0], order, keep)
            if cone is not None and found is not None:
                fused.append(_replace(graph, cone, found))
    return fused


def _recognise(y: ir.Value, order: dict[ir.Node, int], keep: Collection[str]) -> tuple[Cone | None, Found]:
    best: tuple[Cone | None, Found] = None, None
    for cone in cones(y, order, keep):
        for marks, recognise in _RECOGNISERS:
            if marks & cone.operators and (found := recognise(cone)) is not None:
                best = cone, found
        # RMSNorm of what was centred before is a LayerNorm: look further
        if best[1] is not None and best[1][0] != "RMSNormalization":
            break
    return best


def _replace(graph: ir.Graph, cone: Cone, found: tuple[str, dict[str, Any], list[Numbers]]) -> str:
    operator, attributes, constants = found
    last, old = cone.nodes[-1], cone.y
    inputs = [add_constant(graph, a, f"{old.name}/{operator}/{i}") for i, a in enumerate(constants)]
    perm = attributes.pop("perm", None)
    x = (
        cone.x
        if perm is None
        else _append(graph, last, ir.node("Transpose", [cone.x], {"perm": perm}), f"{last.name}/to")
    )
    y = _append(
        graph, x.producer() if perm else last, ir.node(operator, [x, *inputs], attributes), last.name or ""
    )
    if perm is not None:
        back = [perm.index(i) for i in range(len(perm))]
        y = _append(graph, y.producer(), ir.node("Transpose", [y], {"perm": back}), f"{last.name}/from")
    name = old.name
    y.type, y.shape = old.type, old.shape
    ir.convenience.replace_all_uses_with(old, y, replace_graph_outputs=True)
    for node in reversed(cone.nodes):
        if not any(v.uses() or v.is_graph_output() for v in node.outputs):
            graph.remove(node, safe=True)
    y.name = name
    return last.name or ""


def _append(graph: ir.Graph, after: ir.Node | None, node: ir.Node, name: str) -> ir.Value:
    assert after is not None
    graph.insert_after(after, node)
    node.name, node.outputs[0].name = name, f"{name}/out"
    return node.outputs[0]


# ---- activations: compared at points

_POINTS = np.concatenate([np.linspace(-6, 6, 49), [-20.0, 20.0, 0.0]])


def _gelu(x: Numbers) -> Numbers:
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x])


def _gelu_tanh(x: Numbers) -> Numbers:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def _hard_swish(x: Numbers) -> Numbers:
    return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1))


_ACTIVATIONS: list[tuple[str, dict[str, Any], Callable[[Numbers], Numbers]]] = [
    ("Gelu", {"approximate": "none"}, _gelu),
    ("Gelu", {"approximate": "tanh"}, _gelu_tanh),
    ("HardSwish", {}, _hard_swish),
]


def _activation(cone: Cone) -> Found:
    if cone.axes() or any(a.size != 1 for a in cone.constants()):
        return None
    x = _POINTS.astype(_numpy(cone)).reshape(-1, *[1] * (len(cone.x.shape or []) - 1))
    y = cone.evaluate(x)
    if y is None or y.shape != x.shape:
        return None
    for operator, attributes, f in _ACTIVATIONS:
        # GELU's two forms differ by up to 5e-4
        if np.allclose(y.reshape(-1), f(_POINTS), rtol=1e-5, atol=1e-5):
            return operator, attributes, []
    return None


# ---- Softmax and its logarithm


def _softmax(cone: Cone) -> Found:
    axes = cone.axes()
    if (
        len(axes) != 1
        or len(axis := next(iter(axes))) != 1
        or any(a.dtype.kind == "f" and a.size != 1 for a in cone.constants())
    ):
        return None
    x = _sample(cone, 0, ())
    y = cone.evaluate(x)
    if y is None or y.shape != x.shape:
        return None
    e = np.exp(x - x.max(axis[0], keepdims=True))
    soft = e / e.sum(axis[0], keepdims=True)
    for operator, expected in (("Softmax", soft), ("LogSoftmax", np.log(soft))):
        if np.allclose(y, expected, rtol=1e-4, atol=1e-6):
            return operator, {"axis": axis[0]}, []
    return None


# ---- normalisations over trailing axes, with whatever scale and shift follows


def _normalisation(cone: Cone) -> Found:
    axes = cone.axes()
    over = next(iter(axes), ())
    if len(axes) != 1 or not all(isinstance(cone.x.shape[a], int) for a in over):  # type: ignore[index]
        return None
    samples = [_sample(cone, seed, over) for seed in (0, 1, 2)]
    found_ys = [cone.evaluate(x) for x in samples]
    ys = [y for y in found_ys if y is not None and y.shape == samples[0].shape and np.isfinite(y).all()]
    if len(ys) != len(samples):
        return None
    rank = samples[0].ndim
    perm = [*(i for i in range(rank) if i not in over), *over]
    ys = [y.transpose(perm) for y in ys]
    scalars = {float(a.reshape(())) for a in cone.constants() if a.dtype.kind == "f" and a.size == 1}
    # none at all fits any small one to six digits: those that are written come first
    for epsilon in [*sorted(e for e in scalars if 0 < e < 0.02), 0.0]:
        for centred, operator in ((True, "LayerNormalization"), (False, "RMSNormalization")):
            normal = [_normal(x, over, epsilon, centred).transpose(perm) for x in samples]
            found = _affine(_numpy(cone), rank - len(over), normal, ys, centred)
            if found is not None:
                attributes = {"axis": rank - len(over), "epsilon": epsilon}
                return operator, attributes | ({"perm": perm} if perm != sorted(perm) else {}), found
    return None


def _normal(x: Numbers, over: tuple[int, ...], epsilon: float, centred: bool) -> Numbers:
    x = x.astype(np.float64)
    x = x - x.mean(over, keepdims=True) if centred else x
    return np.asarray(x / np.sqrt((x * x).mean(over, keepdims=True) + epsilon))


def _affine(
    kind: np.dtype[Any], axis: int, normal: list[Numbers], ys: list[Numbers], centred: bool
) -> list[Numbers] | None:
    """Solve y = scale · normal + shift from two samples and try it on the third; RMSNorm has no shift."""
    n, y = (np.stack(v).reshape(len(v), -1, *v[0].shape[axis:]).astype(np.float64) for v in (normal, ys))
    mean_n, mean_y = n[:2].mean((0, 1)), y[:2].mean((0, 1))
    spread = ((n[:2] - mean_n) ** 2).sum((0, 1))
    scale = ((n[:2] - mean_n) * (y[:2] - mean_y)).sum((0, 1)) / spread
    shift = mean_y - scale * mean_n
    size = max(float(np.abs(y).max()), 1e-12)
    if not np.allclose(y, scale * n + shift, rtol=1e-4, atol=2e-5 * size):
        return None
    if centred:
        return [scale.astype(kind), shift.astype(kind)]
    return [scale.astype(kind)] if np.abs(shift).max() <= 1e-4 * size else None


def _sample(cone: Cone, seed: int, whole: Collection[int]) -> Numbers:
    """Return numbers of x's rank; axes that must be whole have their length, others are short."""
    dims = [n if cone.moves or i in whole or n == 1 else 3 + i for i, n in enumerate(lengths(cone.x))]
    return np.random.default_rng(seed).normal(0.3, 1.5, dims).astype(_numpy(cone))


def _numpy(cone: Cone) -> np.dtype[Any]:
    return np.dtype((cone.x.dtype or ir.DataType.FLOAT).numpy())


_RECOGNISERS: list[tuple[set[str], Callable[[Cone], Found]]] = [
    ({"Erf", "Tanh", "Clip", "HardSigmoid", "Relu"}, _activation),
    ({"Exp", "ReduceLogSumExp"}, _softmax),
    ({"Sqrt", "Pow"}, _normalisation),
]
