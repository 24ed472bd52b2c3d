"""Small networks of known architectures, in PyTorch."""

from __future__ import annotations

import torch
from reference.relevance_zennit import summing
from torch import Tensor, nn

from benchmarks.networks import BasicBlock, Bottleneck, ResNet


def vgg11(width: int = 8, norm: bool = False, side: int = 32) -> nn.Module:
    """VGG-11 (Simonyan & Zisserman, 2014, configuration A), narrow."""
    return _vgg([1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M"], width, norm, side)


def vgg16_bn(width: int = 8, side: int = 32) -> nn.Module:
    """VGG-16 with batch norms (configuration D), narrow."""
    plan = [1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"]
    return _vgg(plan, width, True, side)


def _vgg(plan: list[int | str], width: int, norm: bool, side: int) -> nn.Module:
    layers, c = [], 3
    for step in plan:
        if step == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        out = int(step) * width
        layers.append(nn.Conv2d(c, out, 3, padding=1))
        layers += [nn.BatchNorm2d(out)] if norm else []
        layers.append(nn.ReLU())
        c = out
    side //= 2 ** plan.count("M")
    dense = [
        nn.Linear(c * side * side, 32),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(32, 10),
    ]
    return nn.Sequential(
        nn.Sequential(*layers), nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Sequential(*dense)
    )


def alexnet(width: int = 8) -> nn.Module:
    """AlexNet (Krizhevsky, 2014, one tower), narrow; for 63 x 63 inputs."""
    w = width
    features = [
        nn.Conv2d(3, w, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(w, 3 * w, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(3 * w, 6 * w, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6 * w, 4 * w, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4 * w, 4 * w, 3, padding=1),
        nn.ReLU(),
    ]
    head = [
        nn.Dropout(),
        nn.Linear(4 * w * 9, 64),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    ]
    return nn.Sequential(
        nn.Sequential(*features), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Sequential(*head)
    )


class SummedBlock(BasicBlock):
    """A residual block whose addition is a module of its own, so that Zennit can see it."""

    def __init__(self, c: int, width: int, stride: int) -> None:
        super().__init__(c, width, stride)
        self.add = summing()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, H/stride, W/stride)."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu2(self.add(torch.stack([y, self.shortcut(x)], dim=-1)))
        return out


class SummedBottleneck(Bottleneck):
    """The same for blocks of three convolutions."""

    def __init__(self, c: int, width: int, stride: int) -> None:
        super().__init__(c, width, stride)
        self.add = summing()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 width, H/stride, W/stride)."""
        y = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        out: Tensor = self.relu3(self.add(torch.stack([self.bn3(self.conv3(y)), self.shortcut(x)], dim=-1)))
        return out


def summed(net: ResNet, layers: list[int], width: int) -> nn.Module:
    """Return a residual network with the same weights and visible additions."""
    block = SummedBottleneck if any(isinstance(m, Bottleneck) for m in net.modules()) else SummedBlock
    twin = ResNet(block, layers, width, net.head[-1].out_features)
    twin.load_state_dict(net.state_dict())
    return twin.eval()
