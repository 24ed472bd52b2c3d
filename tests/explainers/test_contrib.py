from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

import explainers
from explainers.graph.prepare import prepare

MS = "com.microsoft"
RNG = np.random.default_rng(0)
Case = tuple[str, str, list[Any], dict[str, Any]]


def f(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (RNG.normal(size=shape) * scale).astype(np.float32)


X, MASK = f(2, 5, 8), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
W, B = f(8, 24, scale=0.3), f(24)
IDS, KINDS = RNG.integers(0, 20, (2, 5)).astype(np.int32), RNG.integers(0, 2, (2, 5)).astype(np.int32)
PLACES = np.array([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7]], np.int64)
IMAGE, KERNEL = f(1, 3, 6, 6), f(4, 3, 3, 3)
HEADS = {"num_heads": 2}


def ms(name: str, *inputs: Any, **attributes: Any) -> Case:
    return MS, name, list(inputs), attributes


def standard(name: str, *inputs: Any, **attributes: Any) -> Case:
    return "", name, list(inputs), attributes


CASES: list[Case] = [
    ms("Gelu", X),
    ms("BiasGelu", X, f(8)),
    ms("FastGelu", X),
    ms("FastGelu", X, f(8)),
    ms("QuickGelu", X),
    ms("QuickGelu", X, alpha=1.0),
    ms("FusedMatMul", f(2, 3, 4), f(2, 4, 5), alpha=0.5),
    ms("FusedMatMul", f(2, 4, 3), f(2, 5, 4), transA=1, transB=1),
    ms("FusedMatMul", f(3, 2, 4), f(4, 2, 5), transBatchA=1, transBatchB=1),
    ms("FusedMatMul", f(4, 2, 3, 6), f(2, 3, 4, 5), transBatchA=1, transA=1),
    ms("FusedGemm", f(3, 4), f(4, 5), f(5), activation="Relu", alpha=0.5, beta=2.0),
    ms("FusedGemm", f(3, 4), f(4, 5), f(5), activation="LeakyRelu", activation_alpha=0.2),
    ms(
        "FusedGemm",
        f(3, 4),
        f(4, 5),
        f(5),
        activation="HardSigmoid",
        activation_alpha=0.3,
        activation_beta=0.4,
    ),
    ms("FusedConv", IMAGE, KERNEL, f(4), activation="Relu", pads=[1, 1, 1, 1]),
    ms("FusedConv", IMAGE, KERNEL, f(4), f(1, 4, 6, 6), activation="Relu", pads=[1, 1, 1, 1]),
    ms("FusedConv", IMAGE, KERNEL, f(4), activation="Clip", activation_params=[-0.3, 0.6]),
    ms("FusedConv", IMAGE, KERNEL, activation="LeakyRelu", activation_params=[0.2]),
    ms("SkipLayerNormalization", X, f(2, 5, 8), f(8), f(8)),
    ms("SkipLayerNormalization", X, f(2, 5, 8), f(8), f(8), f(8), epsilon=1e-5),
    ms("SkipSimplifiedLayerNormalization", X, f(2, 5, 8), f(8), f(8), epsilon=1e-5),
    standard("SimplifiedLayerNormalization", X, f(8), epsilon=1e-5),
    ms("EmbedLayerNormalization", IDS, KINDS, f(20, 8), f(9, 8), f(2, 8), f(8), f(8), MASK),
    ms(
        "EmbedLayerNormalization",
        IDS,
        None,
        f(20, 8),
        f(9, 8),
        None,
        f(8),
        f(8),
        None,
        PLACES.astype(np.int32),
    ),
    ms("Attention", X, W, B, **HEADS),
    ms("Attention", X, W, B, MASK, **HEADS),
    ms("Attention", X, W, B, np.array([3, 5], np.int32), **HEADS),
    ms("Attention", X, W, B, MASK, unidirectional=1, **HEADS),
    ms("Attention", X, W, B, RNG.integers(0, 2, (2, 5, 5)).astype(np.int32), scale=0.3, **HEADS),
    ms("Attention", X, W, B, None, None, f(2, 2, 5, 5), **HEADS),
    ms("Attention", X, f(8, 28), f(28), qkv_hidden_sizes=[8, 8, 12], **HEADS),
    ms("Attention", X, W, B, None, f(2, 2, 2, 3, 4), unidirectional=1, **HEADS),
    ms("MultiHeadAttention", X, f(2, 7, 8), f(2, 7, 12), **HEADS),
    ms("MultiHeadAttention", X, f(2, 7, 8), f(2, 7, 12), f(28), **HEADS),
    ms("MultiHeadAttention", X, f(2, 5, 8), f(2, 5, 8), None, MASK, scale=0.2, **HEADS),
    ms("MultiHeadAttention", X, f(2, 2, 7, 4), f(2, 2, 7, 4), **HEADS),
    ms(
        "MultiHeadAttention",
        X,
        f(2, 5, 8),
        f(2, 5, 8),
        None,
        None,
        None,
        f(2, 2, 3, 4),
        f(2, 2, 3, 4),
        unidirectional=1,
        **HEADS,
    ),
    ms("RotaryEmbedding", X, PLACES, f(10, 2), f(10, 2), **HEADS),
    ms("RotaryEmbedding", f(2, 2, 5, 4), PLACES, f(10, 2), f(10, 2), interleaved=1),
    ms("RotaryEmbedding", X, np.array([2], np.int64), f(10, 2), f(10, 2)),
    ms("RotaryEmbedding", X, PLACES, f(10, 1), f(10, 1), rotary_embedding_dim=2, **HEADS),
    standard("Attention", X, f(2, 7, 8), f(2, 7, 8), q_num_heads=2, kv_num_heads=2),
    standard("Attention", f(2, 2, 5, 4), f(2, 2, 7, 4), f(2, 2, 7, 4), is_causal=1),
    standard("RotaryEmbedding", f(2, 2, 5, 4), f(10, 2), f(10, 2), PLACES),
    standard("MeanVarianceNormalization", IMAGE),
]
OUTPUTS = {"EmbedLayerNormalization": 2, "Attention": 1}


def build(case: Case) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A model of one node between two that the walk knows, and its feeds."""
    domain, name, inputs, attributes = case
    names = ["" if a is None else f"i{k}" for k, a in enumerate(inputs)]
    outputs = [f"o{k}" for k in range(OUTPUTS.get(name, 1))]
    # the kernel reads what is past only where it may give what is present
    past = (
        {"Attention": ["present"], "MultiHeadAttention": ["present_k", "present_v"]}.get(name, [])
        if domain
        else []
    )
    outputs += past if past and inputs[-1] is not None and inputs[-1].shape[-2:] == (3, 4) else []
    nodes = [
        helper.make_node(name, names, outputs, name="it", domain=domain, **attributes),
        helper.make_node("Tanh", ["o0"], ["y"], name="last"),
    ]
    feeds = {n: a for n, a in zip(names, inputs, strict=True) if a is not None}
    given = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in feeds.items()
    ]
    rank = len(run(_model(nodes, given, None), feeds)[0].shape)
    return _model(nodes, given, rank), feeds


def _model(nodes: list[Any], given: list[Any], rank: int | None) -> onnx.ModelProto:
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None if rank is None else [None] * rank)
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid(MS, 1)]
    return helper.make_model(helper.make_graph(nodes, "g", given, [y]), opset_imports=opsets, ir_version=10)


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, feeds
    )


def label(case: Case) -> str:
    return f"{case[0]}::{case[1]}({', '.join(case[3])})"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_what_is_written_out_gives_what_the_kernel_gives(case: Case) -> None:
    model, feeds = build(case)
    prepared = ir.to_proto(prepare(model, {}))
    ours = run(prepared, feeds)[0]
    np.testing.assert_allclose(ours, run(model, feeds)[0], atol=2e-5)
    assert not [n.op_type for n in prepared.graph.node if n.domain]


GRADED = [c for c in CASES if c[2][0].dtype == np.float32]


@pytest.mark.parametrize("case", GRADED, ids=label)
def test_gradient_along_a_random_direction(case: Case) -> None:
    model, feeds = build(case)
    loaded = explainers.load(model, card={"inputs": {n: {"batch_axis": None} for n in feeds}})
    graph = explainers.compile(loaded, "gradient", {"explain_inputs": ["i0"]})
    rng = np.random.default_rng(1)
    weights, step = rng.normal(size=run(model, feeds)[0].shape).astype(np.float32), 3e-3
    found = dict(
        zip(
            [o.name for o in graph.graph.output], run(graph, feeds | {"target_weights": weights}), strict=True
        )
    )
    direction = rng.normal(size=feeds["i0"].shape).astype(np.float32)

    def score(t: float) -> float:
        moved = feeds | {"i0": feeds["i0"] + np.float32(t) * direction}
        return float((run(model, moved)[0].astype(np.float64) * weights).sum())

    slope = (8 * (score(step / 2) - score(-step / 2)) - (score(step) - score(-step))) / (6 * step)
    expected = float((found["attribution.i0"].astype(np.float64) * direction).sum())
    scale = np.linalg.norm(found["attribution.i0"]) * np.linalg.norm(direction)
    assert abs(slope - expected) < 3e-3 * max(float(scale), 1.0)
