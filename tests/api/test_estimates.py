"""What a job would cost is said before it is sent, and what it would be refused for is refused alike."""

from __future__ import annotations

import pytest


def estimate(http, digits, **changes):
    body = {"model": digits, "method": "occlusion", "params": {"window": 2}, "items": 10}
    return http.post("/v1/estimates", json=body | changes)


def test_evaluations_are_those_of_the_job(http, digits, ask, finish):
    found = estimate(http, digits, items=2).json()
    job = finish(ask(method="occlusion", params={"window": 2}))
    run = http.get(f"/v1/jobs/{job['id']}/result").json()["account"]["model_evaluations"]
    assert found["items"] == 2
    assert found["evaluations_per_item"] == pytest.approx(run / 2, abs=1)
    assert found["seconds"] == pytest.approx(2 * found["seconds_per_item"], abs=0.1)


def test_smaller_windows_cost_more(http, digits):
    cheap, dear = (estimate(http, digits, params={"window": w}).json() for w in (8, 1))
    assert dear["evaluations_per_item"] > cheap["evaluations_per_item"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"params": {"windw": 2}}, "/params/windw"),
        ({"method": "tea_leaves"}, "/method"),
        ({"target": 99}, "/target/index"),
        ({"items": 0}, "/items"),
        ({"model": "nobody"}, "/model"),
    ],
)
def test_what_the_job_would_be_refused_for(http, digits, changes, pointer):
    answer = estimate(http, digits, **changes)
    assert answer.status_code == 422, answer.text
    assert pointer in {e["pointer"] for e in answer.json()["errors"]}


def test_too_dear_is_said_with_the_cost(http, digits):
    answer = estimate(http, digits, method="rise", params={"masks": 100_000}, items=2**31)
    assert answer.status_code == 422
    assert answer.json()["code"] == "resource-limit"
    assert answer.json()["cost"]["items"] == 2**31


@pytest.mark.parametrize("method", ["occlusion", "kernel_shap", "lime", "rise"])
@pytest.mark.parametrize("side", [2**13, 2**20, 2**31])
def test_shapes_that_nobody_has_sent_take_no_memory(http, digits, method, side):
    answer = estimate(http, digits, method=method, params={}, shapes={"input": [1, side, side]})
    assert answer.status_code == 422, answer.text
    assert "/shapes/input" in {e["pointer"] for e in answer.json()["errors"]}


def test_patches_are_counted_without_making_them(http, digits):
    answer = estimate(http, digits, params={"window": 1}, shapes={"input": [1, 2048, 4096]})
    assert answer.status_code == 422, answer.text
    assert answer.json()["cost"]["evaluations_per_item"] == 2048 * 4096 + 1


def test_painting_in_is_part_of_the_cost(http, digits):
    params = {"method": "lime", "params": {"fill": "inpaint", "samples": 2000}}
    painted = estimate(http, digits, **params, items=1).json()
    plain = estimate(http, digits, **params | {"params": {"samples": 2000}}, items=1).json()
    assert painted["seconds_per_item"] > plain["seconds_per_item"] + 0.1

    answer = estimate(http, digits, **params, shapes={"input": [3, 448, 448]})
    assert answer.status_code == 422, answer.text
    assert answer.json()["cost"]["seconds_per_item"] > 780
