from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import explainers
from explainers.graph.prepare import prepare

MS = "com.microsoft"
RNG = np.random.default_rng(0)
SHAPE, FLAT = (2, 3, 6, 6), (2, 6)
GIVEN = ["xq", "xs", "xz"]
KERNEL = RNG.integers(-100, 100, (4, 3, 3, 3)).astype(np.int8)
MATRIX = RNG.integers(-100, 100, (6, 5)).astype(np.int8)
BIAS = RNG.integers(-500, 500, 5).astype(np.int32)
TO = ["ys", "yz"]


def scale(*values: float) -> np.ndarray:
    return np.array(values if len(values) > 1 else values[0], np.float32)


def zero(value: int, kind: Any = np.int8) -> np.ndarray:
    return np.array(value, kind)


def between(
    name: str,
    inputs: list[Any],
    *,
    domain: str = "",
    shape: tuple[int, ...] = SHAPE,
    kind: Any = np.uint8,
    ys: float = 0.1,
    yz: int = 120,
    real: bool = False,
    **attributes: Any,
) -> tuple[onnx.ModelProto, tuple[int, ...]]:
    """x, quantised, the operator, dequantised unless its result is real; arrays become constants."""
    constants = {
        "xs": scale(0.05),
        "xz": np.array(12 if kind is np.int8 else 128, kind),
        "ys": scale(ys),
        "yz": np.array(yz, kind),
    }
    names = [v if isinstance(v, str) else f"c{i}" for i, v in enumerate(inputs)]
    constants |= {n: v for n, v in zip(names, inputs, strict=True) if not isinstance(v, str)}
    last = ("Identity", ["yq"]) if real else ("DequantizeLinear", ["yq", "ys", "yz"])
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="first"),
        helper.make_node(name, names, ["yq"], name="it", domain=domain, **attributes),
        helper.make_node(last[0], last[1], ["y"], name="last"),
    ]
    return _model(nodes, constants, shape), shape


def _model(
    nodes: list[Any], constants: dict[str, np.ndarray], shape: tuple[int, ...], version: int = 21
) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape[1:]])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        nodes, "g", [x], [y], [numpy_helper.from_array(a, n) for n, a in constants.items()]
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", version), helper.make_opsetid(MS, 1)], ir_version=10
    )
    behind = run(model, np.zeros(shape, np.float32)).shape[1:]
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *behind]))
    return model


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def pool(name: str, shape: tuple[int, ...] = SHAPE, **attributes: Any) -> Any:
    return between(name, [*GIVEN, *TO], domain=MS, shape=shape, **attributes)


OTHER = RNG.integers(0, 255, (1, 3, 6, 6)).astype(np.uint8)
PER_CHANNEL = scale(0.01, 0.02, 0.005, 0.015)
CASES = {
    "QLinearConv, per channel, bias": between(
        "QLinearConv",
        [*GIVEN, KERNEL, PER_CHANNEL, np.zeros(4, np.int8), *TO, BIAS[:4]],
        pads=[1, 1, 1, 1],
        ys=0.3,
    ),
    "QLinearConv, strided, zero points": between(
        "QLinearConv", [*GIVEN, KERNEL, scale(0.01), zero(3), *TO], strides=[2, 2], ys=0.3
    ),
    "QLinearMatMul": between("QLinearMatMul", [*GIVEN, MATRIX, scale(0.01), zero(2), *TO], shape=FLAT),
    "QLinearMatMul, per column": between(
        "QLinearMatMul", [*GIVEN, MATRIX, PER_CHANNEL.repeat(2)[:5], np.zeros(5, np.int8), *TO], shape=FLAT
    ),
    "QLinearAdd": between("QLinearAdd", [*GIVEN, OTHER, scale(0.03), zero(100, np.uint8), *TO], domain=MS),
    "QLinearMul": between("QLinearMul", [*GIVEN, OTHER, scale(0.03), zero(100, np.uint8), *TO], domain=MS),
    "QLinearSigmoid": pool("QLinearSigmoid", ys=1 / 256, yz=0),
    "QLinearLeakyRelu": pool("QLinearLeakyRelu", alpha=0.2),
    "QLinearAveragePool": pool("QLinearAveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "QLinearAveragePool, channels last": pool(
        "QLinearAveragePool", (2, 6, 6, 3), kernel_shape=[2, 2], channels_last=1
    ),
    "QLinearGlobalAveragePool": pool("QLinearGlobalAveragePool"),
    "QLinearConcat": between("QLinearConcat", [*TO, *GIVEN, *GIVEN], domain=MS, axis=1),
    "QLinearSoftmax": pool("QLinearSoftmax", FLAT, axis=-1, opset=13, ys=1 / 256, yz=0),
    "QGemm": between(
        "QGemm", [*GIVEN, MATRIX.T.copy(), scale(0.01), zero(0), BIAS, *TO], domain=MS, shape=FLAT, transB=1
    ),
}
REAL = {
    "QGemm, real": between(
        "QGemm",
        [*GIVEN, MATRIX.T.copy(), scale(0.01), zero(0), BIAS],
        domain=MS,
        shape=FLAT,
        transB=1,
        real=True,
    ),
    "MatMulIntegerToFloat": between(
        "MatMulIntegerToFloat",
        ["xq", MATRIX, "xs", scale(0.02), "xz", zero(1), scale(*range(5))],
        domain=MS,
        shape=FLAT,
        real=True,
    ),
    "DynamicQuantizeMatMul": between(
        "DynamicQuantizeMatMul", ["x", MATRIX, scale(0.02), zero(1)], domain=MS, shape=FLAT, real=True
    ),
}


def dynamic(
    name: str, weights: np.ndarray, shape: tuple[int, ...], **attributes: Any
) -> tuple[onnx.ModelProto, tuple[int, ...]]:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"], name="first"),
        helper.make_node(name, ["xq", "w", "xz", "wz"], ["yi"], name="it", **attributes),
        helper.make_node("Cast", ["yi"], ["yf"], to=TensorProto.FLOAT, name="cast"),
        helper.make_node("Mul", ["xs", "ws"], ["s"], name="scales"),
        helper.make_node("Mul", ["yf", "s"], ["y"], name="last"),
    ]
    constants = {"w": weights, "wz": np.array(2, weights.dtype), "ws": scale(0.02)}
    return _model(nodes, constants, shape), shape


DYNAMIC = {
    "MatMulInteger": dynamic("MatMulInteger", MATRIX, FLAT),
    "ConvInteger": dynamic("ConvInteger", KERNEL.view(np.uint8), SHAPE, pads=[1, 1, 1, 1], strides=[2, 2]),
}
ALL = CASES | REAL | DYNAMIC


def sample(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


def gradient(model: onnx.ModelProto, x: np.ndarray) -> Any:
    weights = np.random.default_rng(8).normal(size=run(model, x).shape[1:])
    return explainers.explain(
        explainers.load(model), x, "gradient", target={"weights": weights.tolist()}
    ), weights


@pytest.mark.parametrize(("model", "shape"), ALL.values(), ids=ALL)
def test_values_are_exactly_those_of_the_deployed_model(
    model: onnx.ModelProto, shape: tuple[int, ...]
) -> None:
    x = sample(shape)
    np.testing.assert_array_equal(gradient(model, x)[0].arrays["output.y"], run(model, x))


@pytest.mark.parametrize(("model", "shape"), CASES.values(), ids=CASES)
def test_the_dequantised_form_is_within_one_step(model: onnx.ModelProto, shape: tuple[int, ...]) -> None:
    x = sample(shape)
    step = next(float(numpy_helper.to_array(t)) for t in model.graph.initializer if t.name == "ys")
    form = run(ir.to_proto(prepare(model, {"x": ["N", *shape[1:]]})), x)
    assert np.abs(form - run(model, x)).max() <= 1.001 * step


@pytest.mark.parametrize(("model", "shape"), ALL.values(), ids=ALL)
def test_gradient_is_the_slope_over_many_steps(model: onnx.ModelProto, shape: tuple[int, ...]) -> None:
    """Rounding has no slope at a point; over a move of many steps of all inputs the secant is that of the real function."""
    x = 0.5 * sample(shape)
    found, weights = gradient(model, x)
    move = np.sign(found.attributions["x"]) * np.float32(0.1)
    rise = ((run(model, x + move).astype(np.float64) - run(model, x - move)) * weights).sum()
    expected = 2 * (found.attributions["x"].astype(np.float64) * move).sum()
    assert abs(rise - expected) <= 0.12 * abs(expected) + 0.01


def test_what_clips_has_no_slope() -> None:
    model, shape = between("QLinearConv", [*GIVEN, KERNEL, scale(0.01), zero(0), *TO], ys=0.001, yz=0)
    x = sample(shape)
    found, _ = gradient(model, x)
    clipped = np.isin(run(model, x), [0.0, np.float32(255 * np.float32(0.001))])
    assert clipped.mean() > 0.9
    one = explainers.explain(
        explainers.load(model),
        x,
        "gradient",
        target={"index": {"at": [int(i) for i in np.argwhere(clipped[0])[0]]}},
    )
    assert not one.attributions["x"][0].any()
    assert found.attributions["x"].shape == x.shape


@pytest.mark.parametrize(
    ("kind", "block"), [(TensorProto.INT4, 0), (TensorProto.INT4, 2), (TensorProto.INT8, 3)]
)
def test_four_bits_and_blocks(kind: int, block: int) -> None:
    steps = RNG.integers(-8, 8, (6, 5)).astype(np.int8)
    scales = RNG.random((6 // block, 5) if block else (5,)).astype(np.float32)
    where = {"block_size": block, "axis": 0} if block else {"axis": 1}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "ws"], ["wr"], name="first", **where),
        helper.make_node("MatMul", ["x", "wr"], ["y"], name="last"),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", d]) for n, d in (("x", 6), ("y", 5)))
    w = helper.make_tensor("w", kind, [6, 5], steps.reshape(-1).tolist())
    graph = helper.make_graph(nodes, "g", [x], [y], [w, numpy_helper.from_array(scales, "ws")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    found, weights = gradient(model, sample(FLAT))
    real = steps * (np.repeat(scales, block, 0) if block else scales)
    np.testing.assert_allclose(found.attributions["x"], np.broadcast_to(real @ weights, FLAT), rtol=1e-5)


def test_a_quantiser_in_blocks_passes_by_block() -> None:
    scales = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    nodes = [
        helper.make_node("Gemm", ["x", "eye"], ["h"], name="first", transA=1),
        helper.make_node(
            "QuantizeLinear", ["h", "s"], ["q"], name="q", axis=0, block_size=3, output_dtype=TensorProto.INT8
        ),
        helper.make_node("DequantizeLinear", ["q", "s"], ["r"], name="r", axis=0, block_size=3),
        helper.make_node("Gemm", ["r", "eye2"], ["y"], name="last", transA=1),
    ]
    constants = {"s": scales, "eye": np.eye(2, dtype=np.float32), "eye2": np.eye(6, dtype=np.float32)}
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 6])
    graph = helper.make_graph(
        nodes, "g", [x], [y], [numpy_helper.from_array(a, n) for n, a in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    loaded = explainers.load(model, card={"inputs": {"x": {"batch_axis": None}}})
    compiled = explainers.compile(loaded, "gradient")
    session = ort.InferenceSession(compiled.SerializeToString(), providers=["CPUExecutionProvider"])
    values = np.array([[1, 2, 3, 30, 40, 50], [1, 2, 30, 3, 4, 60]], np.float32)
    found = session.run(["attribution.x"], {"x": values, "target_weights": np.ones((2, 6), np.float32)})[0]
    edge = np.repeat(scales * 127.5, 3, 0).T
    np.testing.assert_allclose(found, (values <= edge).astype(np.float32), atol=1e-6)


def test_the_account_says_how_far_rounding_has_moved_the_score() -> None:
    model, shape = CASES["QLinearMatMul"]
    # some of these lie beyond what the quantiser represents
    x = 6 * sample(shape)
    found, weights = gradient(model, x)
    real = np.clip(x, (0 - 128) * 0.05, (255 - 128) * 0.05) @ ((MATRIX.astype(np.float64) - 2) * 0.01)
    clipped = np.clip(real, (0 - 120) * 0.1, (255 - 120) * 0.1)
    expected = np.abs(((run(model, x) - clipped) * weights).sum(1))
    np.testing.assert_allclose(found.account.per_item["drift"], expected, atol=1e-4)
    assert (expected > 1e-3).all()


def test_a_model_without_quantisers_has_no_drift() -> None:
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert "drift" not in gradient(model, sample((2, 3)))[0].account.per_item
