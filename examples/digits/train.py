"""Train the examples' digit classifier on scikit-learn's UCI digits; write it as ONNX, with card and held-out digits.

Run `python examples/digits/train.py`; it needs PyTorch and scikit-learn, takes half a minute and is seeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).parent
SEED, EPOCHS, BATCH = 0, 60, 64
SHOWN = 64
CARD: dict[str, dict[str, Any]] = {
    "inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}},
    "outputs": {"logits": {"labels": [str(digit) for digit in range(10)]}},
}


def network() -> nn.Sequential:
    """Two convolutions with batch norm, a max pool, an average pool and a linear readout."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def digits() -> list[torch.Tensor]:
    """Return training images, held-out images, training labels, held-out labels; pixels in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(images, labels, test_size=0.2, random_state=SEED, stratify=labels)
    return [torch.from_numpy(part) for part in parts]


def train(net: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Fit by Adam on the cross entropy with a falling rate."""
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).chunk(len(images) // BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    net.eval()


def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    """Return a node that is called as its output."""
    return helper.make_node(operator, inputs, [output], output, **attributes)


def nodes() -> Iterator[onnx.NodeProto]:
    """Yield the network's nodes; batch norm stays a node of its own, so that the example shows one."""
    for block, (source, pool) in enumerate([("input", "MaxPool"), ("pool0", "AveragePool")]):
        at = 4 * block
        norm = [f"{at + 1}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        weights = [f"{at}.weight", f"{at}.bias"]
        yield node("Conv", [source, *weights], f"conv{block}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        yield node("BatchNormalization", [f"conv{block}", *norm], f"norm{block}", epsilon=1e-5)
        yield node("Relu", [f"norm{block}"], f"relu{block}")
        yield node(pool, [f"relu{block}"], f"pool{block}", kernel_shape=[2, 2], strides=[2, 2])
    yield node("Flatten", ["pool1"], "flat", axis=1)
    yield node("Gemm", ["flat", "9.weight", "9.bias"], "logits", transB=1)


def export(net: nn.Sequential) -> onnx.ModelProto:
    """Return the trained network as an ONNX model with a free batch axis."""
    weights = {str(k): v.detach().numpy() for k, v in net.state_dict().items() if "num_batches" not in k}
    graph = helper.make_graph(
        list(nodes()),
        "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(w, name) for name, w in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="onnxplain")
    onnx.checker.check_model(model, full_check=True)
    return model


def logits(model: onnx.ModelProto, images: NDArray[Any]) -> NDArray[Any]:
    """Run the exported model by ONNX's own reference evaluator."""
    return np.asarray(ReferenceEvaluator(model).run(None, {"input": images})[0])


def write(model: onnx.ModelProto, images: NDArray[Any], labels: NDArray[Any]) -> None:
    """Write the model, its card, some held-out digits and one of them as a picture."""
    (HERE / "digits.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (HERE / "digits.card.json").write_text(json.dumps(CARD, indent=2) + "\n")
    np.savez_compressed(HERE / "heldout.npz", input=images[:SHOWN], label=labels[:SHOWN])
    one = images[int(np.argmax(labels == 3)), 0]
    Image.fromarray(np.round(one * 255).astype(np.uint8)).save(HERE / "three.png")


def main() -> None:
    """Train, export, check the exported model against PyTorch and on held-out digits, write."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    train_images, images, train_labels, labels = digits()
    net = network()
    train(net, train_images, train_labels)
    model = export(net)
    scores = logits(model, images.numpy())
    np.testing.assert_allclose(scores, net(images).detach().numpy(), rtol=1e-4, atol=1e-4)
    accuracy = float((scores.argmax(1) == labels.numpy()).mean())
    if accuracy < 0.97:
        raise SystemExit(f"held-out accuracy is {accuracy:.2%}, below 97 %: the model was not written")
    write(model, images.numpy(), labels.numpy())
    print(f"held-out accuracy {accuracy:.2%} of {len(labels)}; digits.onnx has {model.ByteSize():,} bytes")


if __name__ == "__main__":
    main()
