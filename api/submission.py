"""A job as it was posted, made into a submission: the validated fields, and the inputs from JSON, files or a data set."""

from __future__ import annotations

from flask import request
from werkzeug.datastructures import FileStorage

from explainers import registry, tensors
from explainers.errors import InvalidRequest
from explainers.types import Arrays
from workers.records import Submission
from workers.service import Service

from .incoming import path_of
from .requests import DatasetInputs, JobFields, JobInputs
from .strict_json import escape


def read(service: Service, tenant: str, fields: JobFields) -> Submission:
    """Return the submission that this request asks for."""
    arrays = _inputs(service, tenant, fields)
    method, params = fields.method, fields.params  # type: ignore[attr-defined]  # declared by the method's own model
    return Submission(
        model=fields.model,
        method=method,
        params=params.model_dump(mode="json", exclude_unset=True),
        target=fields.target_fields(),
        seed=fields.seed,
        priority=fields.priority,
        inputs=arrays,
        dataset=fields.inputs.dataset if isinstance(fields.inputs, DatasetInputs) else None,
        job=fields.inputs.job if isinstance(fields.inputs, JobInputs) else None,
        chosen=fields.inputs.items if isinstance(fields.inputs, DatasetInputs | JobInputs) else None,
    )


def _inputs(service: Service, tenant: str, fields: JobFields) -> Arrays | None:
    files = _files()
    if isinstance(fields.inputs, DatasetInputs | JobInputs):
        if files:
            raise InvalidRequest("give the inputs as files or by an id, not both", pointer="/inputs")
        return None
    if fields.inputs is None and not files and not registry.find(fields.method).searches:  # type: ignore[attr-defined]  # as above
        raise InvalidRequest(
            "is missing: give tensors, the id of a data set or of a job, or files in a multipart request",
            pointer="/inputs",
        )
    arrays = tensors.decode([t.model_dump(exclude={"parameters"}) for t in fields.inputs or []])
    for name, part in files.items():
        read = service.read_input_file(tenant, fields.model, name, path_of(part), part.filename or "")
        arrays |= _once(arrays, read)
    return arrays


def _files() -> dict[str, FileStorage]:
    found = {name: parts for name, parts in request.files.lists() if name != "request"}
    for name, parts in found.items():
        if len(parts) > 1:
            raise _twice(name)
    return {name: parts[0] for name, parts in found.items()}


def _once(there: Arrays, more: Arrays) -> Arrays:
    twice = there.keys() & more.keys()
    if twice:
        raise _twice(min(twice))
    return more


def _twice(name: str) -> InvalidRequest:
    return InvalidRequest(f"input {name!r} is given twice; give it once", pointer=f"/inputs/{escape(name)}")


def as_written(error: InvalidRequest, fields: JobFields) -> InvalidRequest:
    """Return the error with pointers as the client wrote its inputs: by position in a list of tensors."""
    if not isinstance(fields.inputs, list) or request.mimetype != "application/json":
        return error
    positions = {f"/inputs/{escape(t.name)}": f"/inputs/{i}" for i, t in enumerate(fields.inputs)}
    found = error.to_json()
    errors = [{**e, "pointer": _position(e["pointer"], positions)} for e in found["errors"]]
    return type(error)(error.detail, **{**error.extra, "errors": errors})


def _position(pointer: str, positions: dict[str, str]) -> str:
    if pointer in positions:
        return positions[pointer]
    # an input that is missing has no place in the list but the list itself
    return "/inputs" if pointer.startswith("/inputs/") else pointer
