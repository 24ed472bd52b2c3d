"""What the service answers about the items of a finished job, made from the service's records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Self

from pydantic import Field

from explainers import sentences, tensors
from explainers.centres import centres_of
from explainers.labels import class_name
from explainers.types import Card
from workers.finished import ItemRecord, ItemsRecord

from .answers import Answer
from .job_answers import FailureAnswer


class TensorAnswer(Answer):
    """A tensor of the Open Inference Protocol (v2); NaN and infinities are null."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = Field(description="The values, flat in row order.")


class FigureAnswer(Answer):
    """A number of the account, and what it says."""

    name: str
    value: float
    text: str


class LayerAnswer(Answer):
    """Relevance that arrived at a node and that it passed on."""

    node: str
    operator: str
    rule: str
    relevance_in: float
    relevance_out: float


class CentreAnswer(Answer):
    """A score that the attributions of an input lie about: what is above it speaks for what is explained."""

    value: float
    words: str


class ItemAnswer(Answer):
    """One item: its input, what came out for it, and its part of the account."""

    item: int
    score: float | None = Field(description="The explained quantity; null where the item failed.")
    index: int | None = Field(description="The explained class, where the target is one.")
    label: str = Field(description="The explained class in words, or nothing.")
    figures: list[FigureAnswer]
    layers: list[LayerAnswer] = Field(description="Of relevance methods, from the target to the inputs.")
    inputs: list[TensorAnswer]
    arrays: list[TensorAnswer] = Field(description="The item's part of the arrays of the result.")
    centres: dict[str, CentreAnswer] = Field(
        description="By input, what its attributions lie about where that is not 0."
    )
    failure: FailureAnswer | None


class ItemsAnswer(Answer):
    """Some items of a finished job, with all their numbers."""

    job: str
    items: list[ItemAnswer]
    shared: list[TensorAnswer] = Field(description="Arrays without an item axis: curves, importances.")
    pictures: list[str] = Field(
        description="Inputs given as pictures: 0 to 255, as (height, width, 3), not as the model saw them."
    )
    card: Card = Field(description="What the numbers mean, as it was when the job was accepted.")
    next: str | None = Field(None, description="Address of the items that follow.")

    @classmethod
    def of(cls, record: ItemsRecord, address: str | None) -> Self:
        """Make the answer from the record."""
        card = Card.model_validate(record.card)
        return cls.model_validate(
            {
                "job": record.result.job.id,
                "items": [_item(record, item, card) for item in record.items],
                "shared": tensors.encode(record.shared),
                "pictures": record.pictures,
                "card": card,
                "next": address,
            }
        )


def _item(record: ItemsRecord, item: ItemRecord, card: Card) -> dict[str, Any]:
    account, at = record.result.account, item.item
    index = account["index"][at] if at < len(account["index"]) and item.failure is None else None
    label = "" if index is None else class_name(account, index, card)
    return {
        "item": at,
        "score": account["score"][at] if at < len(account["score"]) else None,
        "index": index,
        "label": label,
        "figures": [asdict(f) for f in sentences.figures(account, at, label)],
        "layers": [asdict(layer) for layer in sentences.layers(account, at)],
        "inputs": tensors.encode(item.inputs),
        "arrays": tensors.encode(item.arrays),
        "centres": _centres(account, item),
        "failure": None if item.failure is None else vars(item.failure),
    }


def _centres(account: dict[str, Any], item: ItemRecord) -> dict[str, Any]:
    names = [n.removeprefix("attribution.") for n in item.arrays if n.startswith("attribution.")]
    return {n: {"value": v, "words": w} for n, (v, w) in centres_of(account, names, item.item).items()}
