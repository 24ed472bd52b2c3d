"""What prototypes are made of: the targets, each for several rows, resolved before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from ..signature import class_count, target_spec
from ..types import ModelDescription, Target

MOST_CLASSES = 100
"""Classes that are all taken where none is named."""


@dataclass(frozen=True)
class Aims:
    """The targets as rows have them: `groups` targets of `count` consecutive rows each."""

    target: Target
    groups: int
    count: int
    classes: list[int]
    """The class of each target, where it is one."""

    @property
    def rows(self) -> int:
        """The number of prototypes."""
        return self.groups * self.count


def aims_of(description: ModelDescription, target: Target, count: int) -> Aims:
    """Return the targets; without a class in the request, every class has its turn."""
    spec = target_spec(description, target)
    classes = class_count(spec.shape)
    if target.index == "argmax":
        raise InvalidRequest(
            "there is no input whose greatest class could be meant; name classes by an index or a list of them",
            pointer="/target/index",
        )
    named: Any = target.index
    if named is None and target.contrast is None and target.weights is None and isinstance(classes, int):
        if classes > MOST_CLASSES:
            raise InvalidRequest(
                f"{spec.name!r} has {classes} classes or units; name those that you want by an index or a list of them",
                pointer="/target/index",
            )
        named = list(range(classes)) if classes > 1 else None
    if isinstance(named, int):
        named = [named]
    if isinstance(named, list):
        repeated = [c for c in named for _ in range(count)]
        return Aims(target.model_copy(update={"index": repeated}), len(named), count, named)
    if target.weights is not None and spec.shape is not None and np.ndim(target.weights) == len(spec.shape):
        weights = [w for w in target.weights for _ in range(count)]
        return Aims(target.model_copy(update={"weights": weights}), len(target.weights), count, [])
    return Aims(target, 1, count, [])
