"""Matrices of attention through all layers of a model together."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..painter import painter
from ..scene import Scene
from .attention import draw


@painter(array="rollout", level="item", rank=1)
def rollout(scene: Scene) -> Figure:
    """How much of each place arrives at each place through all layers: attention rollout."""
    return of_all_layers(scene, "rollout")


@painter(array="weighted_rollout", level="item", rank=3)
def weighted_rollout(scene: Scene) -> Figure:
    """How much of each place arrives at each place through all layers, weighted by the score's gradient."""
    return of_all_layers(scene, "weighted_rollout", "relevance")


def of_all_layers(scene: Scene, array: str, unit: str = "attention") -> Figure:
    """Draw the one matrix of an item."""
    found = scene.one(array)
    assert found is not None
    return draw(
        scene, found.reshape(1, *found.shape[-2:]), f"{scene.title} · {array.replace('_', ' ')}", unit
    )
