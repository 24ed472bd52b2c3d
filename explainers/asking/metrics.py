"""How well a model does on a data set: greater is better, so that what is lost is the importance of what was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import InvalidRequest
from ..types import Array

Metric = Literal["accuracy", "mse", "r2", "score"]


@dataclass(frozen=True)
class Measure:
    """A metric of what the model predicts for each item, a class or the explained value, and of the labels."""

    of: Callable[[Array, Array], float]
    classes: bool = False
    """It is about the greatest class, not about the explained value."""
    labels: bool = True
    """It needs labels."""


METRICS: dict[Metric, Measure] = {
    "accuracy": Measure(lambda predicted, labels: float((predicted == labels).mean()), classes=True),
    "mse": Measure(lambda predicted, labels: -float(((predicted - labels) ** 2).mean())),
    "r2": Measure(
        lambda predicted, labels: (
            1 - float(((predicted - labels) ** 2).sum() / ((labels - labels.mean()) ** 2).sum())
        )
    ),
    "score": Measure(lambda predicted, labels: float(predicted.mean()), labels=False),
}


def read_labels(metric: Metric, given: Any, items: int) -> Array:
    """Return the labels as numbers, or refuse those that are not one for each item."""
    if not METRICS[metric].labels:
        return np.zeros(0)
    if given is None:
        raise InvalidRequest(
            f"the metric {metric!r} needs the labels of all items; without labels there is 'score'",
            pointer="/params/labels",
        )
    try:
        labels = np.asarray(given, np.float64)
    except (ValueError, TypeError) as e:
        raise InvalidRequest(
            "labels must be numbers: a class or a value for each item", pointer="/params/labels"
        ) from e
    if labels.shape != (items,) or not np.isfinite(labels).all():
        raise InvalidRequest(
            f"labels have shape {list(labels.shape)} for {items} items; give one number for each",
            pointer="/params/labels",
        )
    no_class = labels[(labels < 0) | (labels != np.floor(labels))]
    if METRICS[metric].classes and len(no_class):
        raise InvalidRequest(
            f"labels of the metric {metric!r} are classes, whole numbers from 0; {no_class[0]:g} is none",
            pointer="/params/labels",
        )
    if metric == "r2" and not np.ptp(labels):
        raise InvalidRequest("r2 needs labels that differ; take 'mse'", pointer="/params/metric")
    return labels
