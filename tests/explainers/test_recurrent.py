from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import explainers
from explainers.errors import OperatorsWithoutDerivative, ResourceLimit
from explainers.graph.passes import recurrent
from explainers.graph.prepare import prepare

STEPS, ITEMS, WIDTH, SIZE = 5, 2, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
SPECIAL: dict[str, dict[str, Any]] = {
    "LSTM": {
        "activations": ["HardSigmoid", "Softsign", "Elu"],
        "activation_alpha": [0.3, 0.8],
        "activation_beta": [0.4],
    },
    "GRU": {
        "activations": ["HardSigmoid", "LeakyRelu"],
        "activation_alpha": [0.3, 0.1],
        "activation_beta": [0.4],
        "linear_before_reset": 1,
    },
    "RNN": {"activations": ["Affine"], "activation_alpha": [0.5], "activation_beta": [0.1]},
}


def cell(
    kind: str,
    weights: dict[str, Any],
    inputs: dict[str, list[Any]],
    dtype: Any = np.float32,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one recurrent node; the weights' and inputs' names say where they belong."""
    code = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    order = ["x", "W", "R", "B", "lengths", "h", "c", "P"][: 8 if kind == "LSTM" else 6]
    known = {**weights, **inputs}
    outputs = ["Y", "Y_h", "Y_c"][: 3 if kind == "LSTM" else 2]
    node = helper.make_node(
        kind, [n if n in known else "" for n in order], outputs, name="cell", hidden_size=SIZE, **attributes
    )
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info(n, TensorProto.INT32 if n == "lengths" else code, s)
            for n, s in inputs.items()
        ],
        [helper.make_tensor_value_info(n, code, [None] * (4 if n == "Y" else 3)) for n in outputs],
        [numpy_helper.from_array(np.asarray(a, dtype), n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, feeds
    )


def written_out(model: onnx.ModelProto) -> onnx.ModelProto:
    shapes = {i.name: [d.dim_value or "N" for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    return ir.to_proto(prepare(model, shapes))


def random_cell(
    kind: str, direction: str, *, full: bool, rng: np.random.Generator, **attributes: Any
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    ways, gates = 2 if direction == "bidirectional" else 1, GATES[kind]
    weights = {
        "W": rng.normal(size=(ways, gates * SIZE, WIDTH)),
        "R": rng.normal(size=(ways, gates * SIZE, SIZE)),
    }
    inputs: dict[str, list[Any]] = {"x": [STEPS, "N", WIDTH]}
    feeds: dict[str, Any] = {"x": rng.normal(size=(STEPS, ITEMS, WIDTH)).astype(np.float32)}
    if full:
        weights["B"] = rng.normal(size=(ways, 2 * gates * SIZE))
        inputs |= {"lengths": ["N"], "h": [ways, "N", SIZE]} | (
            {"c": [ways, "N", SIZE]} if kind == "LSTM" else {}
        )
        feeds["lengths"] = np.array([STEPS, 3], np.int32)
        feeds |= {
            n: rng.normal(size=(ways, ITEMS, SIZE)).astype(np.float32) for n in ("h", "c") if n in inputs
        }
        if kind == "LSTM":
            weights["P"] = rng.normal(size=(ways, 3 * SIZE))
    repeated = {k: v * ways if isinstance(v, list) else v for k, v in attributes.items()}
    return cell(kind, weights, inputs, direction=direction, **repeated), feeds


@pytest.mark.parametrize("options", ["plain", "clip", "special"])
@pytest.mark.parametrize("full", [False, True], ids=["bare", "full"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", list(GATES))
def test_steps_give_what_the_kernel_gives(kind: str, direction: str, full: bool, options: str) -> None:
    extra = {"plain": {}, "clip": {"clip": 0.5}, "special": SPECIAL[kind]}[options]
    model, feeds = random_cell(kind, direction, full=full, rng=np.random.default_rng(1), **extra)
    steps = written_out(model)
    assert not {n.op_type for n in steps.graph.node} & set(GATES)
    for ours, theirs in zip(run(steps, feeds), run(model, feeds), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_forget_gate_may_be_tied_to_the_input_gate() -> None:
    model, feeds = random_cell("LSTM", "forward", full=True, rng=np.random.default_rng(2), input_forget=1)
    for ours, theirs in zip(run(written_out(model), feeds), run(model, feeds), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", list(GATES))
def test_items_first_is_steps_first_transposed(kind: str) -> None:
    rng = np.random.default_rng(3)
    weights = {
        "W": rng.normal(size=(1, GATES[kind] * SIZE, WIDTH)),
        "R": rng.normal(size=(1, GATES[kind] * SIZE, SIZE)),
    }
    x = rng.normal(size=(STEPS, ITEMS, WIDTH)).astype(np.float32)
    first = run(
        written_out(cell(kind, weights, {"x": ["N", STEPS, WIDTH]}, layout=1)), {"x": x.transpose(1, 0, 2)}
    )
    y, h = run(cell(kind, weights, {"x": [STEPS, "N", WIDTH]}), {"x": x})[:2]
    np.testing.assert_allclose(first[0], y.transpose(2, 0, 1, 3), atol=1e-6)
    np.testing.assert_allclose(first[1], h.transpose(1, 0, 2), atol=1e-6)


def test_nodes_keep_the_name_of_the_operator() -> None:
    model, _ = random_cell("GRU", "forward", full=False, rng=np.random.default_rng(0))
    names = {n.name for n in written_out(model).graph.node}
    assert all(n.startswith("cell/") for n in names)
    # one product for the inputs of all steps, one for each step's state and gate block
    assert sum("MatMul" in n for n in names) == 1 + 2 * (STEPS - 1)


# ---- gradients -----------------------------------------------------------------------------------------------------


def of_torch(kind: str, net: Any) -> dict[str, np.ndarray]:
    """Weights in ONNX's order of gates: torch has i f g o and r z n."""
    order = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}[kind]

    def turn(a: Any) -> np.ndarray:
        return np.concatenate([np.split(a.detach().numpy(), GATES[kind])[i] for i in order])

    ways = ["", "_reverse"] if net.bidirectional else [""]
    return {
        "W": np.stack([turn(getattr(net, f"weight_ih_l0{w}")) for w in ways]),
        "R": np.stack([turn(getattr(net, f"weight_hh_l0{w}")) for w in ways]),
        "B": np.stack(
            [np.concatenate([turn(getattr(net, f"bias_{k}_l0{w}")) for k in ("ih", "hh")]) for w in ways]
        ),
    }


def torch_case(
    kind: str, dtype: Any, *, bidirectional: bool
) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray, np.ndarray]:
    """A model, an input, a cotangent of Y, and torch's gradient."""
    torch.manual_seed(0)
    net = getattr(torch.nn, kind)(WIDTH, SIZE, bidirectional=bidirectional).to(
        getattr(torch, np.dtype(dtype).name)
    )
    x = torch.randn(STEPS, ITEMS, WIDTH, dtype=next(net.parameters()).dtype, requires_grad=True)
    y = net(x)[0]
    g = torch.randn_like(y)
    (y * g).sum().backward()
    ways = 2 if bidirectional else 1
    extra = {"linear_before_reset": 1} if kind == "GRU" else {}
    model = cell(
        kind,
        of_torch(kind, net),
        {"x": [STEPS, ITEMS, WIDTH]},
        dtype,
        direction="bidirectional" if bidirectional else "forward",
        **extra,
    )
    cotangent = g.numpy().reshape(STEPS, ITEMS, ways, SIZE).transpose(0, 2, 1, 3)
    assert x.grad is not None
    return model, x.detach().numpy(), cotangent, x.grad.numpy()


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("kind", list(GATES))
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 1e-4)])
def test_gradient_is_that_of_torch(kind: str, bidirectional: bool, dtype: Any, tolerance: float) -> None:
    model, x, g, expected = torch_case(kind, dtype, bidirectional=bidirectional)
    loaded = explainers.load(model, card={"inputs": {"x": {"batch_axis": None}}})
    graph = explainers.compile(loaded, "gradient")
    feeds = {"x": x, "target_weights": g}
    if dtype is np.float64:
        found = dict(
            zip([o.name for o in graph.graph.output], ReferenceEvaluator(graph).run(None, feeds), strict=True)
        )
    else:
        found = dict(zip([o.name for o in graph.graph.output], run(graph, feeds), strict=True))
    np.testing.assert_allclose(
        found["attribution.x"], expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
    )


def test_items_of_a_batch_are_explained_together() -> None:
    model, feeds = random_cell("LSTM", "forward", full=False, rng=np.random.default_rng(4))
    loaded = explainers.load(model, card={"inputs": {"x": {"batch_axis": 1}}})
    both = explainers.explain(loaded, feeds, "gradient", target={"output": "Y_h"}).attributions["x"]
    one = explainers.explain(
        loaded, {"x": feeds["x"][:, :1]}, "gradient", target={"output": "Y_h"}
    ).attributions["x"]
    np.testing.assert_allclose(both[:, :1], one, atol=1e-6)


def test_a_sequence_that_is_too_long_is_refused_by_name() -> None:
    weights = {"W": np.ones((1, SIZE, WIDTH)), "R": np.ones((1, SIZE, SIZE))}
    model = cell("RNN", weights, {"x": [recurrent.LONGEST + 1, "N", WIDTH]})
    with pytest.raises(ResourceLimit, match="cell takes 4097 steps"):
        prepare(model, {"x": [recurrent.LONGEST + 1, "N", WIDTH]})


def test_a_sequence_of_unknown_length_is_named_when_compiled() -> None:
    weights = {"W": np.ones((1, SIZE, WIDTH)), "R": np.ones((1, SIZE, SIZE))}
    loaded = explainers.load(
        cell("RNN", weights, {"x": ["T", 1, WIDTH]}), card={"inputs": {"x": {"batch_axis": 1}}}
    )
    assert loaded.describe().families["backward"].supported
    with pytest.raises(OperatorsWithoutDerivative, match=r"cell .*length of its sequence must be known"):
        explainers.compile(loaded, "gradient")
