"""Laws of the table of derivatives: each operator's rule is what differences say, at the inputs its row names."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest
import reference.rows
from reference.vjp_case import Case

import explainers.ops
from explainers.testing import check_gradient, gradient_model, lift, runtime

ROWS: list[Case] = [
    row for module in pkgutil.iter_modules(reference.rows.__path__)
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
    assert set(explainers.ops.VJPS) - {row.operator for row in ROWS} == set()


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_it_is_the_slope(row):
    check(row, None)


@pytest.mark.parametrize("row", [r for r in ROWS if not r.fixed], ids=[n for n, r in zip(NAMES, ROWS) if not r.fixed])
def test_it_is_the_slope_with_an_open_batch(row):
    check(row, symbolic(row))


@pytest.mark.parametrize("row", [r for r in ROWS if r.fixed], ids=[n for n, r in zip(NAMES, ROWS) if r.fixed])
def test_what_must_be_known_is_asked_for(row):
    with pytest.raises(ValueError, match="must be known"):
        check(row, symbolic(row))


NEWEST_IN_RUNTIME = 26


def runnable(row: Case) -> bool:
    return not row.runtime_lacks and row.opset <= NEWEST_IN_RUNTIME


@pytest.mark.parametrize(
    "row", [r for r in ROWS if runnable(r)], ids=[n for n, r in zip(NAMES, ROWS) if runnable(r)])
def test_it_runs_on_onnxruntime(row):
    """In float32 the compiled graph gives what it gives in float64 on ONNX's reference implementation."""
    model, feeds = row.model(), row.feeds()
    shapes = None if row.fixed else symbolic(row)
    compiled = gradient_model(model, shapes=shapes or {n: list(a.shape) for n, a in feeds.items()})
    single = {n: a.astype(np.float32) for n, a in feeds.items()}
    ones = {n: np.ones_like(y) for n, y in runtime(model)(single).items() if f"cotangent.{n}" in {i.name for i in compiled.graph.input}}
    given = runtime(compiled)(single | {f"cotangent.{n}": c for n, c in ones.items()})
    double = gradient_model(lift(model), shapes={n: list(a.shape) for n, a in feeds.items()})
    exact = explainers.testing.reference(double)(
        {n: a.astype(np.float64) for n, a in feeds.items()} | {f"cotangent.{n}": c.astype(np.float64) for n, c in ones.items()})
    for name, a in exact.items():
        np.testing.assert_allclose(given[name], a, rtol=2e-3, atol=2e-4, err_msg=name)
