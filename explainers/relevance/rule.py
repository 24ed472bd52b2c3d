"""What a relevance rule is: data that says which parts of inputs and weights take which share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Part:
    """Which part of an operand v a branch takes: same v + positive v⁺ + negative v⁻ + square v² + one."""

    same: float = 0.0
    positive: float = 0.0
    negative: float = 0.0
    square: float = 0.0
    one: float = 0.0

    @property
    def sign(self) -> int:
        """+1 or -1 where the part of any real operand is known to be ≥ 0 or ≤ 0; 0 where it is not."""
        if self.same:
            return 0
        least = self.positive >= 0 and self.negative <= 0 and self.square >= 0 and self.one >= 0
        most = self.positive <= 0 and self.negative >= 0 and self.square <= 0 and self.one <= 0
        return 1 if least else -1 if most else 0


NOTHING = Part()
SAME = Part(same=1.0)
POSITIVE = Part(positive=1.0)
NEGATIVE = Part(negative=1.0)
SQUARE = Part(square=1.0)
ONE = Part(one=1.0)
Source = Part | Literal["low", "high"]
"""Part of a linear operator's input, or the least or greatest value that the input can have."""


@dataclass(frozen=True)
class Branch:
    """One forward pass with modified operands: it adds `sign` times its output to the denominator."""

    x: Source
    w: Part
    b: Part = NOTHING
    sign: float = 1.0


@dataclass(frozen=True)
class Group:
    """Branches over one denominator, which receive `share` of the relevance of the outputs with the named sign of z."""

    branches: tuple[Branch, ...]
    share: float = 1.0
    where: Literal["everywhere", "above", "below"] = "everywhere"


@dataclass(frozen=True)
class Rule:
    """How relevance passes a linear operator: R_i = Σ over groups of share · Σ over branches of x part ⊙ VJP(R / stab(z))."""

    name: str
    groups: tuple[Group, ...]

    @property
    def needs_bounds(self) -> bool:
        """Say whether the rule asks for the least and greatest values of its input."""
        return any(b.x in ("low", "high") for b in self._branches)

    @property
    def follows_input(self) -> bool:
        """Say whether what an input receives is 0 where the input is 0."""
        return all(isinstance(b.x, Part) and not b.x.one for b in self._branches)

    @property
    def _branches(self) -> list[Branch]:
        return [b for g in self.groups for b in g.branches]
