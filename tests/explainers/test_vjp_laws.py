"""Laws of the table of derivatives: each operator's rule is what differences say, at the inputs its row names."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import onnx
import pytest
import reference.rows
from reference.vjp_case import Case

import explainers.ops
from explainers.testing import check_gradient, gradient_model, runtime
from explainers.testing import reference as reference_run

ROWS: list[Case] = [
    row
    for module in pkgutil.iter_modules(reference.rows.__path__)
    for row in importlib.import_module(f"reference.rows.{module.name}").ROWS
]
NAMES = [f"{row.name}#{i}" for i, row in enumerate(ROWS)]


def symbolic(row: Case) -> dict[str, list[int | str]]:
    """The shapes of the inputs with the first one's leading axis left open."""
    shapes: dict[str, list[int | str]] = {n: list(a.shape) for n, a in row.feeds().items()}
    first = f"x{row.explained[0]}"
    if shapes[first]:
        shapes[first][0] = "N"
    return shapes


def check(row: Case, shapes: dict[str, list[int | str]] | None) -> None:
    check_gradient(row.model(), row.feeds(), forward=row.forward, shapes=shapes)


def test_every_derivative_has_a_row():
    assert set(explainers.ops.VJPS) - {row.operator for row in ROWS} - CONVENTIONS == set()


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_it_is_the_slope(row):
    check(row, None)


@pytest.mark.parametrize(
    "row", [r for r in ROWS if not r.fixed], ids=[n for n, r in zip(NAMES, ROWS, strict=True) if not r.fixed]
)
def test_it_is_the_slope_with_an_open_batch(row):
    check(row, symbolic(row))


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.fixed], ids=[n for n, r in zip(NAMES, ROWS, strict=True) if r.fixed]
)
def test_what_must_be_known_is_asked_for(row):
    with pytest.raises(ValueError, match="must be known"):
        check(row, symbolic(row))


NEWEST_IN_RUNTIME = 26


def runnable(row: Case) -> bool:
    return not row.runtime_lacks and row.opset <= NEWEST_IN_RUNTIME


@pytest.mark.parametrize(
    "row", [r for r in ROWS if runnable(r)], ids=[n for n, r in zip(NAMES, ROWS, strict=True) if runnable(r)]
)
def test_it_runs_on_onnxruntime(row):
    """In float32, with an open batch, the compiled graph gives what ONNX's reference implementation makes of it."""
    model, feeds = row.model(), row.feeds()
    compiled = gradient_model(model, shapes=None if row.fixed else symbolic(row))
    wanted = {i.name for i in compiled.graph.input}
    ones = {
        f"cotangent.{n}": np.ones_like(y)
        for n, y in runtime(model)(feeds).items()
        if f"cotangent.{n}" in wanted
    }
    given = runtime(compiled)(feeds | ones)
    for name, a in reference_run(compiled)(feeds | ones).items():
        np.testing.assert_allclose(given[name], a, rtol=2e-3, atol=2e-4, err_msg=name)


# ----- conventions -----

SPECIAL = {
    "Relu at 0": ("Relu", [[0.0, -0.0]], {}, [[0.0, 0.0]]),
    "Abs at 0": ("Abs", [[0.0, -2.0]], {}, [[0.0, -1.0]]),
    "Sqrt at 0": ("Sqrt", [[0.0, 4.0]], {}, [[0.0, 0.25]]),
    "LeakyRelu at 0": ("LeakyRelu", [[0.0]], {"alpha": 0.2}, [[0.2]]),
    "Elu at 0": ("Elu", [[0.0]], {"alpha": 2.0}, [[2.0]]),
    "Selu at 0": ("Selu", [[0.0]], {"alpha": 2.0, "gamma": 3.0}, [[6.0]]),
    "ThresholdedRelu at its threshold": ("ThresholdedRelu", [[1.0]], {"alpha": 1.0}, [[0.0]]),
    "HardSigmoid at its ends": ("HardSigmoid", [[-2.5, 2.5]], {"alpha": 0.2, "beta": 0.5}, [[0.0, 0.0]]),
    "HardSwish at its ends": ("HardSwish", [[-3.0, 3.0]], {}, [[0.0, 1.0]]),
    "Shrink at its threshold": ("Shrink", [[0.5, -0.5]], {"lambd": 0.5}, [[0.0, 0.0]]),
    "GlobalMaxPool at a tie": ("GlobalMaxPool", [[[1.0, 3.0, 3.0]]], {}, [[[0.0, 1.0, 0.0]]]),
    "MaxPool at a tie": (
        "MaxPool",
        [[[2.0, 2.0, 1.0, 2.0]]],
        {"kernel_shape": [2], "strides": [2]},
        [[[1.0, 0.0, 0.0, 1.0]]],
    ),
    "ReduceMax at a tie": ("ReduceMax", [[2.0, 2.0, 1.0]], {"keepdims": 0}, [[1.0, 0.0, 0.0]]),
    "ReduceMin at a tie": ("ReduceMin", [[2.0, 1.0, 1.0]], {"keepdims": 0}, [[0.0, 1.0, 0.0]]),
    "ReduceL2 at the origin": ("ReduceL2", [[0.0, 0.0]], {"keepdims": 0}, [[0.0, 0.0]]),
    "LpNormalization at the origin": ("LpNormalization", [[0.0, 0.0]], {}, [[0.0, 0.0]]),
    "LpPool of zeros": (
        "LpPool",
        [[[0.0, 0.0, 3.0, 4.0]]],
        {"kernel_shape": [2], "strides": [2]},
        [[[0.0, 0.0, 0.6, 0.8]]],
    ),
}
PAIRS = {
    "Max": ("Max", [1.0, 2.0, 3.0], [1.0, 5.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
    "Min": ("Min", [1.0, 2.0, 3.0], [1.0, 5.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]),
    "Pow": (
        "Pow",
        [0.0, 0.0, 0.0, -2.0, -2.0],
        [0.0, 0.5, 3.0, 3.0, 0.0],
        [0.0, 0.0, 0.0, 12.0, 0.0],
        [0.0] * 5,
    ),
    "PRelu": ("PRelu", [0.0, -2.0], [0.3, 0.3], [1.0, 0.3], [0.0, -2.0]),
    "Div": ("Div", [1.0, 0.0], [2.0, 4.0], [0.5, 0.25], [-0.25, 0.0]),
}


def gradients(row: Case, cotangent: float = 1.0) -> list[np.ndarray]:
    compiled = gradient_model(row.model())
    ones = {
        f"cotangent.{n}": np.full_like(y, cotangent) for n, y in runtime(row.model())(row.feeds()).items()
    }
    found = runtime(compiled)(row.feeds() | ones)
    return [found[f"gradient.x{i}"] for i in row.explained]


@pytest.mark.parametrize("name", SPECIAL)
def test_the_choice_at_a_kink_is_the_documented_one(name):
    operator, x, attributes, expected = SPECIAL[name]
    (found,) = gradients(Case(operator, (np.array(x, np.float32),), attributes))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_the_choice_between_two_inputs_is_the_documented_one(name):
    operator, a, b, to_a, to_b = PAIRS[name]
    found = gradients(Case(operator, (np.array(a, np.float32), np.array(b, np.float32))))
    np.testing.assert_allclose(found, [to_a, to_b], rtol=1e-6)


@pytest.mark.parametrize("operator", ["Log", "Reciprocal", "Sqrt", "Asin", "Acos"])
def test_nothing_arrives_where_nothing_is_sent(operator):
    """A masked branch sends zeros; they do not become NaN where the slope is infinite."""
    (found,) = gradients(
        Case(operator, (np.array([1.0 if operator[0] == "A" else 0.0], np.float32),)), cotangent=0.0
    )
    assert found == [0.0]


QUANTISED = {
    "QuantizeLinear": """<ir_version: 10, opset_import: ["": 21]> g (float[6] x0) => (float[6] y0)
        <float s = {0.5}, uint8 z = {10}> { q = QuantizeLinear(x0, s, z) y0 = DequantizeLinear(q, s, z) }""",
    "DynamicQuantizeLinear": """<ir_version: 10, opset_import: ["": 21]> g (float[6] x0) => (float[6] y0)
        { q, s, z = DynamicQuantizeLinear(x0) y0 = DequantizeLinear(q, s, z) }""",
}
CONVENTIONS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
"""Operators whose derivative is a convention that no difference shows."""


def test_a_quantiser_passes_what_it_can_represent():
    x = np.array([-9.0, -5.1, -4.9, 0.0, 100.0, 130.0], np.float32)
    compiled = gradient_model(onnx.parser.parse_model(QUANTISED["QuantizeLinear"]))
    found = runtime(compiled)({"x0": x, "cotangent.y0": np.ones(6, np.float32)})
    np.testing.assert_allclose(found["gradient.x0"], [0, 1, 1, 1, 1, 0])


def test_a_dynamic_quantiser_passes_everything():
    x = np.array([-9.0, -5.1, -4.9, 0.0, 100.0, 130.0], np.float32)
    compiled = gradient_model(onnx.parser.parse_model(QUANTISED["DynamicQuantizeLinear"]))
    found = runtime(compiled)({"x0": x, "cotangent.y0": np.ones(6, np.float32)})
    np.testing.assert_allclose(found["gradient.x0"], np.ones(6))
