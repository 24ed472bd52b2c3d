"""A card that speaks of what the model has not is refused: what it says would be lost, or stand beside wrong numbers."""

from __future__ import annotations

import pytest
from onnx import parser

import explainers
from explainers.errors import InvalidRequest, pointer_to

MODEL = """
    <ir_version: 10, opset_import: ["" : 21]>
    g (float[N, 4] x, float[N] k, float s) => (float[N, 4] y, float[N, M] z, float[N, 4, 1, 1] w, int64[N] c, float[N, 1] p)
    <int64[2] apart = {2, 3}, int64[1] one = {1}> {
        a = Relu(x)
        y = Softmax(a)
        z = Identity(x)
        w = Unsqueeze(a, apart)
        c = ArgMax<axis = 1, keepdims = 0>(x)
        p = ReduceSum(x, one)
    }
"""


def load(card):
    return explainers.load(parser.parse_model(MODEL), card)


@pytest.mark.parametrize(
    ("card", "pointer", "detail"),
    [
        ({"inputs": {"X": {}}}, "/card/inputs/X", "the model has no input 'X'; it has: x, k, s"),
        ({"inputs": {"x": {"batch_axis": 2}}}, "/card/inputs/x/batch_axis", "2 axes"),
        ({"inputs": {"k": {"batch_axis": 1}}}, "/card/inputs/k/batch_axis", "1 axes"),
        ({"inputs": {"x": {"batch_axis": -1}}}, "/card/inputs/x/batch_axis", "counted from 0; -1 is none"),
        ({"inputs": {"s": {}}}, "/card/inputs/s/batch_axis", "0 axes"),
        ({"inputs": {"x": {"item_axis": 0}}}, "/card/inputs/x/item_axis", "not permitted"),
        ({"outputs": {"Y": {"labels": ["a"]}}}, "/card/outputs/Y", "no output or inner tensor 'Y'; its outputs: y, z, w, c, p"),
        ({"outputs": {"y": {"labels": ["a"]}}}, "/card/outputs/y/labels", "1 labels for the 4 classes"),
        ({"outputs": {"w": {"labels": ["a"]}}}, "/card/outputs/w/labels", "1 labels for the 4 classes"),
        ("{", "/card", "dictionary"),
        (b"{", "/card", "Invalid JSON"),
    ],
)  # fmt: skip
def test_each_fault_has_a_place_and_a_reason(card, pointer, detail):
    with pytest.raises(InvalidRequest) as refused:
        load(card)
    (fault,) = refused.value.to_json()["errors"]
    assert fault["pointer"] == pointer
    assert detail in fault["detail"]


def test_all_faults_are_said_at_once():
    with pytest.raises(InvalidRequest) as refused:
        load({"inputs": {"X": {}, "k": {"batch_axis": 3}}, "outputs": {"Y": {}}})
    found = [e["pointer"] for e in refused.value.to_json()["errors"]]
    assert found == ["/card/inputs/X", "/card/inputs/k/batch_axis", "/card/outputs/Y"]


@pytest.mark.parametrize(
    "card",
    [
        {"inputs": {"x": {"batch_axis": 1}}},
        {"inputs": {"x": {"batch_axis": None}, "k": {"batch_axis": 0}}},
        {"outputs": {"y": {"labels": ["one", "two", "three", "four"]}}},
        {"outputs": {"a": {"labels": ["one", "two", "three", "four"]}}},
        {"outputs": {"w": {"labels": ["one", "two", "three", "four"]}}},
        # one value may stand for two classes, or for the number of one
        {"outputs": {"p": {"labels": ["no", "yes"]}, "c": {"labels": ["one", "two", "three", "four"]}}},
        {"outputs": {"y": {"labels": []}}},
        # as many as a run will tell
        {"outputs": {"z": {"labels": ["one"]}}},
    ],
)
def test_a_card_that_fits_is_taken(card):
    assert load(card).card.model_dump(exclude_unset=True) == card


def test_pointers_escape_what_json_pointers_mean():
    assert pointer_to("card", "inputs", "a/b~c", 0) == "/card/inputs/a~1b~0c/0"
