"""Check a model's compiled gradient against differences: for tests of models, operators and rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from .graph.backward import backward
from .graph.build import Builder
from .graph.passes.opset import inline_functions, to_opset
from .graph.paths import Path, blocked, find_path, is_float
from .graph.prepare import prepare
from .graph.table import VJPS, Table, key
from .types import Array, Arrays

Run = Callable[[Arrays], Arrays]
Evaluator = Callable[[onnx.ModelProto], Run]
STEPS = (1e-4, 1e-5, 1e-3, 1e-6)
ENOUGH = 1e-7
"""Widths of the differences; one that straddles a kink is wrong, so several are tried."""
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
DOUBLE = onnx.TensorProto.DOUBLE


@dataclass(frozen=True)
class GradientCheck:
    """What the compiled gradient says along a direction, and what the model itself does."""

    slope: float
    """The gradient times the direction."""
    ahead: float
    behind: float
    """The model's one-sided slopes along the direction; they differ at a kink."""
    central: float
    error: float
    """The distance of `slope` from the central difference, relative to the size of its terms."""
    kink: bool
    """The one-sided slopes exist and differ."""
    gradients: Arrays

    @property
    def is_subgradient(self) -> bool:
        """At a kink: the slope lies between the one-sided ones."""
        slack = 1e-5 * (1 + abs(self.ahead) + abs(self.behind))
        low, high = sorted((self.ahead, self.behind))
        return bool(low - slack <= self.slope <= high + slack)


def reference(proto: onnx.ModelProto) -> Run:
    """Evaluate with ONNX's own reference implementation: numpy, any precision, slow."""
    from onnx.reference import ReferenceEvaluator

    from .exact import CORRECTED

    session = ReferenceEvaluator(proto, new_ops=list(CORRECTED))

    def run(feeds: Arrays) -> Arrays:
        with np.errstate(all="ignore"):
            return dict(zip(session.output_names, session.run(None, dict(feeds)), strict=True))

    return run


def runtime(proto: onnx.ModelProto) -> Run:
    """Evaluate with ONNX Runtime on the CPU; not every operator has a float64 kernel there."""
    from .runtime import Session

    return Session(proto.SerializeToString(), threads=1).run


def check_gradient(
    model: onnx.ModelProto,
    inputs: Mapping[str, Array],
    *,
    wrt: Collection[str] | None = None,
    seed: int = 0,
    rtol: float = 1e-6,
    forward: Evaluator | None = None,
    evaluator: Evaluator = reference,
    shapes: Mapping[str, Sequence[int | str | None]] | None = None,
    table: Table | None = None,
) -> GradientCheck:
    """Compare the compiled gradient with central differences in float64, along one random direction.

    Raises AssertionError where they differ by more than `rtol`; at a kink, where the slope is none of the two sides' or between.
    """
    check = compare(
        model, inputs, wrt=wrt, seed=seed, forward=forward, evaluator=evaluator, shapes=shapes, table=table
    )
    if not (check.error <= rtol or (check.kink and check.is_subgradient)):
        raise AssertionError(
            f"the gradient says {check.slope!r} along the direction, the differences {check.central!r} "
            f"(ahead {check.ahead!r}, behind {check.behind!r}): relative error {check.error:.1e} > {rtol:.0e}"
        )
    return check


def compare(
    model: onnx.ModelProto,
    inputs: Mapping[str, Array],
    *,
    wrt: Collection[str] | None = None,
    seed: int = 0,
    forward: Evaluator | None = None,
    evaluator: Evaluator = reference,
    shapes: Mapping[str, Sequence[int | str | None]] | None = None,
    table: Table | None = None,
) -> GradientCheck:
    """Return the compiled gradient's slope along a random direction beside the differences'."""
    proto = lift(to_opset(inline_functions(model)))
    feeds = {n: lift_array(a, n, proto) for n, a in inputs.items()}
    static = {n: list(a.shape) for n, a in feeds.items()}
    # the bodies of functions may compute in float32
    compiled = lift(gradient_model(proto, wrt=wrt, shapes=shapes or static, table=table))
    names = [
        o.name.removeprefix("gradient.") for o in compiled.graph.output if o.name.startswith("gradient.")
    ]
    run = (forward or evaluator)(proto)
    rng = np.random.default_rng(seed)
    cotangents = _cotangents(rng, run(feeds), [i.name for i in compiled.graph.input])
    gradients = evaluator(compiled)(feeds | {f"cotangent.{n}": c for n, c in cotangents.items()})
    gradients = {n: gradients[f"gradient.{n}"] for n in names}
    direction = {n: np.where(np.isfinite(feeds[n]), rng.standard_normal(feeds[n].shape), 0.0) for n in names}
    return _along(run, feeds, cotangents, gradients, direction)


def _cotangents(rng: np.random.Generator, outputs: Arrays, wanted: Collection[str]) -> Arrays:
    """Weigh each finite output value by a positive number: at a tie of maxima the slope then lies between the one-sided ones."""
    return {
        n: np.where(np.isfinite(y), rng.uniform(0.5, 2.0, np.shape(y)), 0.0).astype(y.dtype)
        for n, y in outputs.items()
        if f"cotangent.{n}" in wanted
    }


def _along(
    run: Run, feeds: Arrays, cotangents: Arrays, gradients: Arrays, direction: Arrays
) -> GradientCheck:
    def value(t: float) -> float:
        out = run(feeds | {n: (feeds[n] + t * v).astype(feeds[n].dtype) for n, v in direction.items()})
        return float(sum(np.sum(np.where(c == 0, 0.0, out[n]) * c) for n, c in cotangents.items()))

    terms = [np.where(direction[n] == 0, 0.0, g) * direction[n] for n, g in gradients.items()]
    slope = float(sum(np.sum(t) for t in terms))
    size = float(np.sqrt(sum(np.sum(np.square(t)) for t in terms)))
    best = (np.inf, 0.0)
    for h in STEPS:
        central = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
        error = abs(slope - central) / max(size, abs(central), 1e-3)
        best = min(best, (error, central)) if np.isfinite(error) else best
        if best[0] <= ENOUGH:
            break
    ahead, behind, steady = _sides(value) if best[0] > ENOUGH else (best[1], best[1], True)
    apart = abs(ahead - behind) > 1e-3 * max(size, abs(ahead), abs(behind), 1e-3)
    return GradientCheck(slope, ahead, behind, best[1], best[0], steady and apart, gradients)


def _sides(value: Callable[[float], float]) -> tuple[float, float, bool]:
    """Return the one-sided slopes, and whether two widths agree on them: noise and jumps grow as the width shrinks."""
    here = value(0.0)
    (ahead, behind), (further, before) = (
        ((value(h) - here) / h, (here - value(-h)) / h) for h in (1e-6, 1e-5)
    )
    slack = 1e-3 * (1 + abs(ahead) + abs(behind))
    return ahead, behind, bool(abs(ahead - further) <= slack and abs(behind - before) <= slack)


# ----- the gradient as a graph -----


def gradient_model(
    proto: onnx.ModelProto,
    *,
    wrt: Collection[str] | None = None,
    shapes: Mapping[str, Sequence[int | str | None]] | None = None,
    table: Table | None = None,
) -> onnx.ModelProto:
    """Return the graph with inputs `cotangent.<output>` and outputs `gradient.<input>`."""
    import explainers.ops  # fills VJPS

    assert explainers.ops.VJPS is VJPS
    model = prepare(proto, {n: list(s) for n, s in (shapes or {}).items()})
    graph = model.graph
    sources = [v for v in graph.inputs if is_float(v) and (wrt is None or v.name in wrt)]
    paths = [(y, find_path(graph, sources, y, table or VJPS)) for y in graph.outputs if is_float(y)]
    _append_gradients(graph, sources, [(y, p) for y, p in paths if p.nodes], table or VJPS)
    return ir.to_proto(model)


def _append_gradients(
    graph: ir.Graph, sources: Sequence[ir.Value], paths: Sequence[tuple[ir.Value, Path]], table: Table
) -> None:
    if blockers := [b for _, p in paths for b in p.blockers]:
        raise blocked(blockers)
    if not paths:
        raise ValueError("no float output depends smoothly on " + ", ".join(v.name or "?" for v in sources))
    op, on_path = Builder(graph), {n for _, p in paths for n in p.nodes}
    nodes = [n for n in graph if n in on_path]
    active = {v for _, p in paths for v in p.active}
    seeds = {y: _seed(graph, y) for y, _ in paths}
    arrived = backward(op, nodes, active, seeds, lambda node: table[key(node)])
    del graph.outputs[:]
    for v in sources:
        out = op.Identity(arrived.get(v) or op.zeros_like(v))
        out.name, out.shape = f"gradient.{v.name}", v.shape
        graph.outputs.append(out)


def _seed(graph: ir.Graph, y: ir.Value) -> ir.Value:
    v = ir.Value(name=f"cotangent.{y.name}", type=y.type, shape=y.shape)
    graph.inputs.append(v)
    return v


# ----- float64 -----


def lift(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with every float tensor in float64, those excepted that the standard wants in float32."""
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    single = _single_only(out.graph)
    for value in [*out.graph.input, *out.graph.output]:
        kind = value.type.tensor_type
        if kind.elem_type in FLOATS and value.name not in single:
            kind.elem_type = DOUBLE
    for tensor in out.graph.initializer:
        if tensor.name not in single:
            _lift_tensor(tensor)
    del out.graph.value_info[:]
    for node in out.graph.node:
        _lift_node(node, single)
    return out


def _single_only(graph: onnx.GraphProto) -> set[str]:
    """The tensors that an operator takes or gives in float32 alone."""
    names: set[str] = set()
    for node in graph.node:
        if not onnx.defs.has(node.op_type, node.domain):
            continue
        schema = onnx.defs.get_schema(node.op_type, node.domain)
        for formals, actuals in ((schema.inputs, node.input), (schema.outputs, node.output)):
            names.update(
                n for n, f in zip(actuals, formals, strict=False) if n and f.type_str == "tensor(float)"
            )
    return names


def _lift_node(node: onnx.NodeProto, single: set[str]) -> None:
    if node.op_type == "GroupNormalization":
        # its body computes in float32 unless told otherwise
        node.attribute.append(onnx.helper.make_attribute("stash_type", DOUBLE))
    if node.op_type == "ConstantOfShape" and not node.attribute:
        node.attribute.append(onnx.helper.make_attribute("value", onnx.numpy_helper.from_array(np.zeros(1))))
    for a in node.attribute:
        if a.name in ("to", "dtype", "output_datatype") and a.i in FLOATS:
            a.i = DOUBLE
        elif a.HasField("t") and not set(node.output) & single:
            _lift_tensor(a.t)
        for graph in ([a.g] if a.HasField("g") else []) + list(a.graphs):
            for inner in graph.node:
                _lift_node(inner, single)
            for value in [*graph.input, *graph.output]:
                if value.type.tensor_type.elem_type in FLOATS:
                    value.type.tensor_type.elem_type = DOUBLE
            for tensor in graph.initializer:
                _lift_tensor(tensor)


def _lift_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in FLOATS:
        wide = onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(tensor).astype(np.float64), tensor.name
        )
        tensor.CopyFrom(wide)


def lift_array(a: Any, name: str, proto: onnx.ModelProto) -> Any:
    """Return an input's value in the type that the lifted model wants."""
    kinds = {v.name: v.type.tensor_type.elem_type for v in proto.graph.input}
    return np.asarray(a, np.float64) if kinds.get(name) == DOUBLE else a


__all__ = ["GradientCheck", "check_gradient", "compare", "gradient_model", "lift", "reference", "runtime"]
