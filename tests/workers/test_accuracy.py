"""How far explanations are off, from accounts: those of the engine, and those of runners that say anything."""

from __future__ import annotations

import math

import numpy as np
import onnx.parser
import pytest

import explainers
from workers.accuracy import BOUNDS, errors

CUBE = """<ir_version: 9, opset_import: ["" : 17]> cube (float[N, 1] x) => (float[N, 1] y) {
    square = Mul (x, x)
    y = Mul (square, x)
}"""


def told(score, **per_item):
    return {"score": score, "per_item": per_item}


@pytest.mark.parametrize(
    ("rule", "steps", "want"),
    [
        # two points of Gauss are exact on the slope, a parabola
        ("gauss_legendre", 2, {"0.0001": 2}),
        # its middle is 3/4 of its mean, whatever x is: a quarter is missing
        ("riemann", 1, {"1": 2}),
    ],
)
def test_the_error_of_a_path_is_what_a_cube_says(rule, steps, want):
    model = explainers.load(onnx.parser.parse_model(CUBE).SerializeToString())
    params = {"steps": steps, "rule": rule}
    found = explainers.explain(model, {"x": np.float32([[1], [3]])}, "integrated_gradients", params)
    assert errors(found.account.model_dump(), 2) == want


@pytest.mark.parametrize(
    ("account", "want"),
    [
        (told([2.0, 4.0], delta=[0.0, -0.04]), {"0.0001": 1, "0.01": 1}),
        (told([2.0], delta=[0.0], standard_error=[0.02], baseline_score=[1.0]), {"0.1": 1}),
        (told([2.0], remainder=[0.5], root_score=[2.0]), {"+Inf": 1}),
        (told([2.0], remainder=[0.0], root_score=[2.0]), {"0.0001": 1}),
        (told([math.nan, 1.0], delta=[math.nan, 0.5]), {"1": 1}),
        (told([1.0], steps=[3.0]), {}),
        (told([], delta=[0.1]), {}),
        (told([1.0], delta=[0.1, 0.2]), {}),
        (told([1.0], delta="x"), {}),
        (told([1.0], delta=[None]), {}),
        (told([1.0], delta=[10**400]), {}),
        (told([[1.0]], delta=[[0.1]]), {}),
        ({"score": [1.0], "per_item": [1]}, {}),
        ({}, {}),
    ],
    ids=repr,
)
def test_shares_of_the_explained_difference_are_counted_by_bounds(account, want):
    items = len(account["score"]) if account.get("score") else 1
    assert errors(account, items) == want
    assert want.keys() <= set(BOUNDS)
