"""Texts as inputs: lines become tokens in the scan runner, by the tokenizer that came with the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from explainers.errors import InvalidRequest
from explainers.types import Array, Arrays
from explainers.words import is_text

from .blobs import Blobs
from .records import DatasetRecord, ModelRecord, Submission
from .scanner import Scanner


def as_tokens(
    model: ModelRecord, asked: Submission, source: DatasetRecord | None, scanner: Scanner, blobs: Blobs
) -> tuple[Submission, DatasetRecord | None]:
    """Return the submission with its texts, sent or in a data set, as tokens of its own."""
    names = [n for n, card in model.card.inputs.items() if card.tokenizer is not None]
    given = asked.inputs if source is None else _lines(source, names, asked.chosen, blobs)
    if not given or not any(n in given and is_text(given[n]) for n in names):
        return asked, source
    with blobs.path(model.id).open("rb") as file:
        found = scanner.tokens(file, model, {n: _plain(a) for n, a in given.items()})
    return replace(asked, inputs=found, dataset=None, job=None, chosen=None), None


def _lines(source: DatasetRecord, names: list[str], chosen: list[int] | None, blobs: Blobs) -> Arrays | None:
    """Return a table's texts where it holds one column of words, and the model one input of text."""
    if source.kind != "table" or len(names) != 1 or not source.arrays[0].dtype.startswith("<U"):
        return None
    rows = np.load(blobs.path(source.arrays[0].digest), mmap_mode="r", allow_pickle=False)
    if rows.ndim == 2 and rows.shape[1] != 1:
        raise InvalidRequest(
            f"the table has {rows.shape[1]} columns, and {names[0]!r} takes one text for each row",
            pointer="/inputs/dataset",
        )
    flat = np.asarray(rows).reshape(-1)
    outside = [i for i in chosen or [] if i >= len(flat)]
    if outside:
        raise InvalidRequest(
            f"there is no item {outside[0]}; there are {len(flat)}, counted from 0", pointer="/inputs/items"
        )
    return {names[0]: flat if chosen is None else flat[chosen]}


def _plain(a: Array) -> Array:
    return a.astype(str) if a.dtype.kind == "O" else a
