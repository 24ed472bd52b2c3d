"""A transformer block in PyTorch, and its relevance in the modified-gradient form of AttnLRP and CP-LRP."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class RootMeanSquare(nn.Module):
    """x / sqrt(mean x² + ε), scaled, as exporters write it out."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(1 + 0.3 * torch.randn(n))

    def forward(self, x: Tensor, *, detach: bool = False) -> Tensor:
        """Normalise; `detach`: the deviation is held fixed."""
        inverse = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * (inverse.detach() if detach else inverse) * self.scale


class Block(nn.Module):
    """Attention and a gated feed-forward layer, without biases (Vaswani et al., 2017; Shazeer, 2020)."""

    def __init__(self, n: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RootMeanSquare(n), RootMeanSquare(n)
        self.qkv, self.out = nn.Linear(n, 3 * n, bias=False), nn.Linear(n, n, bias=False)
        self.up, self.gate, self.down = (
            nn.Linear(n, 2 * n, bias=False),
            nn.Linear(n, 2 * n, bias=False),
            nn.Linear(2 * n, n, bias=False),
        )
        self.head = nn.Linear(n, 3, bias=False)

    def forward(self, x: Tensor, form: Literal["plain", "attn", "cp"] = "plain") -> Tensor:
        """(N, T, n) -> (N, 3); `attn` and `cp` change Jacobians only: the gradient times x is then the relevance."""
        fixed, halves = form != "plain", form == "attn"
        b, t, n = x.shape
        q, k, v = (
            self.qkv(self.norm1(x, detach=fixed))
            .view(b, t, 3, self.heads, n // self.heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        scores = _half(q @ k.transpose(-1, -2), halves) / (n // self.heads) ** 0.5
        weights = torch.softmax(scores, -1)
        weights = weights.detach() if form == "cp" else weights
        x = x + self.out(_half(weights @ v, halves).transpose(1, 2).reshape(b, t, n))
        z = self.norm2(x, detach=fixed)
        g = self.gate(z)
        act = g * (torch.sigmoid(g).detach() if fixed else torch.sigmoid(g))
        up = self.up(z)
        product = _half(act * up, True) if fixed else act * up
        return self.head(x + self.down(product))[:, 0]


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        return x.clone()

    @staticmethod
    def backward(ctx, g):  # type: ignore[no-untyped-def]
        return g / 2


def _half(x: Tensor, wanted: bool) -> Tensor:
    out: Tensor = _Halved.apply(x) if wanted else x
    return out
