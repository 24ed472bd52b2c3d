"""The ground of a search: which inputs are moved, in which space, on which graph, and what is held."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..baselines import Subject, subject
from ..errors import InvalidRequest
from ..types import Array, Arrays, Card, TensorSpec
from .bounds import Box, box_of, open_box
from .compose import density_ends, fitting, put_together
from .data import data_of
from .experts import FITTED, Fit, fit_expert
from .others import composed, kept, other_model

if TYPE_CHECKING:
    from ..methods.activation_maximization import ActivationMaximizationParams
    from ..model import Model
    from ..run import Run


@dataclass(frozen=True)
class Ground:
    """The model that is climbed on, and the subjects that are moved on it."""

    model: Model
    subjects: dict[str, Subject]
    """By the name of the input that is moved."""
    boxes: dict[str, Box]
    held: Arrays
    """What stays as it is, one item of each, items first."""
    generator: Model | None = None
    decoded: str | None = None
    """The model's input that is decoded from the code."""
    output: str | None = None
    """What the decoder itself calls it."""
    log_p: str | None = None
    expert: onnx.ModelProto | None = None
    """A density that was fitted to the data."""


def plain_ground(
    run: Run, low: Any, high: Any, *, start: Any = None, data: Any = None, held: bool = True
) -> Ground:
    """Return the ground where the model's own inputs are moved."""
    specs = _searched(run)
    subjects = {n: _subject(run, s, start, data) for n, s in specs.items()}
    boxes = {n: box_of(of, run.model.card.input(n), low, high) for n, of in subjects.items()}
    return Ground(run.model, subjects, boxes, _held(run, list(specs)) if held else {})


def _searched(run: Run) -> dict[str, TensorSpec]:
    """Return the real inputs that are asked for."""
    specs = {
        s.name: s for s in run.model.inputs if s.name in run.explained_inputs and s.batch_axis is not None
    }
    asked = run.request.params.explain_inputs
    real = {n: s for n, s in specs.items() if s.dtype.startswith("float")}
    if (asked is not None and len(real) < len(specs)) or not real:
        there = ", ".join(f"{s.name} ({s.dtype})" for s in run.model.inputs)
        raise InvalidRequest(
            f"only inputs of real numbers with an item axis can be searched for; the model takes {there}. Prototypes of tokens "
            "can be made from the part of the model behind the embedding",
            pointer="/params/explain_inputs",
        )
    return real


def _subject(run: Run, spec: TensorSpec, start: Any, data: Any) -> Subject:
    shape = [d for i, d in enumerate(spec.shape or []) if i != spec.batch_axis]
    rows = data_of(run, data, spec.name)
    if rows is not None:
        shape = list(rows.shape[1:])
    else:
        own = start.get(spec.name) if isinstance(start, dict) else start
        known = None if own is None or isinstance(own, str | float | int) else list(np.shape(own))
        if known is not None and len(known) in (len(shape), len(shape) + 1):
            shape = known[len(known) - len(shape) :]
    if spec.shape is None or not all(isinstance(d, int) for d in shape):
        raise InvalidRequest(
            f"the length of some axes of {spec.name!r} is not known: {shape}; give inputs, or a start as an array of one item",
            pointer="/params/start",
        )
    card = run.model.card.input(spec.name)
    return subject(spec.name, [int(d) for d in shape], card, pointer="start")  # type: ignore[arg-type]  # all whole


def _held(run: Run, moved: Sequence[str]) -> Arrays:
    """Return the first item of every other input, or refuse where there is none."""
    others = [s for s in run.model.inputs if s.name not in moved]
    if others and not run.inputs:
        listed = ", ".join(f"{s.name} ({s.dtype})" for s in others)
        raise InvalidRequest(
            f"{listed} cannot be searched for and must be given: send inputs; their first item is held fixed",
            pointer="/inputs",
        )
    return {s.name: run.one[s.name] for s in others}


def ground_of(run: Run, params: ActivationMaximizationParams) -> Ground:
    """Return the ground of a search: the model alone, or with a decoder before it and a density beside it."""
    if params.generator is None:
        ground = plain_ground(run, params.low, params.high, start=params.start, data=params.data)
        if params.expert is None:
            return ground
        if len(ground.subjects) > 1:
            raise InvalidRequest(
                f"an expert judges one input; name one of {', '.join(ground.subjects)}",
                pointer="/params/explain_inputs",
            )
        return _with_parts(run, params, ground, next(iter(ground.subjects)), None)
    decoder = other_model(run, params.generator, "generator")
    specs = _searched(run)
    y, x = fitting(params.generator, decoder.inputs, decoder.description.outputs, list(specs.values()))
    code = decoder.inputs[0]
    shape = (code.shape or [None])[1:]
    if not shape or not all(isinstance(d, int) for d in shape):
        raise InvalidRequest(
            f"the length of the generator's code {code.name!r} is not known: {code.shape}; export it with a fixed one",
            pointer="/params/generator",
        )
    of = Subject(code.name, tuple(int(d) for d in shape if isinstance(d, int)), None, "start")
    held = _held(run, [x.name])
    boxes = {code.name: open_box(of.shape)}
    ground = Ground(run.model, {code.name: of}, boxes, held, decoder, x.name, y.name)
    return _with_parts(run, params, ground, x.name, (decoder, code.name, y.name))


def _with_parts(
    run: Run,
    params: ActivationMaximizationParams,
    ground: Ground,
    x: str,
    generator: tuple[Model, str, str] | None,
) -> Ground:
    """Put the graphs together and name the subjects as the whole does."""
    spec = next(s for s in run.model.inputs if s.name == x)
    expert, fitted = _expert(run, params, spec)
    whole_name = [x, generator[0].id if generator else "", expert[0].id if expert else ""]
    whole = put_together(
        run.model.proto,
        spec,
        (generator[0].proto, *generator[1:]) if generator else None,
        (expert[0].proto, *expert[1:]) if expert else None,
    )
    inputs = {n: c for n, c in run.model.card.inputs.items() if n != x or generator is None}
    model = composed(run, whole.proto, Card(inputs=inputs, outputs=run.model.card.outputs), tuple(whole_name))
    if whole.code is not None:
        of, box = next(iter(ground.subjects.values())), next(iter(ground.boxes.values()))
        ground = replace(ground, subjects={whole.code: replace(of, name=whole.code)}, boxes={whole.code: box})
    return replace(ground, model=model, log_p=whole.log_p, expert=fitted)


def _expert(
    run: Run, params: ActivationMaximizationParams, x: TensorSpec
) -> tuple[tuple[Model, str, str] | None, onnx.ModelProto | None]:
    """Return the density with the names of its ends, and its model where it was fitted here."""
    if params.expert is None:
        return None, None
    if params.expert not in FITTED:
        model = other_model(run, params.expert, "expert")
        ends = density_ends(params.expert, model.inputs, model.description.outputs, x)
        return (model, *ends), None
    how = Fit(params.components, params.hidden, params.floor, run.request.seed)
    data = data_of(run, params.data, x.name)
    name = ("expert", params.expert, str(how), _digest(data))
    fitted = kept(run, name, lambda: _loaded(fit_expert(params.expert or "", data, how)))
    return (fitted, "x", "log_p"), fitted.proto


def _digest(data: Array | None) -> str:
    return "" if data is None else hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()


def _loaded(proto: onnx.ModelProto) -> Model:
    from ..model import load

    return load(proto)
