from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

import explainers
from explainers.graph.passes.free_batch import free_batch
from explainers.graph.prepare import to_ir

TABLE = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
TOKENS = np.array([[1, 4, 0], [2, 2, 3]], np.int32)
HEAD = '<ir_version: 10, opset_import: ["":21]> '
# each gives e, the embeddings of the tokens
PICKED = {
    "Gather": "e = Gather(table, tokens)",
    "Equal": """axis = Constant<value=int64[1] {2}>() wide = Unsqueeze(tokens, axis)
        hit = Equal(wide, classes) row = Cast<to=1>(hit) e = MatMul(row, table)""",
    "Reshape, Expand, Equal": """shape = Constant<value=int64[3] {-1, 3, 1}>() wide = Reshape(tokens, shape)
        one = Constant<value=int64[3] {1, 1, 1}>() same = Expand(wide, one)
        hit = Equal(same, classes) row = Cast<to=1>(hit) e = MatMul(row, table)""",
    "Cast, OneHot": "long = Cast<to=7>(tokens) row = OneHot(long, five, values) e = MatMul(row, table)",
}


def model(picked: str) -> onnx.ModelProto:
    numbers = ", ".join(str(float(v)) for v in TABLE.reshape(-1))
    constants = f"float[5,3] table = {{{numbers}}}, int32[1,1,5] classes = {{0, 1, 2, 3, 4}}"
    constants += ", int64 five = {5}, float[2] values = {0, 1}"
    return parser.parse_model(
        HEAD
        + f"""g (int32[N,3] tokens) => (float[N,3] y) <{constants}> {{
        {picked}
        h = Mul(e, e) axes = Constant<value=int64[1] {{1}}>() y = ReduceSum<keepdims=0>(h, axes) }}"""
    )


@pytest.mark.parametrize("picked", PICKED.values(), ids=PICKED)
def test_tokens_are_explained_at_what_they_pick(picked: str) -> None:
    loaded = explainers.load(model(picked))
    found = explainers.explain(loaded, TOKENS, "gradient", target=1)
    slope = np.zeros((2, 3, 3), np.float32)
    slope[..., 1] = 2 * TABLE[TOKENS][..., 1]
    np.testing.assert_allclose(found.arrays["embedding_gradient.tokens"], slope, rtol=1e-5)
    np.testing.assert_allclose(found.attributions["tokens"], np.abs(slope[..., 1]), rtol=1e-5)
    product = explainers.explain(loaded, TOKENS, "input_x_gradient", target=1).attributions["tokens"]
    np.testing.assert_allclose(product, slope[..., 1] * TABLE[TOKENS][..., 1], rtol=1e-5)


def test_a_batch_hidden_in_a_counted_axis_is_freed() -> None:
    """Attention by heads is exported as (heads x items, -1, size): the items are found again."""
    proto = parser.parse_model(
        HEAD
        + """g (float[1,4,6] x) => (float[1,4,6] y) {
        s = Constant<value=int64[4] {1, 4, 3, 2}>() h = Reshape(x, s) t = Transpose<perm=[0,2,1,3]>(h)
        m = Constant<value=int64[3] {3, -1, 2}>() a = Reshape(t, m) b = Transpose<perm=[0,2,1]>(a) c = MatMul(a, b)
        d = MatMul(c, a) n = Constant<value=int64[4] {1, 3, 4, 2}>() e = Reshape(d, n) f = Transpose<perm=[0,2,1,3]>(e)
        o = Constant<value=int64[3] {1, 4, 6}>() y = Reshape(f, o) }"""
    )
    assert free_batch(to_ir(proto), {"x": ["N", 4, 6]}, 1)
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    found = explainers.explain(explainers.load(proto), x, "gradient", target={"index": {"at": [0, 0]}})
    assert not found.account.one_by_one
    alone = [
        explainers.explain(explainers.load(proto), v[None], "gradient", target={"index": {"at": [0, 0]}})
        for v in x
    ]
    np.testing.assert_allclose(
        found.attributions["x"], np.concatenate([a.attributions["x"] for a in alone]), atol=1e-5
    )
