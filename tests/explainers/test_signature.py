"""Requests and inputs that do not fit get one error with a pointer for each fault."""

from __future__ import annotations

import numpy as np
import pytest

import explainers
from explainers.errors import InvalidRequest, from_json
from explainers.signature import read_inputs, read_request

GOOD = np.zeros((2, 1, 8, 8), np.float32)


def pointers(error):
    return [e["pointer"] for e in error.to_json()["errors"]]


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        ({"image": GOOD}, "no input 'image'"),
        ({}, "missing"),
        ({"input": GOOD.astype(np.int64)}, "must be float32"),
        ({"input": GOOD.astype(bool)}, "must be float32"),
        ({"input": np.full((1, 1, 8, 8), "a")}, "must be float32"),
        ({"input": GOOD[:, :, :7]}, "must have shape"),
        ({"input": GOOD[0]}, "batch axis"),
        ({"input": GOOD[:0]}, "at least one"),
        ({"input": np.full_like(GOOD, np.nan)}, "NaN"),
        ({"input": np.full_like(GOOD, np.inf)}, "infinity"),
        ({"input": np.full(GOOD.shape, 1e300)}, "too large"),
    ],
)
def test_inputs_that_do_not_fit(digits, inputs, word):
    with pytest.raises(InvalidRequest, match=word) as refused:
        read_inputs(digits.describe(), inputs)

    assert all(p.startswith("/inputs/") for p in pointers(refused.value))


def test_every_faulty_input_is_named_at_once(two_inputs):
    with pytest.raises(InvalidRequest) as refused:
        read_inputs(two_inputs.describe(), {"a": np.zeros((2, 3), np.int8), "c": np.zeros(1)})

    assert sorted(pointers(refused.value)) == ["/inputs/a", "/inputs/b", "/inputs/c"]


def test_inputs_must_agree_on_the_number_of_items(two_inputs):
    feeds = {"a": np.zeros((2, 3), np.float32), "b": np.zeros((4, 3), np.float32)}
    with pytest.raises(InvalidRequest, match="disagree"):
        read_inputs(two_inputs.describe(), feeds)


def test_float64_is_taken_for_float32(digits):
    arrays, items = read_inputs(digits.describe(), {"input": GOOD.astype(np.float64)})
    assert (arrays["input"].dtype, items) == (np.float32, 2)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"method": "gradiant"}, "/method"),
        ({"method": None}, "/method"),
        ({"method": "gradient", "params": {"steps": 3}}, "/params/steps"),
        ({"method": "occlusion", "params": {"channels": "some"}}, "/params/channels"),
        ({"method": "occlusion", "params": {"window": "wide"}}, "/params/window"),
        ({"method": "gradient", "seed": -1}, "/seed"),
        ({"method": "gradient", "seed": 1.5}, "/seed"),
        ({"method": "gradient", "target": {"index": "best"}}, "/target/index"),
        ({"method": "gradient", "params": [1]}, "/params"),
    ],
)
def test_requests_that_do_not_fit(fields, pointer):
    with pytest.raises(InvalidRequest) as refused:
        read_request(fields)

    assert pointer in pointers(refused.value)


def test_an_input_that_cannot_be_explained_is_refused(digits):
    with pytest.raises(InvalidRequest, match="no input that can be explained"):
        explainers.explain(digits, GOOD, "gradient", {"explain_inputs": ["mask"]})


def test_an_error_survives_its_travel_as_json():
    error = InvalidRequest.of([{"pointer": "/a", "detail": "x"}, {"pointer": "/b", "detail": "y"}])
    again = from_json(error.to_json())

    assert type(again) is InvalidRequest
    assert again.to_json() == error.to_json()
