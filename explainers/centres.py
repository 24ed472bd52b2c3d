"""What attributions lie about: zero, or the score that their method declares; and whether their sum is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .registry import Centre, methods


def centre_of(method: str) -> Centre | None:
    """Return what the attributions of a method lie about; None: zero."""
    kind = methods().get(method)
    return kind.centre if kind else None


def levels(
    method: str, per_item: Mapping[str, Sequence[float | None]], name: str
) -> Sequence[float | None] | None:
    """Return the score that an input's attributions lie about, once per item; None: zero."""
    if (centre := centre_of(method)) is None:
        return None
    return per_item.get(f"{centre.figure}.{name}", per_item.get(centre.figure))


def centres_of(account: Mapping[str, Any], names: Iterable[str], item: int) -> dict[str, tuple[float, str]]:
    """Return the score that an item's attributions lie about and what it is, by input; `account` is one as JSON."""
    centre, found = centre_of(account["method"]), {}
    for name in names:
        known = levels(account["method"], account["per_item"], name)
        value = known[item] if known and item < len(known) else None
        if centre is not None and value is not None:
            found[name] = (value, centre.words)
    return found


def shares_out(method: str, params: Mapping[str, Any]) -> bool:
    """Say whether the sum of the attributions is meant to be the score, or its difference to a baseline."""
    kind = methods().get(method)
    # methods of relevance, whose sum is meant to be the score, keep a ledger where asked
    return "ledger" in params or bool(kind and kind.completes)
