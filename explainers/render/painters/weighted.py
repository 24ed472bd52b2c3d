"""Matrices of attention weighted by the score's gradient."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..painter import painter
from ..scene import Scene
from .attention import draw


@painter(array="weighted.", level="item", rank=2)
def weighted(scene: Scene) -> Figure:
    """Where each place of a layer looks, as far as it speaks for the score: attention times its gradient, where positive."""
    name = scene.chosen("weighted.")
    found = scene.one(f"weighted.{name}")
    assert found is not None
    return draw(
        scene,
        found.reshape(-1, *found.shape[-2:]),
        f"{scene.title} · {name}, weighted",
        "attention × gradient",
    )
