"""What a method whose results are no items of the inputs says of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .types import NodeRule


@dataclass(frozen=True)
class Told:
    """What the account says of a method whose results are no items of the inputs: one figure per result."""

    explained: str
    score: list[float]
    index: list[int] = field(default_factory=list)
    logits: bool = False
    apart: str = ""
    """Why the results were made one by one; empty: they share batches."""
    rules: list[NodeRule] = field(default_factory=list)
    held_fixed: dict[str, str] = field(default_factory=dict)
