"""A law over operators: what changes a cell lies in its field; where values only move or add up, nothing else does."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest
import reference.rows
from reference.vjp_case import Case

from explainers.graph.prepare import prepare
from explainers.inside.observed import observed
from explainers.inside.receptive import fields
from explainers.inside.support_moves import MOVES
from explainers.inside.support_rules import RULES
from explainers.testing import runtime

EXACT = {
    "Add", "AveragePool", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "CumSum", "DepthToSpace", "Expand", "Flatten",
    "Gather", "Gemm", "GlobalAveragePool", "Identity", "MatMul", "Pad", "ReduceMean", "ReduceSum", "Reshape", "Resize", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "Sub", "Sum", "Tile", "Transpose", "Unsqueeze",
}  # fmt: skip
RUNNING = {"CumSum"}
"""Of these a cell sees less than its whole axis: the field is a bound."""
MOST = 60


def rows() -> list[Case]:
    """Rows of operators that have a rule and that the runtime computes, a few of each."""
    count: dict[str, int] = {}
    found = []
    for module in pkgutil.iter_modules(reference.rows.__path__):
        for row in importlib.import_module(f"reference.rows.{module.name}").ROWS:
            small = all(row.inputs[i].size <= 400 for i in row.explained)
            known = row.operator in RULES | MOVES and not row.runtime_lacks and row.opset <= 23 and small
            if known and row.explained and count.setdefault(row.operator, 0) < 12:
                count[row.operator] += 1
                found.append(row)
    return found


ROWS = rows()


def changed(run, feeds, name, outputs):
    """(input cells, output cells): which outputs move with which input cell."""
    start, x = run(feeds), feeds[name]
    found = {y: np.zeros((x.size, start[y].size), bool) for y in outputs}
    for cell in range(x.size):
        for step in (0.37, -0.21):
            moved = x.copy()
            moved.reshape(-1)[cell] += step
            after = run({**feeds, name: moved})
            for y in outputs:
                same = np.isclose(after[y], start[y], rtol=1e-6, atol=1e-7, equal_nan=True)
                found[y][cell] |= ~same.reshape(-1)
    return found


@pytest.mark.parametrize("row", ROWS, ids=[f"{r.name}#{i}" for i, r in enumerate(ROWS)])
def test_what_changes_a_cell_is_in_its_field(row):
    proto, feeds = row.model(), row.feeds()
    model = observed(prepare(proto, {n: list(a.shape) for n, a in feeds.items()}), feeds)
    outputs = [o.name for o in proto.graph.output if o.type.tensor_type.elem_type in (1, 10, 11)]
    run = runtime(proto)
    for name, x in feeds.items():
        for y, moves in changed(run, feeds, name, outputs).items() if x.ndim else []:
            layer = next(v for v in [*model.graph.outputs] if v.name == y)
            shape = run(feeds)[y].shape
            if not shape:
                continue
            cells = np.random.default_rng(0).permutation(moves.shape[1])[:MOST]
            found = fields(model.graph, layer, np.stack(np.unravel_index(cells, shape), 1))
            compare(row, found, name, moves[:, cells].T.reshape(len(cells), *x.shape))


def compare(row, found, name, moves):
    for axis, mask in enumerate(found.inputs[name]):
        real = moves.any(tuple(a for a in range(1, moves.ndim) if a != axis + 1))
        assert not (real & ~mask).any(), f"axis {axis}: a cell outside the field counts"
        if row.operator in EXACT - RUNNING and not found.unknown:
            assert not (mask & ~real).any(), f"axis {axis}: the field holds cells that do not count"


def test_rules_are_tried():
    untried = (RULES.keys() | MOVES.keys()) - {r.operator for r in ROWS}
    assert untried <= UNTRIED


UNTRIED = {
    "And", "ArgMax", "ArgMin", "CastLike", "Ceil", "DequantizeLinear", "Equal", "Floor", "Greater", "GreaterOrEqual", "Hardmax",
    "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "QuantizeLinear", "Round", "Sign", "Xor", "GlobalLpPool", "Swish",
}  # fmt: skip
"""Steps, whole numbers and truth values have no row for want of a slope; the last two the runtime lacks in their newest form."""
