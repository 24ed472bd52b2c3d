"""Read a model's card, and hold it against the model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from .errors import InvalidRequest, pointer_to
from .signature import class_count
from .types import Card, TensorSpec


def read_card(said: Card | Mapping[str, Any] | bytes | None) -> Card:
    """Return a card from its fields or its JSON, or refuse it with a pointer to each fault."""
    if isinstance(said, Card):
        return said
    try:
        return Card.model_validate_json(said) if isinstance(said, bytes) else Card.model_validate(said or {})
    except ValidationError as e:
        faults = [{"pointer": pointer_to("card", *f["loc"]), "detail": f["msg"]} for f in e.errors()]
        raise InvalidRequest.of(faults) from e


def check_card(
    card: Card, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], inner: Collection[str]
) -> None:
    """Refuse a card that speaks of what the model has not; what it says would be lost, or stand beside the wrong numbers."""
    faults = [*_of_inputs(card, inputs), *_of_outputs(card, outputs, inner)]
    if faults:
        raise InvalidRequest.of(faults)


def _of_inputs(card: Card, inputs: Sequence[TensorSpec]) -> Iterator[dict[str, str]]:
    known = {s.name: s for s in inputs}
    for name, said in card.inputs.items():
        if name not in known:
            yield _fault(f"the model has no input {name!r}; it has: {', '.join(known)}", "inputs", name)
            continue
        shape, axis = known[name].shape, said.batch_axis
        if shape is not None and axis is not None and not 0 <= axis < len(shape):
            yield _fault(
                f"input {name!r} has {len(shape)} axes, counted from 0; {axis} is none of them",
                *("inputs", name, "batch_axis"),
            )


def _of_outputs(
    card: Card, outputs: Sequence[TensorSpec], inner: Collection[str]
) -> Iterator[dict[str, str]]:
    known = {s.name: s.shape for s in outputs}
    for name, said in card.outputs.items():
        if name not in known and name not in inner:
            listed = ", ".join(known)
            yield _fault(
                f"the model has no output or inner tensor {name!r}; its outputs: {listed}", "outputs", name
            )
        classes = class_count(known.get(name))
        # one value may stand for two classes, or for the number of a class
        if said.labels and isinstance(classes, int) and 1 < classes != len(said.labels):
            yield _fault(
                f"{len(said.labels)} labels for the {classes} classes of output {name!r}",
                *("outputs", name, "labels"),
            )


def _fault(detail: str, *where: str) -> dict[str, str]:
    return {"pointer": pointer_to("card", *where), "detail": detail}
