from __future__ import annotations

import numpy as np
import pytest
from onnx import parser

import explainers

HEAD = '<ir_version: 10, opset_import: ["":21]> '
W = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
NUMBERS = ", ".join(str(float(v)) for v in W.reshape(-1))
SHIFTED = {
    "ReduceMax": "m = ReduceMax<keepdims=1>(z, axes)",
    "ReduceMax, Max, Reshape": """floor = Constant<value_float=-1e30>() one = Constant<value=int64[2] {-1, 1}>()
        r = ReduceMax<keepdims=0>(z, axes) c = Max(floor, r) m = Reshape(c, one)""",
}


@pytest.mark.parametrize("shift", SHIFTED.values(), ids=SHIFTED)
def test_logits_are_what_stands_before_the_greatest_is_taken_off(shift: str) -> None:
    proto = parser.parse_model(
        HEAD
        + f"""g (float[N,3] x) => (float[N,4] y)
        <float[3,4] w = {{{NUMBERS}}}, int64[1] axes = {{1}}> {{
        z = MatMul(x, w) {shift} d = Sub(z, m) y = Softmax<axis=1>(d) }}"""
    )
    found = explainers.explain(explainers.load(proto), X, "gradient")
    best = (X @ W).argmax(1)
    assert found.account.explained == "z"
    assert found.account.index == best.tolist()
    np.testing.assert_allclose(found.attributions["x"], W[:, best].T, rtol=1e-5)


def test_what_differs_along_the_axis_is_no_shift() -> None:
    proto = parser.parse_model(
        HEAD
        + f"""g (float[N,3] x) => (float[N,4] y)
        <float[3,4] w = {{{NUMBERS}}}, float[4] b = {{1, 2, 3, 4}}> {{
        z = MatMul(x, w) d = Sub(z, b) y = Softmax<axis=1>(d) }}"""
    )
    found = explainers.explain(explainers.load(proto), X, "gradient", target=2)
    assert found.account.explained == "d"
    np.testing.assert_allclose(found.account.score, (X @ W - [1, 2, 3, 4])[:, 2], rtol=1e-5)
