"""The well-known architectures in small, with random weights: what exporters make of them is what production runs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from reference.relevance_networks import vgg11
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.networks import EncoderLayer, mobilenet_v2, resnet18


class DenseLayer(nn.Module):
    """BN, ReLU, convolution, and the result beside its input (Huang et al., 2016)."""

    def __init__(self, c: int, growth: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(c), nn.Conv2d(c, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


def densenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), DenseLayer(8, 4), DenseLayer(12, 4), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1),
        nn.AvgPool2d(2), DenseLayer(8, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip


class SqueezeExcite(nn.Module):
    """An inverted residual whose channels are gated by a squeeze-and-excitation branch (Tan & Le, 2019)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(c, 4 * c, 1, bias=False), nn.BatchNorm2d(4 * c), nn.SiLU())
        self.depth = nn.Sequential(
            nn.Conv2d(4 * c, 4 * c, 3, 1, 1, groups=4 * c, bias=False), nn.BatchNorm2d(4 * c), nn.SiLU()
        )
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * c, c, 1), nn.SiLU(), nn.Conv2d(c, 4 * c, 1), nn.Sigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(4 * c, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depth(self.expand(x))
        projected: Tensor = self.project(y * self.gate(y))
        return x + projected


def efficientnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(), SqueezeExcite(8), nn.Hardswish(), SqueezeExcite(8),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


class VisionTransformer(nn.Module):
    """Patches, a class token, positions, encoder layers (Dosovitskiy et al., 2020)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, width, 8, 8), nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 17, width))
        self.layers, self.head = (
            nn.Sequential(EncoderLayer(width, 2), EncoderLayer(width, 2)),
            nn.Linear(width, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        rows = self.patch(x).flatten(2).transpose(1, 2)
        rows = torch.cat([self.token.expand(x.shape[0], -1, -1), rows], 1) + self.position
        out: Tensor = self.head(self.layers(rows)[:, 0])
        return out


class Tokens(nn.Module):
    """Embeddings and layers over token ids; `causal`: each position sees those before it (GPT), else all (BERT)."""

    def __init__(self, causal: bool, width: int = 16) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(30, width), nn.Embedding(12, width)
        self.layers = nn.ModuleList(EncoderLayer(width, 2) for _ in range(2))
        self.causal, self.head = causal, nn.Linear(width, 5)

    def embed(self, ids: Tensor) -> Tensor:
        """The sum of word and position embeddings."""
        out: Tensor = self.words(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        return out

    def encode(self, x: Tensor) -> Tensor:
        """The logits of embedded tokens, at the last position."""
        for layer in self.layers:
            x = self.attend(layer, x)
        out: Tensor = self.head(x[:, -1])
        return out

    def attend(self, layer: nn.Module, x: Tensor) -> Tensor:
        """One layer, masked where it must be."""
        if not self.causal:
            seen: Tensor = layer(x)
            return seen
        n, length, width = x.shape
        q, k, v = layer.qkv(x).reshape(n, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)  # type: ignore[operator,union-attr]
        scores = q @ k.transpose(-1, -2) / (width // 2) ** 0.5
        scores = scores.masked_fill(
            torch.triu(torch.ones(length, length, dtype=torch.bool), 1), float("-inf")
        )
        mixed = (torch.softmax(scores, -1) @ v).permute(0, 2, 1, 3).reshape(n, length, width)
        x = layer.norm1(x + layer.out(mixed))  # type: ignore[operator]
        fed: Tensor = layer.norm2(x + layer.feed(x))  # type: ignore[operator]
        return fed

    def forward(self, ids: Tensor) -> Tensor:
        return self.encode(self.embed(ids))


class UNet(nn.Module):
    """Down, up, and a bridge between (Ronneberger et al., 2015): one logit per pixel and class."""

    def __init__(self, c: int = 6) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, c, 3, padding=1), nn.Conv2d(c, 2 * c, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(2 * c, c, 2, 2), nn.Conv2d(3 * c, 4, 3, padding=1)
        self.smooth = nn.Conv2d(2 * c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = torch.relu(self.down(x))
        far = torch.relu(self.deep(functional.max_pool2d(near, 2)))
        wide = functional.interpolate(
            self.smooth(far), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        out: Tensor = self.out(torch.cat([near, self.up(far), wide], 1))
        return out


class Recurrent(nn.Module):
    """Two recurrent layers, both ways, and a head on the last step."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.cells, self.head = kind(5, 6, 2, batch_first=True, bidirectional=True), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.cells(x)[0][:, -1])
        return out


IMAGE = (2, 3, 32, 32)
ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "ResNet-18": (lambda: resnet18(8, 5), IMAGE),
    "VGG-11": (vgg11, IMAGE),
    "MobileNet-V2": (lambda: mobilenet_v2(5), IMAGE),
    "DenseNet": (densenet, IMAGE),
    "EfficientNet": (efficientnet, IMAGE),
    "ViT": (VisionTransformer, IMAGE),
    "U-Net": (UNet, IMAGE),
    "LSTM": (lambda: Recurrent(nn.LSTM), (2, 7, 5)),
    "GRU": (lambda: Recurrent(nn.GRU), (2, 7, 5)),
}
TOKENS = {"BERT": False, "GPT": True}
