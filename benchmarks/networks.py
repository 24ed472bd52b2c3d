"""Networks of known architectures with random weights, in PyTorch, and their exports to ONNX."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut (He et al., 2015, fig. 5 right)."""

    expansion = 4

    def __init__(self, c: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.shortcut = (
            nn.Sequential(nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            if stride != 1 or c != out
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 width, H/stride, W/stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        return self.relu3(self.bn3(self.conv3(y)) + self.shortcut(x))


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut (He et al., 2015, fig. 5 left)."""

    expansion = 1

    def __init__(self, c: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.shortcut = (
            nn.Sequential(nn.Conv2d(c, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if stride != 1 or c != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, H/stride, W/stride)."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))


class ResNet(nn.Module):
    """Residual network (He et al., 2015, arXiv:1512.03385, table 1)."""

    def __init__(
        self,
        block: type[Bottleneck | BasicBlock],
        layers: Sequence[int],
        width: int = 64,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        stages, c = [], width
        for i, count in enumerate(layers):
            for j in range(count):
                stages.append(block(c, width << i, 2 if i and not j else 1))
                c = (width << i) * block.expansion
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        out: Tensor = self.head(self.stages(self.stem(x)))
        return out


class InvertedResidual(nn.Module):
    """Expand, depthwise, project (Sandler et al., 2018, arXiv:1801.04381)."""

    def __init__(self, c: int, out: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = c * expand
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [nn.Conv2d(c, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        ]
        self.layers, self.adds = nn.Sequential(*layers), stride == 1 and c == out

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out, H/stride, W/stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    """MobileNetV2 (Sandler et al., 2018, table 2)."""
    table = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    c = 32
    for expand, out, count, stride in table:
        for j in range(count):
            layers.append(InvertedResidual(c, out, stride if not j else 1, expand))
            c = out
    layers += [
        nn.Conv2d(c, 1280, 1, bias=False),
        nn.BatchNorm2d(1280),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1280, classes),
    ]
    return nn.Sequential(*layers)


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each normalised after its sum (Vaswani et al., 2017, fig. 1 left)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width) -> (N, L, width)."""
        n, length, width = x.shape
        parts = self.qkv(x).reshape(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        weights = torch.softmax(q @ k.transpose(-1, -2) / (width // self.heads) ** 0.5, -1)
        mixed = (weights @ v).permute(0, 2, 1, 3).reshape(n, length, width)
        x = self.norm1(x + self.out(mixed))
        normed: Tensor = self.norm2(x + self.feed(x))
        return normed


class Encoder(nn.Module):
    """BERT-base without its embeddings (Devlin et al., 2018): 12 layers of width 768."""

    def __init__(self, layers: int = 12, width: int = 768, heads: int = 12, classes: int = 1000) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, width) -> (N, classes)."""
        out: Tensor = self.head(self.layers(x)[:, 0])
        return out


class LstmClassifier(nn.Module):
    """Two LSTM layers (Hochreiter & Schmidhuber, 1997) and a linear head on the last state."""

    def __init__(self, features: int = 64, width: int = 256, classes: int = 1000) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(features, width, 2, batch_first=True), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, features) -> (N, classes)."""
        out: Tensor = self.head(self.lstm(x)[0][:, -1])
        return out


def resnet18(width: int = 64, classes: int = 1000) -> nn.Module:
    """ResNet-18."""
    return ResNet(BasicBlock, [2, 2, 2, 2], width, classes)


def resnet50(width: int = 64, classes: int = 1000) -> nn.Module:
    """ResNet-50."""
    return ResNet(Bottleneck, [3, 4, 6, 3], width, classes)


def settle(model: nn.Module, shape: Sequence[int], seed: int = 0) -> nn.Module:
    """Give batch norms moments of their own activations, so that a random network behaves like a trained one."""
    torch.manual_seed(seed)
    for p in model.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(*shape))
    return model.eval()


def to_onnx(model: nn.Module, example: Tensor | tuple[Tensor, ...], opset: int = 17) -> bytes:
    """Export a model with a free batch axis; inputs are called `input`, `input1`, ..., the output `output`."""
    args = example if isinstance(example, tuple) else (example,)
    names = ["input", *(f"input{i}" for i in range(1, len(args)))]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            args,
            buffer,
            dynamo=False,
            opset_version=opset,
            input_names=names,
            output_names=["output"],
            dynamic_axes={n: {0: "N"} for n in [*names, "output"]},
            do_constant_folding=False,
        )
    return buffer.getvalue()
