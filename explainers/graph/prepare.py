"""The passes that turn a checked model into the graph that explanations are built on, in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from .build import Dims, dimensions
from .passes.apart import set_apart
from .passes.batch_norm import fold_batch_norm
from .passes.constants import LARGEST, fold_constants
from .passes.fuse_operators import fuse_operators
from .passes.opset import inline_functions, to_opset
from .passes.probe import is_vague, sharpen
from .passes.shapes import BATCH, infer, set_input_shapes, set_input_values
from .passes.softmax import drop_shift, unflatten_softmax
from .passes.unfold import Known, is_open, unfold
from .passes.widen import widen
from .weights import put_back, without_weights

Shapes = Mapping[str, list[int | str | None]]
PROBED = 4096


def to_ir(proto: onnx.ModelProto) -> ir.Model:
    """Return the model as an onnx_ir model whose constants are initializers and no inputs."""
    model = ir.from_proto(proto)
    # before version 4 of the IR every initializer had to be an input too
    model.ir_version = max(model.ir_version or 0, 10)
    common.RemoveInitializersFromInputsPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return model


def prepare(
    proto: onnx.ModelProto,
    shapes: Shapes,
    keep: Collection[str] = (),
    values: Mapping[str, np.ndarray] | None = None,
) -> ir.Model:
    """Return the model in one opset, its attributes explicit, its shapes inferred, its constants folded, in float32 or 64.

    Tensors named in `keep` keep their values: nothing is merged across them. Inputs named in `values` are taken to be
    these: they decide branches and numbers of turns.
    """
    light, heavy = without_weights(proto)
    converted = to_opset(set_apart(inline_functions(light)))
    start = _Start(converted, heavy, shapes, keep, values or {})
    model, _ = _prepare(start, {})
    if any(BATCH in s for s in shapes.values()):
        if is_open(model):
            model, _ = _prepare(start, _agreed(start))
        if is_vague(model):
            sharpen(model, lambda items: _shapes_for(start, items))
    return model


@dataclass(frozen=True)
class _Start:
    proto: onnx.ModelProto
    weights: Sequence[onnx.TensorProto]
    """The large ones, which every graph made from here refers to and none copies."""
    shapes: Shapes
    keep: Collection[str]
    values: Mapping[str, np.ndarray]
    folded: int = LARGEST
    """Values of the largest constant that is computed before the run."""

    def of(self, items: int) -> _Start:
        """Return the same with a number of items, to learn shapes from: weights are left as they are."""
        return replace(
            self,
            folded=PROBED,
            shapes={n: [items if d == BATCH else d for d in s] for n, s in self.shapes.items()},
        )


def _agreed(start: _Start) -> Known:
    """Return the branches and numbers of turns that are the same for two and for three items."""
    (_, two), (_, three) = _prepare(start.of(2), {}), _prepare(start.of(3), {})
    return {n: v for n, v in two.items() if three.get(n) == v}


def _shapes_for(start: _Start, items: int) -> dict[str, Dims]:
    model, _ = _prepare(start.of(items), {})
    return {v.name or "": dimensions(v) for node in model.graph for v in node.outputs}


def _prepare(start: _Start, assume: Known) -> tuple[ir.Model, Known]:
    keep = start.keep
    model = to_ir(start.proto)
    put_back(model, start.weights)
    name_nodes(model)
    set_input_shapes(model, start.shapes)
    set_input_values(model, start.values)
    infer(model)
    known = unfold(model, assume)
    widen(model)
    unflatten_softmax(model)
    fold_constants(model, start.folded)
    fuse_operators(model, keep)
    drop_shift(model, keep)
    fold_batch_norm(model, keep)
    common.AddDefaultAttributesPass()(model)
    common.RemoveUnusedNodesPass()(model)
    infer(model)
    return model, known


def name_nodes(model: ir.Model) -> None:
    """Give every node a name of its own, after its first output where it has none."""
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for node in model.graph.all_nodes():
        name = base = node.name or node.outputs[0].name or node.op_type
        # counted on: whoever gives all nodes one name must not make us try all numbers for each
        count = counts.get(base, 1)
        while name in taken:
            name, count = f"{base}#{count}", count + 1
        counts[base] = count
        taken.add(name)
        node.name = name
