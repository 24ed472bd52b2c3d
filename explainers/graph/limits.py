"""How large a model may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what `load` accepts; the defaults suit one's own models, a service sets lower ones."""

    bytes: int = 16 << 30
    nodes: int = 1_000_000
    depth: int = 8
    """Nesting of If, Loop and Scan bodies."""
    tensor_bytes: int = (1 << 31) - 1
    """Size of one tensor after its declared shape; a protobuf field holds no more than the default."""
    name_length: int = 10_000
    """Characters of the name of a node, a tensor, an operator."""
    rank: int = 64
    """Axes of one tensor."""
    functions: int = 100_000
