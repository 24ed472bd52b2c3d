"""The nouns that travel between the engine, the workers, the API and the client; numpy and pydantic only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Array = NDArray[Any]
Arrays = dict[str, Array]
Kind = Literal["image", "text", "tabular", "series", "volume", "tokens", "any"]


class Frozen(BaseModel):
    """A value object: unknown fields are refused, fields do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(Frozen):
    """Name, numpy dtype name and shape of a tensor; an axis of unknown length is a symbol or None."""

    name: str
    dtype: str
    shape: list[int | str | None] | None
    batch_axis: int | None = Field(None, description="Axis of the items; null: shared by all items.")


class At(Frozen):
    """A position behind the batch axis of an output of rank 3 or more, or the leading part of one, such as a channel."""

    at: list[int]


class Target(Frozen):
    """What is explained: a linear functional of one output or inner tensor; see docs for the defaults."""

    output: str | None = Field(
        None, description="A float output or any tensor inside the graph; default: the first float output."
    )
    index: int | list[int] | At | Literal["argmax"] | None = Field(
        None,
        description="An int for all items, one per item, a position, or 'argmax' per item, frozen at the unperturbed input.",
    )
    contrast: tuple[int, int] | None = Field(None, description="Explain z_a - z_b.")
    weights: list[Any] | None = Field(
        None, description="An array of the output's shape, with or without the batch axis."
    )
    logits: Literal["auto"] | bool = Field(
        "auto",
        description="Explain the input of a final Softmax or Sigmoid; 'auto': backward methods do, sampling methods do not.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [n for n in ("index", "contrast", "weights") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; give one")
        return self


class InputCard(Frozen):
    """What the numbers of one input mean."""

    kind: Kind = "any"
    layout: str | None = Field(None, description="Axes as letters, for example NCHW, NHWC, NTC, NT, NC.")
    channels: Literal["RGB", "BGR"] = Field(
        "RGB",
        description="Order in which the model takes a picture's three channels; mean, std, low and high are in it, too.",
    )
    mean: list[float] | None = Field(
        None, description="Per channel, in the units of the raw data, as subtracted before the model."
    )
    std: list[float] | None = Field(None, description="Per channel, as divided by before the model.")
    low: float | list[float] | None = Field(
        None, description="Least value that the model can be given, after normalisation."
    )
    high: float | list[float] | None = Field(
        None, description="Greatest value that the model can be given, after normalisation."
    )
    batch_axis: int | None = Field(
        0, description="Axis of the items; null: the input is shared by all items."
    )
    feature_names: list[str] | None = None
    categories: dict[str, list[str]] | None = None
    tokenizer: str | None = Field(None, description="Name of a tokenizer.json in the bundle.")
    rate: float | None = Field(None, gt=0, description="Samples of a series, or frames of a video, a second.")


class OutputCard(Frozen):
    """What the numbers of one output mean."""

    labels: list[str] | None = None


class Card(Frozen):
    """What a model's inputs and outputs mean, as its owner says."""

    inputs: dict[str, InputCard] = {}
    outputs: dict[str, OutputCard] = {}

    def input(self, name: str) -> InputCard:
        """Return the card of one input, the default one where the owner said nothing."""
        return self.inputs.get(name, InputCard())

    def labels(self, output: str) -> list[str] | None:
        """Return the labels of one output's classes, if known."""
        return self.outputs.get(output, OutputCard()).labels


class Blocker(Frozen):
    """A node that stands between the explained inputs and the target and has no derivative."""

    node: str
    operator: str
    reason: str


class Support(Frozen):
    """Whether a family of methods can explain a model, and if not, because of which nodes."""

    supported: bool
    reason: str = ""
    blockers: list[Blocker] = []


class ModelDescription(Frozen):
    """What can be said of a model without running it; the API keeps it so that it never parses ONNX itself."""

    id: str = Field(description="SHA-256 of the model's bytes, hexadecimal.")
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    opset: dict[str, int]
    nodes: int
    parameters: int
    operators: dict[str, int]
    tensors: dict[str, TensorSpec] = Field(description="Inner tensors that a target may name.")
    explained_inputs: list[str]
    families: dict[str, Support] = Field(description="By family of methods: backward, sampling, prototype.")
    batch: Literal["free", "freed", "one-by-one"] = Field(
        description="Whether many items run at once: as exported, after freeing a fixed batch axis, or not."
    )
    warnings: list[str] = []


class NodeRule(Frozen):
    """Which rule took a node's backward pass."""

    node: str
    operator: str
    rule: str


class LedgerRow(Frozen):
    """One node's books before the run: which columns of figures it has."""

    node: str
    operator: str
    rule: str
    absorbers: list[str]


class LedgerEntry(Frozen):
    """One node's books: relevance in and out, and what was absorbed, by whom; every figure once per item."""

    node: str
    operator: str
    rule: str
    relevance_in: list[float]
    relevance_out: list[float]
    absorbed: dict[str, list[float]] = Field(
        description="bias, stabilizer, empty, block, softmax, constant, quantiser."
    )
    size: list[float] = Field(description="Sum of absolute relevance, in or out, whichever is greater.")
    unexplained: list[float] = Field(description="In minus out minus all that was absorbed: rounding.")

    @classmethod
    def merge(cls, entries: Sequence[LedgerEntry]) -> LedgerEntry:
        """Join the books of one node over consecutive runs of items."""
        lists = {
            k: [v for e in entries for v in getattr(e, k)]
            for k in ("relevance_in", "relevance_out", "size", "unexplained")
        }
        absorbed = {k: [v for e in entries for v in e.absorbed[k]] for k in entries[0].absorbed}
        return entries[0].model_copy(update={**lists, "absorbed": absorbed})


class Account(BaseModel):
    """The books of one explanation: what was explained, how, at what cost, and what remains unexplained."""

    # figures of items that failed are NaN, and survive the way through JSON
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    method: str
    params: dict[str, Any]
    target: dict[str, Any]
    seed: int
    provider: str
    versions: dict[str, str]
    model: str
    explained: str = Field("", description="Name of the explained tensor.")
    logits: bool = Field(
        False, description="True: the explained tensor is the input of the final Softmax or Sigmoid."
    )
    items: int
    score: list[float] = Field([], description="Per item, the explained quantity.")
    index: list[int] = Field([], description="Per item, the explained class where the target is one.")
    attribution_sum: list[float] = Field(
        [], description="Per item, the sum of all attributions; empty where the method makes none."
    )
    per_item: dict[str, list[float]] = Field(
        {}, description="Further figures per item: standard errors, deltas, remainders."
    )
    held_fixed: dict[str, str] = Field(
        {}, description="Inputs that were not explained, each with the reason."
    )
    piecewise_constant: list[str] = Field(
        [], description="Nodes whose output is piecewise constant and passed nothing back."
    )
    rules: list[NodeRule] = Field([], description="Which rule took which node.")
    ledger: list[LedgerEntry] = Field(
        [], description="Relevance in, out and absorbed at every node, from target to inputs."
    )
    one_by_one: str = Field("", description="Why the items ran one by one; empty: they ran in batches.")
    facts: dict[str, Any] = Field({}, description="What else the method reports.")
    model_evaluations: int = 0
    seconds: float = 0.0
    warnings: list[str] = []

    @classmethod
    def merge(cls, accounts: Sequence[Account]) -> Account:
        """Join the accounts of consecutive runs of items: figures per item in order, costs added, warnings once."""
        first = accounts[0]
        keys = {k: None for a in accounts for k in a.per_item}
        return first.model_copy(
            update={
                "items": sum(a.items for a in accounts),
                **{
                    name: [v for a in accounts for v in getattr(a, name)]
                    for name in ("score", "index", "attribution_sum")
                },
                "ledger": [
                    LedgerEntry.merge(rows) for rows in zip(*(a.ledger for a in accounts), strict=False)
                ],
                "per_item": {k: [v for a in accounts for v in a.per_item.get(k, [])] for k in keys},
                "model_evaluations": sum(a.model_evaluations for a in accounts),
                "seconds": sum(a.seconds for a in accounts),
                "warnings": list(dict.fromkeys(w for a in accounts for w in a.warnings)),
            }
        )


@dataclass
class Explanation:
    """The arrays of an explanation under their result names, and the account."""

    arrays: Arrays
    account: Account
    inputs: Arrays | None = field(default=None, repr=False)

    @property
    def attributions(self) -> Arrays:
        """The attributions by input name."""
        return self._under("attribution.")

    @property
    def outputs(self) -> Arrays:
        """The model's outputs by name."""
        return self._under("output.")

    def _under(self, prefix: str) -> Arrays:
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}

    def save(self, path: str | Path) -> None:
        """Write every array and, as `meta`, the account in JSON to an .npz file at exactly this path."""
        with Path(path).open("wb") as file:
            members: dict[str, Any] = {**self.arrays, "meta": np.array(self.account.model_dump_json())}
            np.savez_compressed(file, **members)

    @classmethod
    def load(cls, path: str | Path) -> Explanation:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as npz:
            arrays = {k: npz[k] for k in npz.files if k != "meta"}
            return cls(arrays, Account.model_validate(json.loads(str(npz["meta"]))))

    @classmethod
    def merge(cls, parts: Sequence[Explanation]) -> Explanation:
        """Join explanations of consecutive runs of items into one."""
        arrays = {k: np.concatenate([p.arrays[k] for p in parts]) for k in parts[0].arrays}
        return cls(arrays, Account.merge([p.account for p in parts]))


Feeds = Mapping[str, Array]
