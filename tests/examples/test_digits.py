from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import explainers
from explainers.types import Card

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def held():
    with np.load(DIGITS / "heldout.npz") as file:
        return file["input"], file["label"]


def test_the_model_is_small_and_has_what_it_is_to_show():
    path = DIGITS / "digits.onnx"
    assert path.stat().st_size < 200_000
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert {"Conv", "BatchNormalization", "MaxPool", "AveragePool"} <= operators


def test_it_reads_digits_that_it_has_not_seen(held):
    images, labels = held
    result = explainers.explain(explainers.load(DIGITS / "digits.onnx"), images, "gradient", target="argmax")
    assert np.mean(np.array(result.account.index) == labels) >= 0.97


def test_its_card_fits_it():
    card = Card.model_validate_json((DIGITS / "digits.card.json").read_bytes())
    found = explainers.load(DIGITS / "digits.onnx", card=card).describe()
    assert card.inputs.keys() == {spec.name for spec in found.inputs}
    assert len(card.labels("logits") or []) == found.outputs[0].shape[1]
    assert json.loads((DIGITS / "digits.card.json").read_text())["inputs"]["input"]["layout"] == "NCHW"
