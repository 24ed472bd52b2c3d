"""LRP of recurrent operators against a slow numpy writing of Arras et al., 2017 (arXiv:1706.07206, section 3.1)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import explainers

STEPS, WIDTH, SIZE, EPSILON = 4, 3, 5, 1e-10
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def shares(terms, z, r):
    """Hand each r_j to the terms (inputs x outputs) in proportion to what they give to z_j (eq. 3; the bias keeps its part)."""
    return (terms * r / (z + EPSILON * np.where(z >= 0, 1.0, -1.0))).sum(1)


class Written:
    """One direction of a recurrent operator in numpy, forward, then relevance backward through time."""

    def __init__(self, kind, w, r, b):
        blocks = lambda a: np.split(a, GATES[kind])  # noqa: E731
        self.kind, self.w, self.r = kind, blocks(w[0]), blocks(r[0])
        self.bw, self.br = blocks(b[0][: len(b[0]) // 2]), blocks(b[0][len(b[0]) // 2 :])

    def z(self, k, x, h):
        return self.w[k] @ x + self.r[k] @ h + self.bw[k] + self.br[k]

    def forward(self, xs):
        h = c = np.zeros(SIZE)
        self.tape = []
        for x in xs:
            before = (h, c)
            h, c, known = getattr(self, self.kind.lower())(x, h, c)
            self.tape.append((x, *before, known))
        return h

    def lstm(self, x, h, c):
        i, o, f = (sigmoid(self.z(k, x, h)) for k in range(3))
        g = np.tanh(self.z(3, x, h))
        new = f * c + i * g
        return o * np.tanh(new), new, (i * g, f * c, new)

    def gru(self, x, h, c):
        u, reset = (sigmoid(self.z(k, x, h)) for k in range(2))
        z = self.w[2] @ x + self.bw[2] + reset * (self.r[2] @ h + self.br[2])
        n = np.tanh(z)
        return (1 - u) * n + u * h, c, ((1 - u) * n, u * h, z, reset)

    def rnn(self, x, h, c):
        z = self.z(0, x, h)
        return np.tanh(z), c, z

    def backward(self, r_h):
        """Return the relevance of each step's input; gates receive nothing, the signal takes all."""
        r_c, out = np.zeros(SIZE), []
        for x, h, _, known in reversed(self.tape):
            back = getattr(self, f"{self.kind.lower()}_back")
            r_x, r_h, r_c = back(x, h, known, r_h, r_c)
            out.append(r_x)
        return np.array(out[::-1])

    def lstm_back(self, x, h, known, r_h, r_c):
        added, kept, c = known
        r = r_h + r_c
        r_new, r_old = shares(np.diag(added), c, r), shares(np.diag(kept), c, r)
        z = self.z(3, x, h)
        return shares(self.w[3].T * x[:, None], z, r_new), shares(self.r[3].T * h[:, None], z, r_new), r_old

    def gru_back(self, x, h, known, r_h, r_c):
        added, kept, z, reset = known
        r_new, r_old = shares(np.diag(added), added + kept, r_h), shares(np.diag(kept), added + kept, r_h)
        r_state = shares(reset * self.r[2].T * h[:, None], z, r_new)
        return shares(self.w[2].T * x[:, None], z, r_new), r_old + r_state, r_c

    def rnn_back(self, x, h, known, r_h, r_c):
        return shares(self.w[0].T * x[:, None], known, r_h), shares(self.r[0].T * h[:, None], known, r_h), r_c


def operator(kind, weights):
    options = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = helper.make_node(kind, ["x", *weights], ["Y", "Y_h"], hidden_size=SIZE, **options)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [STEPS, "N", WIDTH])],
        [helper.make_tensor_value_info("Y_h", TensorProto.DOUBLE, [1, "N", SIZE])],
        [numpy_helper.from_array(a, n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


@pytest.mark.parametrize("kind", GATES)
def test_equals_the_paper(kind):
    rng = np.random.default_rng(5)
    gates = GATES[kind]
    weights = {
        "W": rng.normal(size=(1, gates * SIZE, WIDTH)),
        "R": rng.normal(size=(1, gates * SIZE, SIZE)),
        "B": 0.3 * rng.normal(size=(1, 2 * gates * SIZE)),
    }
    model = operator(kind, weights)
    onnx.checker.check_model(model)
    x = rng.normal(size=(STEPS, 2, WIDTH))
    compiled = explainers.compile(
        explainers.load(model), "lrp", {"epsilon": EPSILON, "stabilizer": {"epsilon": EPSILON}}
    )
    start = rng.normal(size=(1, 2, SIZE))
    found, y = ReferenceEvaluator(compiled).run(["attribution.x", "Y_h"], {"x": x, "target_weights": start})
    for item in range(2):
        written = Written(kind, **{k.lower(): a for k, a in weights.items()})
        h = written.forward(x[:, item])
        np.testing.assert_allclose(y[0, item], h, rtol=1e-12)
        np.testing.assert_allclose(found[:, item], written.backward(start[0, item] * h), rtol=1e-6, atol=1e-9)
