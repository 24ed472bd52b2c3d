"""Write out what stands for other nodes: branches, loops, sequences, recurrent steps, functions, fused operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from ...ops import VJPS
from ..table import key
from . import attention as _attention  # noqa: F401 - these fill EXPANSIONS
from . import contrib as _contrib  # noqa: F401
from . import linear_models as _linear_models  # noqa: F401
from . import recurrent as _recurrent  # noqa: F401
from . import regions as _regions  # noqa: F401
from .branches import condition, take_branches
from .constants import fold_constants
from .expand import EXPANSIONS, expand
from .functions import expand_functions
from .loops import turns, unroll_loops
from .quantised import join_integer_products
from .sequences import resolve_sequences
from .shapes import infer

ROUNDS = 64
"""Each round settles at least one level of nesting."""
STRUCTURE = frozenset(
    {
        "If",
        "Loop",
        "Scan",
        "SequenceConstruct",
        "SequenceEmpty",
        "SplitToSequence",
        "SequenceMap",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
    }
)
SETTLED_LATER = STRUCTURE | {
    "LSTM",
    "GRU",
    "RNN",
    "SequenceAt",
    "SequenceInsert",
    "SequenceErase",
    "ConcatFromSequence",
}
"""What may block a path through declared shapes and not through those of concrete inputs."""
Known = dict[str, Any]
"""Conditions of If nodes and turns of loops, by the node's name."""


def unfold(model: ir.Model, assume: Mapping[str, Any]) -> Known:
    """Write out until nothing is left that can be; return what the conditions and numbers of turns were.

    `assume` gives some that this graph, in which the number of items is open, cannot know.
    """
    known: Known = {}
    for _ in range(ROUNDS):
        before = len(model.graph)
        if _has_structure(model):
            fold_constants(model)
        known |= _decisions(model)
        changed = take_branches(model, assume) | unroll_loops(model, assume) | _sequences(model)
        changed |= join_integer_products(model)
        changed |= expand_functions(model) | expand(model, EXPANSIONS, keep=VJPS)
        if not changed and (len(model.graph) == before or not _has_structure(model)):
            break
        infer(model)
    return known


def _has_structure(model: ir.Model) -> bool:
    return any(n.op_type in STRUCTURE for n in model.graph)


def _sequences(model: ir.Model) -> bool:
    return resolve_sequences(model) if _has_structure(model) else False


def _decisions(model: ir.Model) -> Known:
    found: Known = {}
    for node in model.graph:
        decided = (
            condition(node)
            if node.op_type == "If"
            else turns(node)
            if node.op_type in ("Loop", "Scan")
            else None
        )
        if decided is not None:
            found[node.name or ""] = decided
    return found


def is_open(model: ir.Model) -> bool:
    """Say whether a branch or a loop is left."""
    return any(key(n) in ("If", "Loop", "Scan") for n in model.graph)
