"""What engine tests share: the digit classifier and some digits, built once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from sklearn.datasets import load_digits

import explainers
import explainers.model

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="session")
def digits() -> explainers.model.Model:
    """The project's digit classifier: `input` (N, 1, 8, 8) to `logits` (N, 10)."""
    return explainers.load(DIGITS / "digits.onnx")


@pytest.fixture(scope="session")
def digit_images() -> np.ndarray:
    """Six real digits, scaled as the classifier was trained."""
    return (load_digits().images[:6, None] / 16).astype(np.float32)


@pytest.fixture(scope="session")
def colour_model() -> explainers.model.Model:
    """`input` (N, 3, 4, 4) to the sum of channel 1, (N, 1)."""
    return explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        sums (float[N, 3, 4, 4] input) => (float[N, 1] output) <int64[1] one = {1}, int64[1] two = {2}, int64[2] space = {2, 3}> {
            green = Slice(input, one, two, one)
            output = ReduceSum <keepdims = 0> (green, space)
        }
    """)
    )


@pytest.fixture(scope="session")
def softmax_model() -> explainers.model.Model:
    """`input` (N, 3) to softmax(2 input)."""
    return explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        doubled (float[N, 3] input) => (float[N, 3] output) <float two = {2}> {
            logits = Mul(input, two)
            output = Softmax(logits)
        }
    """)
    )


@pytest.fixture(scope="session")
def two_inputs() -> explainers.model.Model:
    """`a` and `b`, each (N, 3), to the product's sum (N, 1)."""
    return explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        product (float[N, 3] a, float[N, 3] b) => (float[N, 1] output) <int64[1] one = {1}> {
            both = Mul(a, b)
            output = ReduceSum(both, one)
        }
    """)
    )
