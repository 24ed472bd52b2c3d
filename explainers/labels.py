"""Classes by name, as the card says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .types import Account, Card


def label_of(account: Account, item: int, card: Card) -> str:
    """Return the explained class of an item as its label or number, or nothing where there is none."""
    failed = item < len(account.score) and math.isnan(account.score[item])
    if item >= len(account.index) or failed:
        return ""
    return class_name(account.model_dump(include={"target", "explained"}), account.index[item], card)


def class_name(account: Mapping[str, Any], index: int, card: Card) -> str:
    """Return a class of the explained tensor as its label or number; `account` has `target` and `explained`."""
    labels = card.labels(str(account["target"].get("output"))) or card.labels(account["explained"])
    if labels is None and len(card.outputs) == 1:
        labels = next(iter(card.outputs.values())).labels
    return f"class {labels[index]}" if labels and 0 <= index < len(labels) else f"class {index}"
