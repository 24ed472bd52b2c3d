"""Seeded arrays for the rows of the laws."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(1)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape) * scale + shift, np.float32)


def inside(low: float, high: float, *shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape), np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: int) -> np.ndarray:
    return np.array(value, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)
