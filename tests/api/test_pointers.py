"""Validation names places of the client's body, never a branch of our unions."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.pointers import faults
from api.requests import job_request

JOB = {"model": "m", "method": "gradient", "inputs": {"dataset": "d"}}


def pointers(**changes: object) -> dict[str, str]:
    body = JOB | changes
    with pytest.raises(ValidationError) as caught:
        job_request().model_validate(body)
    return {f["pointer"]: f["detail"] for f in faults(caught.value, body)}


def test_the_plain_job_is_valid():
    assert job_request().model_validate(JOB).root.model == "m"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"method": "nonsense"}, "/method"),
        ({"method": None}, "/method"),
        ({"params": {"no_such": 1}}, "/params/no_such"),
        ({"params": {"explain_inputs": [1]}}, "/params/explain_inputs/0"),
        ({"target": {"index": {"at": ["x"]}}}, "/target/index/at/0"),
        ({"target": {"index": [0, "y"]}}, "/target/index/1"),
        ({"target": {"contrast": [1]}}, "/target/contrast/1"),
        ({"seed": -1}, "/seed"),
        ({"seed": True}, "/seed"),
        ({"priority": "soon"}, "/priority"),
        ({"inputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": []}]}, "/inputs/0/shape/0"),
        ({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}, "/inputs/0/data"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_every_fault_has_its_place(changes, pointer):
    assert pointer in pointers(**changes)


def test_a_missing_method_is_asked_for():
    body = {k: v for k, v in JOB.items() if k != "method"}
    with pytest.raises(ValidationError) as caught:
        job_request().model_validate(body)
    assert [f["pointer"] for f in faults(caught.value, body)] == ["/method"]


def test_an_unknown_method_lists_those_there_are():
    assert "gradient, " in pointers(method="nonsense")["/method"]


def test_the_words_are_of_the_client_not_of_the_library():
    found = pointers(seed=-1, params={"no_such": 1}, target={"index": "first"}, surprise=1)
    assert "Input" not in " ".join(found.values())
    assert found["/params/no_such"].startswith("gradient has no such parameter; it has: explain_inputs")
    assert found["/seed"] == "must be greater than or equal to 0"


def test_the_whole_is_not_blamed_for_a_part():
    found = pointers(target={"index": "first"}, inputs={"data": 1})
    assert found.keys() == {"/target/index", "/inputs/dataset", "/inputs/data", "/inputs/job"}
    assert "dictionary" not in found["/target/index"]


def test_several_faults_are_all_named():
    assert {"/seed", "/priority", "/params/no_such"} <= pointers(
        seed=-1, priority="x", params={"no_such": 1}
    ).keys()
