"""Fronts: nodes put in front of a model, so that the runtime itself makes the copies of an item that are asked about."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .types import Arrays

if TYPE_CHECKING:
    import onnx_ir as ir

    from .graph.build import Builder

PREFIX = "front"
"""What the names of all that is fed and made begin with."""
FLOAT32 = 1
"""ONNX's number of the type."""


@dataclass(frozen=True)
class Front:
    """What is fed in place of some of a model's inputs, and the nodes that make these inputs of it."""

    name: tuple[Hashable, ...]
    """Says which nodes these are: a session is kept for each name."""
    makes: tuple[str, ...]
    """The inputs that the nodes make."""
    shared: Arrays
    """What is fed whole, for all rows."""
    rows: Callable[[int, int], Arrays]
    """Returns rows `begin` to `end` of what is fed for each copy; no rows show types and ranks."""
    nodes: Callable[[Builder, Mapping[str, ir.Value]], dict[str, ir.Value]]
    """Appends the nodes to a graph, told what is fed, and returns the inputs that they make."""
