"""Small PyTorch networks whose exports and derivatives tests compare with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.networks import BasicBlock, settle, to_onnx


def mlp() -> nn.Module:
    """Three layers, three kinds of activation."""
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.Tanh(), nn.Linear(7, 4), nn.Sigmoid()
    )


def cnn() -> nn.Module:
    """Convolutions with batch norm, both poolings, a strided and a grouped one."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.BatchNorm2d(8), nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 3, stride=2), nn.AvgPool2d(2, ceil_mode=True), nn.Flatten(),
        nn.Linear(32, 5),
    )  # fmt: skip


def residual() -> nn.Module:
    """Two residual blocks and a global pool."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), BasicBlock(4, 4, 1), BasicBlock(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 5), nn.Softmax(1),
    )  # fmt: skip


SHAPES = {"mlp": (3, 6), "cnn": (3, 3, 16, 16), "residual": (3, 3, 16, 16)}
BUILD = {"mlp": mlp, "cnn": cnn, "residual": residual}


def network(name: str) -> tuple[nn.Module, Tensor]:
    """Return a seeded float64 network and a batch for it."""
    torch.manual_seed(0)
    model = settle(BUILD[name](), SHAPES[name]).double()
    return model, torch.randn(SHAPES[name], dtype=torch.float64)


def exported(model: nn.Module, x: Tensor) -> bytes:
    """Return the network as ONNX, in the type of x."""
    return to_onnx(model, x)
