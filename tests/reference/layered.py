"""PyTorch networks whose layers have names, for methods that are asked about one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Convolutional(nn.Module):
    """Two convolutions and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, stride=2)
        self.head = nn.Linear(6 * 49, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.tanh(self.first(x)))).flatten(1))


class Series(nn.Module):
    """A convolution over time."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.head = nn.Conv1d(2, 4, 3, stride=3), nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(x)).flatten(1))


class Gated(nn.Module):
    """Products and quotients of signals."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.a(x)) * torch.sigmoid(self.b(x)) / (1 + self.b(x) ** 2))


class Inner(nn.Module):
    """A softmax and a log-softmax inside."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.a, self.head, self.sharpness = nn.Linear(6, 5), nn.Linear(5, 3), sharpness

    def forward(self, x: Tensor) -> Tensor:
        z = self.a(x)
        return self.head(torch.softmax(self.sharpness * z, 1)) + torch.log_softmax(
            self.head(torch.relu(z)), 1
        )


class Attentive(nn.Module):
    """One block of self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5, -1)
        return self.head(nn.functional.gelu(weights @ self.v(x) + x)).mean(1)


def pooled() -> nn.Module:
    """Overlapping windows of maxima, then the maximum over all of space."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip


def plain() -> nn.Module:
    """No maximum anywhere."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(100, 5), nn.ELU(),
        nn.Linear(5, 3),
    ).eval()  # fmt: skip
