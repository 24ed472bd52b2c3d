"""A job as asked for becomes a job that can be run: checked against the stored description, its inputs stored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import explainers
from explainers import registry, signature
from explainers import target as targets
from explainers.errors import InvalidRequest
from explainers.layout import Shapes, rows_first, shapes_of
from explainers.types import Array, Arrays, ModelDescription, TensorSpec

from . import arrays as npy
from . import references
from .binding import bind
from .blobs import Blobs
from .cost import Cost, check_cost
from .ledger.jobs import LEVELS
from .ledger.times import new_id
from .records import DatasetRecord, ModelRecord, Submission
from .settings import Settings
from .sources import choose
from .tables import Job

SECONDS_PER_PARAMETER = 2e-9
SECONDS_PER_NODE = 2e-5
SAMPLE_ITEMS = 1
MOST_VALUES = 1 << 24
"""Values of an item up to which costs are estimated: nobody has sent them, and groups are counted by making them."""


@dataclass(frozen=True)
class Prepared:
    """Inputs that fit, as they are stored: by name digest, dtype, shape, axis and, of pictures, the input's spec."""

    entries: dict[str, Any]
    sample: Arrays
    """A few items of each, to judge the request by."""
    items: int


def fingerprint(submission: Submission) -> str:
    """Return what tells one request from another: a digest of all that was asked for."""
    digests = {name: _digest(a) for name, a in (submission.inputs or {}).items()}
    fields = [
        submission.model, submission.method, submission.params, submission.target, submission.seed,
        submission.priority, submission.dataset, submission.job, submission.chosen, digests,
    ]  # fmt: skip
    return _hash(fields)


def prepare(
    model: ModelRecord, submission: Submission, source: DatasetRecord | None, blobs: Blobs, settings: Settings,
    named: references.Named,
) -> Job:  # fmt: skip
    """Check a submission and return its job; the inputs are in the blob store, the job is not in the ledger yet."""
    request = _request(submission)
    if submission.priority not in LEVELS:
        raise InvalidRequest(f"priority must be one of {', '.join(LEVELS)}", pointer="/priority")
    inputs = _inputs(model, submission, source, blobs)
    _check(model.description, request, inputs.items)
    data = references.bound(model, request, named, blobs)
    request.params.check_items(inputs.items if inputs.entries else 0, references.known(data, model, blobs))
    known = inputs.sample, model.description, model.card, data.shapes
    evaluations = signature.evaluations(request, *known)
    each = guess(model.description, request.params.making(shapes_of(*known)))
    check_cost(evaluations, each, charged(request, inputs.items), settings)
    return _job(model, submission, request, inputs, data, evaluations, each, settings)


def estimate(
    model: ModelRecord, submission: Submission, shapes: Shapes, items: int, blobs: Blobs, settings: Settings,
    named: references.Named,
) -> Cost:  # fmt: skip
    """Check a submission without inputs and say what it would cost, from the shapes of one item of each input."""
    request = _request(submission)
    for name, shape in shapes.items():
        if math.prod(shape) > MOST_VALUES:
            raise InvalidRequest(
                f"an item of {name!r} of shape {list(shape)} has more than {MOST_VALUES} values, for which nothing is "
                "estimated; give smaller shapes",
                pointer=f"/shapes/{name}",
            )
    _check(model.description, request, items)
    kind = registry.find(request.method)
    axes = {s.name: s.batch_axis for s in model.description.inputs}
    data = references.bound(model, request, named, blobs)
    request.params.check_items(items, references.known(data, model, blobs))
    shapes = Shapes(shapes, shapes.cards, rows_first(data.shapes, axes))
    each = guess(model.description, request.params.making(shapes))
    return check_cost(kind.evaluations(request.params, shapes), each, items, settings)


def charged(request: signature.Request, items: int) -> int:
    """Return how many times the evaluations of one item are paid for: the items, or the targets of a search."""
    if not registry.find(request.method).searches:
        return items
    return len(request.target.index) if isinstance(request.target.index, list) else 1


def _request(submission: Submission) -> signature.Request:
    fields = ("method", "params", "target", "seed")
    return signature.read_request({name: getattr(submission, name) for name in fields})


def _check(description: ModelDescription, request: signature.Request, items: int) -> None:
    signature.check(description, request, items)
    spec = signature.target_spec(description, request.target)
    searches = registry.find(request.method).searches
    targets.check_weights(request.target, spec.shape, None if searches else items)


def _inputs(
    model: ModelRecord, submission: Submission, source: DatasetRecord | None, blobs: Blobs
) -> Prepared:
    if source is not None:
        entries, sample, items = choose(bind(model, source, blobs), submission.chosen, blobs)
        return Prepared(entries, sample, items)
    if not submission.inputs and registry.find(submission.method).searches:
        return Prepared({}, {}, 1)
    if submission.inputs is None:
        raise InvalidRequest("the job needs inputs, or the id of a data set", pointer="/inputs")
    given, items = signature.read_inputs(model.description, submission.inputs)
    axes = {s.name: s.batch_axis for s in model.description.inputs}
    entries = {name: _stored(a, axes[name], blobs) for name, a in given.items()}
    sample = {name: _few(a, axes[name]) for name, a in given.items()}
    return Prepared(entries, sample, items)


def _stored(a: Array, axis: int | None, blobs: Blobs) -> dict[str, Any]:
    plain = npy.plain(a)
    digest = blobs.put(lambda file: npy.write(file, plain)).digest
    return {"digest": digest, "dtype": str(plain.dtype), "shape": list(a.shape), "axis": axis}


def _few(a: Array, axis: int | None) -> Array:
    return a if axis is None else a[(slice(None),) * axis + (slice(0, SAMPLE_ITEMS),)]


def _job(
    model: ModelRecord, submission: Submission, request: signature.Request, inputs: Prepared,
    data: references.Data, evaluations: int, each: float, settings: Settings,
) -> Job:  # fmt: skip
    params = request.params.model_dump(mode="json")
    card = model.card.model_dump(mode="json")
    target, cuttable = _target(model.description, request, inputs.items)
    shapes = {
        n: (e["dtype"], [d for i, d in enumerate(e["shape"]) if i != e["axis"]])
        for n, e in inputs.entries.items()
    }
    work = _hash(
        [model.tenant, model.id, request.method, params, shapes, settings.provider, settings.runner_threads]
    )
    digests = [{n: e["digest"] for n, e in inputs.entries.items()}, references.digests(data.entries)]
    content = _hash([work, card, digests, target, request.seed, explainers.__version__])
    return Job(
        id=new_id(), tenant=model.tenant, model=model.id, card=card, method=request.method, params=params,
        target=target, seed=request.seed, queue=settings.provider, level=LEVELS[submission.priority],
        # chosen items are stored anew, so that they count as this job's own bytes
        dataset=None if submission.chosen else submission.dataset, inputs=inputs.entries, data=data.entries, items=inputs.items,
        cut=0,
        cuttable=cuttable and signature.per_item(request) and _in_rows(inputs.entries), total=inputs.items,
        item_bytes=sum(_item_bytes(e) for e in inputs.entries.values()),
        guess=evaluations * each, evaluations=evaluations * charged(request, inputs.items),
        work=work, content=content, state="queued", done_items=0,
        done=0, unit="items", progressed=0.0, attempt=0, dead=False, cached=False,
    )  # fmt: skip


def guess(description: ModelDescription, making: float) -> float:
    """Guess the seconds of one evaluation before any was measured: the model's, and those of making what it is asked."""
    return making + description.parameters * SECONDS_PER_PARAMETER + description.nodes * SECONDS_PER_NODE


def _target(
    description: ModelDescription, request: signature.Request, items: int
) -> tuple[dict[str, Any], bool]:
    """Return a target as JSON, with a note where its weights are per item; False: it cannot be cut by items."""
    target = request.target.model_dump(mode="json", exclude_none=True)
    if "weights" not in target:
        return target, True
    shape = signature.target_spec(description, request.target).shape
    if shape is None:
        return target, False
    rank = np.ndim(np.array(target["weights"], dtype=object))
    if rank == len(shape) and len(target["weights"]) == items:
        target["per_item_weights"] = True
    return target, True


def _in_rows(entries: Mapping[str, Any]) -> bool:
    # results are joined along their first axis: only inputs with their items there can be cut
    return all(e["axis"] in (0, None) for e in entries.values())


def _item_bytes(entry: dict[str, Any]) -> int:
    rest = [d for i, d in enumerate(entry["shape"]) if i != entry["axis"]]
    return int(math.prod(rest) * np.dtype(entry["dtype"]).itemsize)


def _digest(a: Array) -> str:
    plain = np.ascontiguousarray(npy.plain(np.asarray(a)))
    head = npy.header_bytes(plain.shape, plain.dtype)
    return hashlib.sha256(head + plain.tobytes()).hexdigest()


def _hash(fields: Any) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def specs(description: ModelDescription) -> dict[str, TensorSpec]:
    """Return a model's inputs by name."""
    return {s.name: s for s in description.inputs}
