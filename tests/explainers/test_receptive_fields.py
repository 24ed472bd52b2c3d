"""Receptive fields from the graph equal the support of the gradient, measured on copies with positive weights and mean pools."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from reference.architectures import UNet, densenet
from torch import Tensor, nn

import explainers
from benchmarks.networks import mobilenet_v2, resnet18, to_onnx
from explainers.inside.observed import observed
from explainers.inside.receptive import fields

MEASURED = 100


class Residual(nn.Module):
    """A dilated branch beside a shortcut with steps."""

    def __init__(self) -> None:
        super().__init__()
        self.long, self.short = nn.Conv2d(2, 4, 3, 2, 3, dilation=3), nn.Conv2d(2, 4, 1, 2)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(torch.relu(self.long(x) + self.short(x)))


class Cut(nn.Module):
    """Halves that go different ways: one moved, one padded by its own edge, put together in blocks."""

    def forward(self, x: Tensor) -> Tensor:
        a, b = x[:, :, 1::2].split(1, 1)
        b = nn.functional.pad(b, (2, 1, 0, 1), mode="reflect")[:, :, :-1, 3:].repeat(1, 1, 1, 2)[
            ..., : a.shape[3]
        ]
        both = torch.cat([a.flip(3), b, b, a], 1)
        return nn.functional.pixel_shuffle(both, 2).permute(0, 2, 1, 3)


NETWORKS = {
    "strides": (lambda: nn.Sequential(nn.Conv2d(2, 3, 5, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 2, 2)), (2, 17, 14)),
    "dilations": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, (2, 3), dilation=(4, 2), padding=3), nn.Conv2d(3, 2, 2, 1, 1)), (2, 11, 11)),
    "groups": (lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 6, 1, groups=2)), (4, 5, 6)),
    "pools": (
        lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 2, 3), nn.AvgPool2d(2, 2, ceil_mode=True)), (2, 16, 15)),
    "residual": (Residual, (2, 15, 13)),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(2, 4, 3, 2, 1, output_padding=1, groups=2), nn.ConvTranspose2d(4, 2, 2, 3, dilation=2)
        ), (2, 4, 5)),
    "dense": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4)), (2, 7, 7)),
    "flattened": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3, 2, 1), nn.Flatten()), (2, 7, 7)),
    "series": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3, dilation=2), nn.MaxPool1d(2), nn.Conv1d(3, 2, 3, padding=1)), (2, 20)),
    "volume": (lambda: nn.Sequential(nn.Conv3d(1, 2, 3, 2, 1), nn.MaxPool3d(2, 1), nn.Conv3d(2, 2, 2)), (1, 8, 7, 9)),
    "cut": (Cut, (2, 6, 6)),
    "ResNet-18": (lambda: resnet18(4, 5).stages[:3], (4, 16, 16)),
    "MobileNet-V2": (lambda: mobilenet_v2(5)[:5], (3, 12, 12)),
    "DenseNet": (lambda: densenet()[:7], (3, 12, 12)),
    "U-Net": (UNet, (3, 8, 8)),
}  # fmt: skip


def positive(network):
    """A copy through which every path has a positive slope."""
    found = copy.deepcopy(network).double().eval()
    for p in found.parameters():
        # small enough that nothing saturates
        p.data = (p.data.abs() + 0.1) / p[0].numel()
    means = {nn.MaxPool1d: nn.AvgPool1d, nn.MaxPool2d: nn.AvgPool2d, nn.MaxPool3d: nn.AvgPool3d}
    for module in list(found.modules()):
        for name, child in module.named_children():
            if type(child) in means:
                setattr(
                    module,
                    name,
                    means[type(child)](child.kernel_size, child.stride, child.padding, child.ceil_mode),
                )
    return found


def measured(network, shape):
    """Some cells of the output, and for each which cells of the input its gradient reaches."""
    x = torch.rand(1, *shape, dtype=torch.float64, requires_grad=True)
    y = positive(network)(x)
    chosen = np.random.default_rng(0).permutation(y.numel())[:MEASURED]
    flat = y.reshape(-1)
    found = [torch.autograd.grad(flat[int(i)], x, retain_graph=True)[0].numpy()[0] != 0 for i in chosen]
    return np.stack(np.unravel_index(chosen, y.shape), 1), np.stack(found)


def prepared(model, x, layer):
    feeds = {model.inputs[0].name: x}
    graph = observed(model.prepared(feeds, "one-by-one", {layer}), feeds).graph
    return graph, next(v for v in [*graph.outputs, *(v for n in graph for v in n.outputs)] if v.name == layer)


def along(masks, axis):
    return masks.any(tuple(a for a in range(1, masks.ndim) if a != axis))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_field_is_where_the_gradient_is(name):
    build, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = build().eval()
    cells, expected = measured(network, shape)
    model = explainers.load(to_onnx(network, torch.rand(2, *shape)))
    graph, layer = prepared(model, np.zeros((1, *shape), np.float32), model.outputs[0])
    found = fields(graph, layer, cells)

    assert found.unknown == []
    for axis in range(1, 1 + len(shape)):
        np.testing.assert_array_equal(found.inputs["input"][axis], along(expected, axis))
