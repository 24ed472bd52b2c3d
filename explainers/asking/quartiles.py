"""Tables in quarters: an item's neighbours drawn from the quarters of a background, as LIME draws them for tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Array


@dataclass(frozen=True)
class Column:
    """One feature of a background: its bins, how often each occurs, and where values lie in it."""

    edges: Array
    """Quartiles; for a category, none."""
    values: Array
    """A category's values."""
    shares: Array
    means: Array
    deviations: Array
    lows: Array
    highs: Array

    def bin_of(self, value: float | str) -> int:
        """Return the bin of a value, -1 for a category that the background does not know."""
        if not len(self.values):
            return int(np.searchsorted(self.edges, float(value)))
        found = np.flatnonzero(self.values == value)
        return int(found[0]) if len(found) else -1

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Return bins and values: a bin by its share, a value by the normal distribution cut to the bin."""
        bins = rng.choice(len(self.shares), count, p=self.shares)
        share = rng.random(count)
        return bins, self.values[bins] if len(self.values) else self._within(bins, share)

    def _within(self, bins: Array, share: Array) -> Array:
        from scipy.stats import truncnorm

        mean, deviation, low, high = (a[bins] for a in (self.means, self.deviations, self.lows, self.highs))
        out, wide = mean.copy(), (high > low) & (deviation > 0)
        mean, deviation = mean[wide], deviation[wide]
        ends = (low[wide] - mean) / deviation, (high[wide] - mean) / deviation
        out[wide] = truncnorm.ppf(share[wide], *ends, loc=mean, scale=deviation)
        return np.clip(out, low, high)


def columns(background: Array, categories: list[bool]) -> list[Column]:
    """Return what is known of each feature of a background, rows first; strings are categories."""
    words = background.dtype == object
    return [
        _category(a) if c or words else _quarters(a) for a, c in zip(background.T, categories, strict=True)
    ]


def _category(a: Array) -> Column:
    values, counts = np.unique(a, return_counts=True)
    none = np.zeros(0)
    return Column(none, values, counts / len(a), none, none, none, none)


def _quarters(a: Array) -> Column:
    edges = np.unique(np.percentile(a, [25, 50, 75]))
    bins = np.searchsorted(edges, a)
    parts = [a[bins == k] for k in range(len(edges) + 1)]
    lows, highs = np.r_[a.min(), edges], np.r_[edges, a.max()]
    means = np.array([p.mean() if len(p) else low for p, low in zip(parts, lows, strict=True)])
    deviations = np.array([p.std() if len(p) else 0.0 for p in parts])
    shares = np.array([len(p) / len(a) for p in parts])
    return Column(edges, np.zeros(0), shares, means, deviations, lows, highs)


def neighbours(known: list[Column], x: Array, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Return drawn rows, and for each feature whether it lies in the item's bin: then it may keep another value of that bin."""
    drawn = [c.draw(rng, count) for c in known]
    same = [bins == c.bin_of(v) for (bins, _), c, v in zip(drawn, known, x, strict=True)]
    return np.column_stack([values for _, values in drawn]), np.column_stack(same)
