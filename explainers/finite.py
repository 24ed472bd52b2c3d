"""Scores that are no finite numbers: an item that has one fails and says why, instead of a result full of NaN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import ScoreNotFinite
from .types import Array


def of_items(scores: Array | Sequence[float], explained: str) -> None:
    """Refuse items whose score is not finite, naming the first of them where there are several."""
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        which = f"item {bad[0]}" if len(scores) > 1 else "the item"
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise ScoreNotFinite(
            f"the score of {which}{more} from {explained!r} is {np.asarray(scores)[bad[0]]}, not a finite number; "
            "look whether the input is in the range that the model knows"
        )


def of_copies(scores: Array, explained: str) -> Array:
    """Return the scores of an item's changed copies, or refuse the item where one is not finite."""
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ScoreNotFinite(
            f"a copy of the item in which values are replaced has the score {scores[bad[0]]} from {explained!r}, not a finite "
            "number; replace them by what the model knows: take another fill, a background or a grid of your own"
        )
    return scores
