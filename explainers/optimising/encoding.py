"""Features matched by descent: codes that decode to given inputs, and inputs whose features are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..graph.explanation import WEIGHTS
from ..registry import Params
from ..run import Run
from ..signature import Request
from ..types import Array, Target
from .bounds import open_box
from .evaluation import Evaluation
from .loop import Climb, Plan
from .parametrisation import Pixels
from .regularisers import SquaredNorm

if TYPE_CHECKING:
    from ..model import Model

STEPS, RATE, NORM = 200, 0.1, 1e-4


def matching(rows: Run, output: str, wanted: Array, names: list[str]) -> Evaluation:
    """Return the evaluation whose objective is minus the relative squared distance of a tensor to what is wanted."""
    target = Target(output=output, logits=False)
    request = Request("optimising/match", Params(explain_inputs=names), target, rows.request.seed)
    explainer = rows.compiled(request, frozen=True)
    return Evaluation(rows, explainer, {WEIGHTS: wanted.astype(explainer.emission.dtype)}, names)


def encoded(run: Run, decoder: Model, name: str, wanted: Array) -> Array:
    """Return codes, items first, whose decoded inputs `name` are nearest to those wanted, found by descent from zero."""
    code = decoder.inputs[0]
    shape = tuple(int(d) for d in (code.shape or [])[1:] if isinstance(d, int))
    zeros = np.zeros((len(wanted), *shape), code.dtype)
    request = Request("optimising/match", Params(), Target(output=name, logits=False), run.request.seed)
    rows = Run(decoder, request, {code.name: zeros}, len(wanted), run.place, run.progress)
    climb = Climb(
        matching(rows, name, wanted, [code.name]),
        {code.name: Pixels(zeros, open_box(shape))},
        {code.name: [SquaredNorm(NORM)]},
    )
    climb.run(Plan(STEPS, {code.name: np.float32(RATE)}, frames=0), lambda done, of: None)  # type: ignore[dict-item]
    run.evaluations += rows.evaluations
    return climb.best[code.name]
