"""Explain and compile: the two deeds of the engine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from . import __version__, finite, runtime
from . import target as targets
from .books import ledger_entries
from .datasets import Datasets
from .errors import InvalidRequest
from .explainer import Place
from .graph.explanation import Emission, emit
from .model import Model
from .registry import Params, find
from .run import Progress, Run
from .signature import check, read_inputs, read_request, target_spec
from .told import Told
from .types import Account, Array, Arrays, Explanation, Target
from .words import encoded, is_text, shown


def _silent(done: int, total: int, unit: str) -> None:
    del done, total, unit


def explain(
    model: Model,
    inputs: Mapping[str, Array] | Array | None,
    method: str,
    params: Params | Mapping[str, Any] | None = None,
    target: Target | Mapping[str, Any] | int | str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    models: Mapping[str, bytes] | None = None,
    datasets: Datasets | None = None,
    provider: str = "cpu",
    threads: int = 0,
    spinning: bool = True,
) -> Explanation:
    """Explain each item of the inputs, item axis first; a bare array is taken for the only input.

    A method that searches for inputs of its own takes none (None or {}), or data to start from. `models` holds the bytes of
    those that parameters name; without it they name paths. `datasets` holds the rows for `{"dataset": id}` in parameters.
    `spinning` lets idle threads of the runtime wait busily between nodes: many small nodes run up to a third faster, and
    other processes on the same cores get less.
    Raises InvalidRequest, OperatorsWithoutDerivative, ResourceLimit or RuntimeFailure; whatever `progress` raises ends the run.
    """
    request = read_request(
        {"method": method, "params": _fields(params), "target": _fields(target), "seed": seed}
    )
    kind = find(request.method)
    without = kind.searches and (inputs is None or (isinstance(inputs, Mapping) and not inputs))
    arrays, items = ({}, 1) if without else read_inputs(model.description, _named(model, inputs))
    check(model.description, request, items)
    place = Place(provider, threads, spinning)
    run = Run(model, request, arrays, items, place, progress or _silent, models, datasets or {})
    started = time.monotonic()
    found = _compiled(run) if kind.compiled else _driven(run)
    found.arrays |= shown(arrays, model.words, found.attributions)
    found.account.seconds = time.monotonic() - started
    found.inputs = None if kind.searches else arrays
    return found


def _fields(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Params | Target) else value


def _named(model: Model, inputs: Mapping[str, Array] | Array | None) -> Mapping[str, Array]:
    if isinstance(inputs, Mapping):
        return encoded(inputs, model.words, model.inputs)
    if inputs is None:
        raise InvalidRequest("this method explains inputs; give them", pointer="/inputs")
    names = [s.name for s in model.inputs]
    # masks and kinds of tokens come with the text
    only = list(model.words) if len(model.words) == 1 and is_text(inputs) else names
    if len(only) != 1:
        raise InvalidRequest(
            f"the model has {len(model.inputs)} inputs; give a dict with {', '.join(names)}",
            pointer="/inputs",
        )
    return encoded({only[0]: np.asarray(inputs)}, model.words, model.inputs)


def _compiled(run: Run) -> Explanation:
    explainer = run.compiled(run.request)
    emission, arrays = explainer.emission, run.explain(explainer)
    score, index = arrays.pop("account.score"), arrays.pop("account.index", None)
    figures = {n: arrays.pop(n) for n in emission.facts if n in arrays}
    books = figures.pop("account.ledger", None)
    account = _account(run, arrays, emission.explained, [float(v) for v in score])
    account.index = [int(i) for i in index] if index is not None else _index(run, emission)
    account.per_item |= {n.removeprefix("account."): [float(v) for v in a] for n, a in figures.items()}
    _say_of_graph(account, run, emission)
    account.ledger = ledger_entries(emission.ledger, books) if books is not None else []
    return Explanation(_ordered(arrays), account)


def _dims(run: Run, emission: Emission) -> list[int | None]:
    """Return the explained tensor's lengths; what the graph cannot say of them, such as a classifier's, a run does."""
    return [None, *run.behind(emission.dims, emission.explained)]


def _index(run: Run, emission: Emission) -> list[int]:
    """Return the class that each item's weights name, where these come from outside of the graph."""
    own = targets.wants_argmax(run.request.target, _dims(run, emission))
    return run.frozen[2] if own else targets.class_index(run.request.target, run.items)


def _say_of_graph(account: Account, run: Run, emission: Emission) -> None:
    account.logits = emission.logits
    account.held_fixed = emission.held_fixed
    account.rules = emission.rules
    account.piecewise_constant = emission.piecewise_constant
    account.facts |= emission.notes
    if targets.sums_everything(run.request.target, _dims(run, emission)):
        account.warnings.append(
            f"the target names no part of {emission.explained!r}: the sum of its values is explained"
        )


def _driven(run: Run) -> Explanation:
    arrays = find(run.request.method).run(run, run.request.params)
    if run.told is not None:
        return _told(run, run.told, arrays)
    if run.driven is not None:
        emission = run.driven.explainer.emission
        account = _account(run, arrays, emission.explained, [float(v) for v in run.driven.score])
        account.index = run.frozen[2]
        if "account.drift" in emission.facts:
            account.per_item["drift"] = [float(v) for v in run.driven.unperturbed["account.drift"]]
        _say_of_graph(account, run, emission)
        return Explanation(_ordered(arrays | run.model_outputs()), account)
    _, score, index = run.frozen
    account = _account(run, arrays, run.explained, [float(v) for v in score])
    account.index = index
    account.logits = run.explained != target_spec(run.model.description, run.request.target).name
    held = {
        s.name: "not explained by this method"
        for s in run.model.inputs
        if f"attribution.{s.name}" not in arrays
    }
    account.held_fixed = held if any(n.startswith("attribution.") for n in arrays) else {}
    if targets.sums_everything(run.request.target, [None, *run.frozen[0].shape[1:]]):
        account.warnings.append(
            f"the target names no part of {run.explained!r}: the sum of its values is explained"
        )
    return Explanation(_ordered(arrays | run.model_outputs()), account)


def _told(run: Run, told: Told, arrays: Arrays) -> Explanation:
    """Return what is about something else than the items of the inputs; the method says what its figures are about."""
    account = _account(run, {}, told.explained, told.score)
    account.items, account.index, account.logits = len(told.score), told.index, told.logits
    account.attribution_sum, account.rules, account.held_fixed = [], told.rules, told.held_fixed
    return Explanation(_ordered(arrays), account)


def _ordered(arrays: Arrays) -> Arrays:
    """Attributions first, outputs last."""
    return dict(
        sorted(
            arrays.items(), key=lambda kv: (not kv[0].startswith("attribution."), kv[0].startswith("output."))
        )
    )


def _account(run: Run, arrays: Arrays, explained: str, score: list[float]) -> Account:
    if find(run.request.method).family != "prototype":  # which may look for where the NaN comes from
        finite.of_items(score, explained)
    attributions = {n.partition(".")[2]: a for n, a in arrays.items() if n.startswith("attribution.")}
    # every member of a group carries the group's value: the sum is about the groups
    attributions |= {n.partition(".")[2]: a for n, a in arrays.items() if n.startswith("group.")}
    return Account(
        method=run.request.method,
        params=run.request.params.model_dump(mode="json"),
        target=run.request.target.model_dump(mode="json"),
        seed=run.request.seed,
        provider=run.place.provider,
        versions=versions(),
        model=run.model.id,
        explained=explained,
        items=run.items,
        score=score,
        attribution_sum=_sums(run, attributions),
        per_item=run.per_item,
        facts=run.facts,
        warnings=run.warnings,
        one_by_one=run.apart if run.told is None else run.told.apart,
        model_evaluations=run.evaluations,
    )


def _sums(run: Run, attributions: Arrays) -> list[float]:
    if not attributions:
        return []
    total = np.zeros(run.items)
    for name, a in attributions.items():
        axis = run.axes.get(name, 0) or 0
        total += np.moveaxis(a, axis, 0).reshape(run.items, -1).astype(np.float64).sum(1)
    return [float(v) for v in total]


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import onnx_ir

    return {
        "onnxplain": __version__,
        "onnxruntime": runtime.VERSION,
        "onnx": onnx.__version__,
        "onnx_ir": onnx_ir.__version__,
        "numpy": np.__version__,
    }


def compile(
    model: Model,
    method: str,
    params: Params | Mapping[str, Any] | None = None,
    target: Target | Mapping[str, Any] | int | str | None = None,
) -> onnx.ModelProto:
    """Return the explanation as one ONNX graph.

    The model's inputs and `target_weights` go in, its outputs and `attribution.<input>` come out; of the target, `output` and
    `logits` are built in.
    """
    request = read_request({"method": method, "params": _fields(params), "target": _fields(target)})
    kind = find(request.method)
    if not kind.compiled:
        raise InvalidRequest(
            f"{method} asks the model from outside and has no graph of its own; use explain",
            pointer="/method",
        )
    name = target_spec(model.description, request.target).name
    prepared = model.prepared_as_declared(request.params.names() | {name})
    emission: Emission = emit(
        prepared,
        kind,
        request.params,
        output=name,
        logits=request.target.logits,
        account=False,
        card=model.card,
    )
    onnx.checker.check_model(emission.proto)
    return emission.proto
