"""Keep denominators away from zero, with their sign; s(0) = +1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stabilizer:
    """stab(z) = z + ε s(z), or s(z) max(|z|, ε) with `clip`; `norm_scale` multiplies ε by the item's root mean square of z."""

    epsilon: float = 1e-6
    clip: bool = False
    norm_scale: bool = False

    @property
    def plain(self) -> bool:
        """Say whether stab(z) is z + ε wherever z ≥ 0."""
        return not self.clip and not self.norm_scale and self.epsilon > 0

    def __call__(self, op: Any, z: Any, rank: int, sign: int = 0) -> Any:
        """Return stab(z); `sign` is that of z where it is known."""
        if self.epsilon == 0:
            # LRP-0: an output that is exactly 0 has nothing to hand on; `divide` drops its relevance
            return op.Add(z, op.Cast(op.Equal(z, 0.0), to=int(z.dtype)))
        epsilon = self._scaled(op, z, rank)
        if sign and not self.clip:
            return op.Add(z, epsilon) if sign > 0 else op.Sub(z, epsilon)
        if sign > 0:
            return op.Max(z, epsilon)
        return self._signed(op, z, epsilon)

    def _signed(self, op: Any, z: Any, epsilon: Any) -> Any:
        s = _sign(op, z)
        if self.clip:
            return op.Mul(s, op.Max(op.Abs(z), epsilon))
        return op.Add(z, op.Mul(s, epsilon))

    def _scaled(self, op: Any, z: Any, rank: int) -> Any:
        if not self.norm_scale:
            return self.epsilon
        mean = op.ReduceMean(op.Mul(z, z), list(range(1, rank)), keepdims=1)
        # an item of zeros alone still needs a denominator
        return op.Max(op.Mul(op.Sqrt(mean), self.epsilon), 1e-30)

    def divide(self, op: Any, r: Any, z: Any, rank: int, sign: int = 0) -> Any:
        """Return r / stab(z)."""
        s = op.Div(r, self(op, z, rank, sign))
        if self.epsilon == 0:
            return op.Mul(s, op.Cast(op.Not(op.Equal(z, 0.0)), to=int(z.dtype)))
        return s


def _sign(op: Any, z: Any) -> Any:
    """Return +1 where z ≥ 0 and -1 where z < 0.

    One saturated HardSigmoid, which the runtime's CPU kernels compute in a fraction of the time of Sign, but not for float64.
    """
    from ..ops.elementwise import STEEP

    if z.dtype.name != "FLOAT":
        return op.Sign(op.Add(op.Sign(z), 0.5))
    return op.Sub(op.Mul(op.HardSigmoid(z, alpha=STEEP, beta=1.0), 2.0), 1.0)
