"""How far explanations are from what they approximate, read off the accounts that runners give."""

from __future__ import annotations

from typing import Any

import numpy as np

from explainers.types import Array

MISSED = ("delta", "remainder", "standard_error")
"""Figures per item of what attributions miss: of the sum that they should have, or by chance."""
STARTS = ("baseline_score", "root_score")
BOUNDS = ("0.0001", "0.001", "0.01", "0.1", "1", "+Inf")


def errors(account: dict[str, Any], items: int) -> dict[str, int]:
    """Return how many items' errors lie at or under each bound and above the one before: shares of the explained score."""
    # a runner may say anything
    told = account.get("per_item")
    told = told if isinstance(told, dict) else {}
    missed = [a for name in MISSED if (a := _column(told.get(name), items)) is not None]
    score = _column(account.get("score"), items)
    if not missed or score is None:
        return {}
    start = next((a for name in STARTS if (a := _column(told.get(name), items)) is not None), np.zeros(items))
    shares = _shares(np.abs(missed).max(0), np.abs(score - start))
    places = np.searchsorted([float(b) for b in BOUNDS], shares)
    return {BOUNDS[int(p)]: int(n) for p, n in zip(*np.unique(places, return_counts=True), strict=True)}


def _column(value: Any, items: int) -> Array | None:
    plain = isinstance(value, list) and len(value) == items and all(type(v) in (int, float) for v in value)
    try:
        return np.asarray(value, np.float64) if plain else None
    except OverflowError:
        return None


def _shares(missed: Array, whole: Array) -> Array:
    known = np.isfinite(missed) & np.isfinite(whole)
    missed, whole = missed[known], whole[known]
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(missed == 0, 0.0, missed / np.where(missed == 0, 1.0, whole))
