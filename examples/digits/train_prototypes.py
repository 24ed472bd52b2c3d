"""Train what prototypes of the digits are searched with: a decoder and a density; write both as ONNX.

Run `python examples/digits/train_prototypes.py`; it needs PyTorch and scikit-learn, takes a minute and is seeded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from explainers.optimising.mixture import mixture_model

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from train import digits, node  # noqa: E402  the script beside this one, however this one is started

SEED, EPOCHS, BATCH = 0, 150, 64
CODE, HIDDEN = 10, 128
KL = 1.0
FLOOR = 0.05
"""Least standard deviation of the density in any direction."""
NOISE = 0.1
"""Standard deviation of a pixel about what is decoded."""


class Autoencoder(nn.Module):
    """A variational autoencoder (Kingma & Welling, 2014): codes are normal, pixels lie about what a code decodes to."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * CODE))
        self.decoder = nn.Sequential(
            nn.Linear(CODE, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 64),
            nn.Sigmoid(),
        )

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Return minus the evidence's lower bound, up to a constant."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        wrong = ((self.decoder(z) - x) ** 2).sum(1) / (2 * NOISE**2)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return (wrong + KL * kl).mean()


def train(net: Autoencoder, images: torch.Tensor) -> None:
    """Fit by Adam with a falling rate."""
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).chunk(len(images) // BATCH):
            optimizer.zero_grad()
            net.loss(images[batch]).backward()
            optimizer.step()
        schedule.step()


def export(net: Autoencoder) -> onnx.ModelProto:
    """Return the decoder as ONNX: `code` (N, 10) to `image` (N, 1, 8, 8)."""
    layers = [layer for layer in net.decoder if isinstance(layer, nn.Linear)]
    nodes, tensors, at = [], [], "code"
    for i, layer in enumerate(layers):
        tensors += [
            numpy_helper.from_array(p.detach().numpy(), f"{i}.{n}") for n, p in layer.named_parameters()
        ]
        nodes.append(node("Gemm", [at, f"{i}.weight", f"{i}.bias"], f"sum{i}", transB=1))
        last = i == len(layers) - 1
        at = "pixels" if last else f"active{i}"
        nodes.append(node("Sigmoid" if last else "Relu", [f"sum{i}"], at))
    tensors.append(numpy_helper.from_array(np.array([-1, 1, 8, 8]), "shape"))
    graph = helper.make_graph(
        [*nodes, node("Reshape", [at, "shape"], "image")],
        "decoder",
        [helper.make_tensor_value_info("code", TensorProto.FLOAT, ["N", CODE])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        tensors,
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="onnxplain")
    onnx.checker.check_model(model, full_check=True)
    return model


def density_of(images: NDArray[Any], labels: NDArray[Any]) -> onnx.ModelProto:
    """Return a mixture of ten Gaussians, one for each digit: `x` (N, 1, 8, 8) to `log_p` (N,)."""
    flat = images.reshape(-1, 64).astype(np.float64)
    kinds = [flat[labels == c] for c in range(10)]
    covariances = [np.cov(kind.T) + FLOOR**2 * np.eye(64) for kind in kinds]
    return mixture_model(
        (1, 8, 8),
        np.array([len(kind) / len(flat) for kind in kinds]),
        np.stack([kind.mean(0) for kind in kinds]),
        np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances]),
    )


def run(model: onnx.ModelProto, x: NDArray[Any]) -> NDArray[Any]:
    """Run an exported model by ONNX's own reference evaluator."""
    return np.asarray(ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x})[0])


def main() -> None:
    """Train, check on held-out digits, write."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    images, held, labels, _ = digits()
    net = Autoencoder()
    train(net, images.flatten(1))
    decoder = export(net)
    with torch.no_grad():
        codes = net.encoder(held.flatten(1))[:, :CODE].numpy()
        np.testing.assert_allclose(
            run(decoder, codes).reshape(-1, 64), net.decoder(torch.from_numpy(codes)).numpy(), atol=1e-5
        )
    away = float(np.sqrt(((run(decoder, codes) - held.numpy()) ** 2).mean()))
    density = density_of(images.numpy(), labels.numpy())
    known, noise = (
        run(density, held.numpy()),
        run(density, np.random.default_rng(SEED).random((360, 1, 8, 8), "f4")),
    )
    if away > 0.15 or np.median(known) < np.median(noise):
        raise SystemExit(
            f"held-out digits are decoded {away:.3f} off, or not likelier than noise: nothing was written"
        )
    for name, model in (("decoder", decoder), ("density", density)):
        (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        print(f"{name}.onnx has {model.ByteSize():,} bytes")
    print(
        f"held-out digits: decoded {away:.3f} off; median log p {np.median(known):.1f}, of noise {np.median(noise):.1f}"
    )


if __name__ == "__main__":
    main()
