"""Pictures of a linear model's weights by their size: how much each value of the input counts."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from ..painter import painter
from ..scene import Scene
from .importance import draw_importance


def _of_weights(scene: Scene) -> bool:
    return bool(scene.suffixes("filter."))


@painter(array="importance.", level="all", fits=_of_weights, rank=1)
def magnitude(scene: Scene) -> Figure:
    """The size of a linear model's weights, on average over its outputs: how much each value of the input counts."""
    name = scene.chosen("importance.")
    weights = scene.whole(f"importance.{name}")
    assert weights is not None
    outputs = len(weights)
    arrays = {f"importance.{name}": weights.mean(0)}
    mean = replace(scene, explanation=replace(scene.explanation, arrays=arrays))
    over = f", mean over {outputs} outputs" if outputs > 1 else ""
    return draw_importance(
        mean, f"size of the weight{over}", "|w|, as the model multiplies it with its input"
    )
