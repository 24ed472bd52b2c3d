"""Experts: densities that say how likely a prototype is, fitted to data or given as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx

from ..errors import InvalidRequest
from ..types import Array
from .mixture import fit_mixture
from .rbm import fit_rbm


@dataclass(frozen=True)
class Fit:
    """How a density is fitted: components of a mixture, hidden units of a machine, its least deviation, the seed."""

    components: int
    hidden: int
    floor: float
    """In shares of the data's own deviation, all values together."""
    seed: int


FITTED: dict[str, Callable[[Array, Fit, float], onnx.ModelProto]] = {
    "gaussian": lambda data, how, floor: fit_mixture(data, 1, floor, how.seed),
    "mixture": lambda data, how, floor: fit_mixture(data, how.components, floor, how.seed),
    "rbm": lambda data, how, floor: fit_rbm(data, how.hidden, floor, how.seed),
}


def fit_expert(kind: str, data: Array | None, how: Fit) -> onnx.ModelProto:
    """Return a density fitted to items, item axis first, as an ONNX model of `x` to `log_p`."""
    needed = max(2, how.components if kind == "mixture" else 2)
    if data is None or len(data) < needed:
        raise InvalidRequest(
            f"an expert of kind {kind!r} is fitted to data, at least {needed} items; send inputs or data, or the ONNX model "
            "of a density as expert",
            pointer="/inputs",
        )
    deviation = float(np.std(data.reshape(len(data), -1), 0).mean())
    if deviation == 0:
        raise InvalidRequest("all items of the data are the same: no density fits them", pointer="/inputs")
    return FITTED[kind](data, how, how.floor * deviation)
