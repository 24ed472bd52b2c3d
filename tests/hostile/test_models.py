"""Bad models over HTTP: each is refused with its reason, nothing of the inside is told, and the next good one is taken."""

from __future__ import annotations

import time

import pytest
from reference import hostile_models as hostile

BYTES = {"Content-Type": "application/octet-stream"}


def table(rows, **answer):
    return [pytest.param(data, answer, id=f"{rows.__name__}: {name}") for name, data in rows()]


BAD = [
    *table(hostile.unparseable, code="model-unparseable"),
    *table(hostile.elsewhere, code="model-not-allowed", reason="external-data-forbidden"),
    *table(hostile.foreign, code="model-not-allowed", reason="op-not-allowed"),
    *table(hostile.circles, code="model-unparseable"),
    *table(hostile.swollen, code="model-not-allowed", reason="limits"),
    *table(hostile.liars, code="model-unparseable"),
    pytest.param(
        b"\x20\0\0\0ORTM" + bytes(100),
        {"code": "model-not-allowed", "reason": "format-not-allowed"},
        id="ort format",
    ),
]


def test_there_are_many():
    assert len(BAD) >= 100


@pytest.mark.parametrize(("data", "answer"), BAD)
def test_a_bad_model_is_refused_with_its_reason(web, refused, data, answer):
    found = refused(web.post("/v1/models", content=data, headers=BYTES))
    assert {k: found.get(k) for k in answer} == answer, found


def test_who_sends_a_foreign_operator_is_told_each_allowed_domain_once(web, refused):
    _, data = next(iter(hostile.foreign()))
    said = refused(web.post("/v1/models", content=data, headers=BYTES))["detail"]
    assert said.endswith("allowed are the domains ai.onnx, ai.onnx.ml, com.microsoft")


def test_the_next_good_model_is_taken_soon(web):
    good = hostile.plain().SerializeToString()
    # whoever looks at uploads is awake from now on
    assert web.post("/v1/models", content=good, headers=BYTES).status_code in (200, 201)
    web.post("/v1/models", content=b"bad", headers=BYTES)
    began = time.monotonic()
    answer = web.post("/v1/models", content=good, headers=BYTES)
    assert answer.status_code in (200, 201)
    assert time.monotonic() - began < 5


def test_the_next_good_job_is_done_within_five_seconds(web, good_after):
    def bad() -> None:
        for rows in (hostile.elsewhere, hostile.foreign, hostile.circles, hostile.liars):
            for _, data in list(rows())[:4]:
                assert web.post("/v1/models", content=data, headers=BYTES).status_code == 422

    good_after(bad)
