"""What the tests of searches ask about: the project's digit network with its card, and models written as text."""

from __future__ import annotations

from pathlib import Path

import onnx

import explainers

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
CARD = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}
HEAD = '<ir_version: 10, opset_import: ["" : 21]>'
METHOD = "activation_maximization"


def digit_network():
    return explainers.load(DIGITS / "digits.onnx", CARD)


def parsed(text):
    return explainers.load(onnx.parser.parse_model(f"{HEAD} {text}"))
