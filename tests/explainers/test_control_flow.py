from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import parser

import explainers
from explainers.errors import OperatorsWithoutDerivative, ResourceLimit
from explainers.graph.passes import loops
from explainers.graph.prepare import prepare

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
HEAD = '<ir_version: 10, opset_import: ["":21]> '

RESOLVED = {
    "If decided by a shape": """g (float[N,4] x) => (float[N,4] y) {
        s = Shape(x) r = Size(s) two = Constant<value=int64 {2}>() c = Equal(r, two)
        y = If (c) <then_branch = t () => (a) { h = Tanh(x) k = Constant<value_float=2.0>() a = Mul(h, k) },
                    else_branch = e () => (b) { b = Exp(x) }> }""",
    "If inside an If": """g (float[N,4] x) => (float[N,4] y) {
        yes = Constant<value=bool {1}>() no = Constant<value=bool {0}>()
        y = If (yes) <then_branch = t () => (a) {
                a = If (no) <then_branch = tt () => (aa) { aa = Exp(x) }, else_branch = te () => (ab) { ab = Sin(x) }> },
            else_branch = e () => (b) { b = Neg(x) }> }""",
    "Loop": """g (float[N,4] x) => (float[N,4] y, float[4,N,4] zs) {
        n = Constant<value=int64 {4}>() t = Constant<value=bool {1}>()
        y, zs = Loop (n, t, x) <body = b (int64 i, bool c, float[N,4] h) => (c1, h2, z) {
            c1 = Identity(c) f = Cast<to=1>(i) h1 = Tanh(h) h2 = Add(h1, f) z = Mul(h2, x) }> }""",
    "Loop that never turns": """g (float[N,4] x) => (float[N,4] y) {
        n = Constant<value=int64 {0}>() t = Constant<value=bool {1}>() w = Sin(x)
        y = Loop (n, t, w) <body = b (int64 i, bool c, float[N,4] h) => (c1, h2) { c1 = Identity(c) h2 = Tanh(h) }> }""",
    "Scan from behind": """g (float[N,4] x) => (float[N] y, float[N,4] zs) <int64[1] ax = {1}> {
        zero = ReduceSum<keepdims=0>(x, ax)
        y, zs = Scan <num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[1],
            scan_output_directions=[1],
            body = b (h, xi) => (h2, z) { h1 = Mul(h, xi) h2 = Sin(h1) z = Tanh(h2) }> (zero, x) }""",
    "sequence": """g (float[N,4] x) => (float[N,4] y) {
        ss = SplitToSequence<axis=1, keepdims=0>(x) i = Constant<value=int64 {1}>()
        a = SequenceAt(ss, i) b = Exp(a) s2 = SequenceInsert(ss, b) s3 = SequenceErase(s2, i)
        y = ConcatFromSequence<axis=1, new_axis=1>(s3) }""",
    "sequence filled by a Loop": """g (float[N,4] x) => (float[N,4] y) {
        e = SequenceEmpty<dtype=1>() sh = Shape(x) i1 = Constant<value=int64 {1}>() n = Gather(sh, i1)
        t = Constant<value=bool {1}>()
        l = Loop (n, t, e) <body = b (int64 i, bool c, seq(float[N]) h) => (c1, h2) {
            c1 = Identity(c) g1 = Gather<axis=1>(x, i) g2 = Exp(g1) h2 = SequenceInsert(h, g2) }>
        y = ConcatFromSequence<axis=1, new_axis=1>(l) }""",
}
IN_THE_RUN = """g (float[N,4] x) => (float[N,4] y) {
    s = ReduceSum<keepdims=0>(x) z = Constant<value_float=0.0>() c = Greater(s, z) w = Sin(x)
    y = If (c) <then_branch = t () => (a) { h = Tanh(w) k = Constant<value_float=2.0>() a = Mul(h, k) },
                else_branch = e () => (b) { v = Neg(x) b = Exp(v) }> }"""


def model(text: str) -> onnx.ModelProto:
    return parser.parse_model(HEAD + text)


def run(proto: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, {"x": x}
    )


def differences(proto: onnx.ModelProto, x: np.ndarray, step: float = 1e-2) -> np.ndarray:
    """The gradient of the sum of the first output by central differences, item by item."""

    def score(v: np.ndarray) -> float:
        return sum(float(run(proto, v[i : i + 1])[0].astype(np.float64).sum()) for i in range(len(v)))

    out = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        d = np.zeros_like(x)
        d[at] = step
        out[at] = (score(x + d) - score(x - d)) / (2 * step)
    return out


def gradient(proto: onnx.ModelProto, x: np.ndarray, **inputs: Any) -> Any:
    loaded = explainers.load(proto)
    behind = run(proto, x)[0].shape[1:] if not inputs else x.shape[1:]
    target = {"weights": np.ones(behind).tolist()} if len(behind) else None
    return explainers.explain(loaded, {"x": x, **inputs}, "gradient", target=target)


@pytest.mark.parametrize("text", RESOLVED.values(), ids=RESOLVED)
def test_what_shapes_decide_is_written_out(text: str) -> None:
    proto = model(text)
    prepared = ir.to_proto(prepare(proto, {"x": ["N", 4]}))
    kinds = {n.op_type for n in prepared.graph.node}
    assert not kinds & {"If", "Loop", "Scan"}
    assert not any("Sequence" in k for k in kinds)
    for ours, theirs in zip(run(prepared, X), run(proto, X), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("text", RESOLVED.values(), ids=RESOLVED)
def test_gradient_through_what_is_written_out(text: str) -> None:
    proto = model(text)
    np.testing.assert_allclose(gradient(proto, X).attributions["x"], differences(proto, X), atol=2e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["then", "else"])
def test_gradient_through_the_branch_that_the_run_takes(sign: float) -> None:
    proto, x = model(IN_THE_RUN), np.abs(X) * np.float32(sign)
    found = gradient(proto, x)
    np.testing.assert_allclose(found.attributions["x"], differences(proto, x), atol=2e-3)
    np.testing.assert_array_equal(
        found.arrays["output.y"], np.concatenate([run(proto, v[None])[0] for v in x])
    )


def test_items_on_different_branches_run_one_by_one() -> None:
    proto = model(IN_THE_RUN)
    x = np.stack([np.abs(X[0]), -np.abs(X[1])])
    found = gradient(proto, x)
    assert found.account.one_by_one
    np.testing.assert_allclose(found.attributions["x"], differences(proto, x), atol=2e-3)


def test_a_shared_whole_number_decides_a_branch_before_the_run() -> None:
    proto = model("""g (float[N,4] x, int64 rate) => (float[N,4] y) {
        two = Constant<value=int64 {2}>() c = Equal(rate, two)
        y = If (c) <then_branch = t () => (a) { a = Sin(x) }, else_branch = e () => (b) { b = Exp(x) }> }""")
    loaded = explainers.load(proto)
    for rate, slope in ((2, np.cos(X)), (3, np.exp(X)), (2, np.cos(X))):
        found = explainers.explain(
            loaded, {"x": X, "rate": np.array(rate)}, "gradient", target={"weights": [1.0] * 4}
        )
        np.testing.assert_allclose(found.attributions["x"], slope, rtol=1e-5)
        assert not found.account.one_by_one


def test_an_early_end_is_refused_by_name() -> None:
    proto = model("""g (float[N,4] x) => (float[N,4] y) {
        n = Constant<value=int64 {9}>() t = Constant<value=bool {1}>() z = Constant<value_float=1.0>()
        y = Loop (n, t, x) <body = b (int64 i, bool c, float[N,4] h) => (c1, h2) {
            h2 = Exp(h) s = ReduceSum<keepdims=0>(h2) c1 = Less(s, z) }> }""")
    with pytest.raises(
        OperatorsWithoutDerivative, match=r"y \(Loop\): how often it runs is known only in the run"
    ):
        gradient(proto, X)


def test_a_sequence_position_of_the_run_is_refused_by_name() -> None:
    proto = model("""g (float[N,4] x) => (float[N,4] y) {
        ss = SequenceConstruct(x, x) a = ArgMax<axis=1, keepdims=0>(x) i = ReduceMin<keepdims=0>(a)
        j = Sub(i, i) y = SequenceAt(ss, j) }""")
    with pytest.raises(
        OperatorsWithoutDerivative, match=r"\(SequenceAt\): a sequence or optional whose parts are known only"
    ):
        gradient(proto, X)


def test_too_many_turns_are_refused_by_name() -> None:
    proto = model(
        RESOLVED["Loop"]
        .replace("{4}", f"{{{loops.TURNS + 1}}}")
        .replace("float[4,N,4]", f"float[{loops.TURNS + 1},N,4]")
    )
    with pytest.raises(ResourceLimit, match=r"Loop 'y' runs 4097 turns"):
        prepare(proto, {"x": ["N", 4]})
