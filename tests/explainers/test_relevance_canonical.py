"""One graph form before rules: batch norms on either side of a convolution, operators written out, biases of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import explainers
from benchmarks.networks import settle, to_onnx
from explainers.graph.passes.fuse_operators import fuse_operators
from explainers.graph.prepare import prepare

EXACT = {"composite": "epsilon", "epsilon": 0.0, "stabilizer": {"epsilon": 0.0}}


def loaded(net, shape, opset=13):
    torch.manual_seed(0)
    net = settle(net, shape)
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.weight.uniform_(-1.5, 1.5)
                m.bias.normal_()
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return explainers.load(to_onnx(net, torch.from_numpy(x), opset)), x


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_norm_before_a_convolution_goes_into_it(padding, relu, groups):
    middle = [
        nn.BatchNorm2d(4),
        *([nn.ReLU()] if relu else []),
        nn.Conv2d(4, 6, 3, padding=padding, groups=groups),
    ]
    net = nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.AvgPool2d(2), *middle, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    )
    net(torch.zeros(1, 2, 12, 12))
    model, x = loaded(net, (3, 2, 12, 12))
    found = explainers.explain(model, x, "lrp", {"composite": "epsilon_plus", "ledger": True}, target=1)
    operators = [r.operator for r in found.account.rules]
    assert "BatchNormalization" not in operators
    assert ("Max" in operators) == relu
    # the merged graph still computes the model: the books open with its score and close
    assert found.account.ledger[0].relevance_in == pytest.approx(found.account.score)
    z = found.outputs["output"][:, 1]
    np.testing.assert_allclose(found.account.score, z, rtol=1e-4)
    deployed = explainers.explain(model, x, "gradient", {}, target=1).outputs["output"]
    np.testing.assert_allclose(found.outputs["output"], deployed, rtol=1e-3, atol=1e-4)
    assert (
        max(abs(u) / s for e in found.account.ledger for u, s in zip(e.unexplained, e.size, strict=True) if s)
        < 1e-5
    )


class Written(nn.Module):
    """Activations, Softmax and norms as exporters of old wrote them."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.scale, self.shift = what, nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6))
        self.tall = nn.Parameter(torch.randn(5, 1))

    def forward(self, x):
        return getattr(self, self.what)(x)

    def gelu(self, x):
        return x * 0.5 * (1.0 + torch.erf(x / 2**0.5))

    def gelu_tanh(self, x):
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    def hard_swish(self, x):
        return x * torch.clamp(x + 3.0, 0.0, 6.0) / 6.0

    def softmax(self, x):
        e = torch.exp(x - torch.amax(x, -1, keepdim=True))
        return e / torch.sum(e, -1, keepdim=True)

    def layer_norm(self, x):
        d = x - x.mean(-1, keepdim=True)
        return d / torch.sqrt((d * d).mean(-1, keepdim=True) + 1e-5) * self.scale + self.shift

    def layer_norm_over_channels(self, x):
        d = x - x.mean(1, keepdim=True)
        inverse = 1.0 / torch.sqrt((d**2).mean(1, keepdim=True) + 1e-5)
        return d * inverse * self.tall + self.tall

    def rms_norm(self, x):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * self.scale


FUSED = {
    "gelu": "Gelu",
    "gelu_tanh": "Gelu",
    "hard_swish": "HardSwish",
    "softmax": "Softmax",
    "layer_norm": "LayerNormalization",
    "layer_norm_over_channels": "LayerNormalization",
    "rms_norm": "RMSNormalization",
}


@pytest.mark.parametrize("what", FUSED)
def test_operators_written_out_become_one_node_and_compute_the_same(what):
    torch.manual_seed(1)
    net, x = Written(what).eval(), torch.randn(2, 5, 6)
    model = explainers.load(to_onnx(net, x, 13))
    kinds = [n.op_type for n in model.prepared_as_declared().graph]
    assert [k for k in kinds if k != "Transpose"] == [FUSED[what]]
    weights = np.ones((5, 6)).tolist()
    found = explainers.explain(model, x.numpy(), "gradient", {}, target={"weights": weights, "logits": False})
    np.testing.assert_allclose(found.outputs["output"], net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_what_only_looks_alike_is_left_alone():
    class Near(nn.Module):
        def forward(self, x):
            return x * 0.5 * (1.0 + torch.erf(x / 1.5))

    proto = explainers.load(to_onnx(Near(), torch.randn(2, 6), 13)).proto
    model = prepare(proto, {"input": ["N", 6]})
    assert fuse_operators(model) == []
    assert "Erf" in [n.op_type for n in model.graph]


def test_a_tensor_that_is_asked_for_survives():
    torch.manual_seed(1)
    model = explainers.load(to_onnx(Written("gelu").eval(), torch.randn(2, 6), 13))
    erf = next(n.output[0] for n in model.proto.graph.node if n.op_type == "Erf")
    x = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    found = explainers.explain(model, x, "gradient", {"at": erf}, target={"weights": [1.0] * 6})
    assert found.attributions[erf].shape == (2, 6)
