"""Other models that a request's parameters name: a decoder, a density; loaded once for each model that they serve."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from ..errors import ExplainError, InvalidRequest
from ..model import Model, load

if TYPE_CHECKING:
    from ..run import Run


def other_model(run: Run, named: str, parameter: str) -> Model:
    """Return the model that a parameter names."""
    data = _bytes(run, named, parameter)
    digest = hashlib.sha256(data).hexdigest()
    try:
        return kept(run, ("other", digest), lambda: load(data))
    except ExplainError as e:
        raise InvalidRequest(
            f"{parameter} {named!r} cannot be used: {e.detail}", pointer=f"/params/{parameter}"
        ) from e


def _bytes(run: Run, named: str, parameter: str) -> bytes:
    pointer = f"/params/{parameter}"
    if run.models is not None:
        if named not in run.models:
            there = ", ".join(run.models) or "none"
            raise InvalidRequest(
                f"no model {named!r} came with the request; there are: {there}", pointer=pointer
            )
        return run.models[named]
    if not Path(named).is_file():
        raise InvalidRequest(
            f"{named!r} is no file; {parameter} is the path of an ONNX model", pointer=pointer
        )
    return Path(named).read_bytes()


def kept(run: Run, name: tuple[str, ...], build: Callable[[], Model]) -> Model:
    """Return a model that is kept beside the one that it serves."""
    return run.model.keep(name, build)


def composed(run: Run, proto: onnx.ModelProto, card: object, name: tuple[str, ...]) -> Model:
    """Return the model of graphs put together, its sessions kept from request to request."""
    return kept(run, ("composed", *name), lambda: load(proto, card))  # type: ignore[arg-type]  # a card, as it comes
