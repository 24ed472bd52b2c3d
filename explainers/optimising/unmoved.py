"""Targets that no start can move: a neuron that never fires has no slope to climb."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidRequest
from ..run import Run
from .aims import Aims
from .loop import Climb

LISTED = 12


def refuse_unmoved(climb: Climb, rows: Run, aims: Aims) -> None:
    """Refuse where every row of a target began without a slope and stayed where it was."""
    still = ~climb.moves.reshape(aims.groups, aims.count).any(1)
    if not still.any():
        return
    names = [str(aims.classes[i]) for i in np.flatnonzero(still)] if aims.classes else []
    what = (
        f"unit {', '.join(names[:LISTED])} of {rows.explained!r}"
        if names
        else f"the target in {rows.explained!r}"
    )
    raise InvalidRequest(
        f"{what} never fires: its derivative is zero at the start and at every step. {_there(rows)}Start elsewhere (mean, "
        f"class_mean, an array, or noise of another size), or explain the tensor before its rectifier{_before(rows)}",
        pointer="/target",
    )


def _there(rows: Run) -> str:
    """Say which units of the layer do fire at the starts."""
    y = rows.evaluate(rows.inputs)
    if y.ndim < 2:
        return ""
    units = np.flatnonzero((np.moveaxis(y, 1, 0).reshape(y.shape[1], -1) > 0).any(1))
    shown = ", ".join(str(u) for u in units[:LISTED]) + (", ..." if len(units) > LISTED else "")
    return f"Of its {y.shape[1]} units {len(units)} fire at the starts{': ' + shown if len(units) else ''}. "


def _before(rows: Run) -> str:
    made = {y: n for n in rows.model.proto.graph.node for y in n.output}
    node = made.get(rows.explained)
    return f", {node.input[0]!r}" if node is not None and len(node.input) == 1 else ""
