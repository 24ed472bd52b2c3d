"""Inputs that are here already: chosen items of a data set, and those of an earlier job."""

from __future__ import annotations

import io

import numpy as np
import pytest


@pytest.fixture(scope="module")
def dataset(http, pixels) -> str:
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    answer = http.post(
        "/v1/datasets", content=buffer.getvalue(), headers={"Content-Type": "application/x-npy"}
    )
    return answer.json()["id"]


def attributions(http, job) -> np.ndarray:
    assert job["state"] == "succeeded", job
    with np.load(io.BytesIO(http.get(f"/v1/jobs/{job['id']}/result.npz").content)) as npz:
        return npz["attribution.input"]


def test_chosen_items_are_those_items(http, ask, finish, dataset):
    whole = attributions(http, finish(ask(inputs={"dataset": dataset})))
    some = finish(ask(inputs={"dataset": dataset, "items": [4, 0, 4]}))
    assert some["items"] == 3
    np.testing.assert_array_equal(attributions(http, some), whole[[4, 0, 4]])


def test_an_earlier_job_lends_its_inputs(http, ask, finish, dataset):
    first = finish(ask(inputs={"dataset": dataset}))
    again = finish(ask(inputs={"job": first["id"]}, seed=5))
    np.testing.assert_array_equal(attributions(http, again), attributions(http, first))
    one = finish(ask(inputs={"job": first["id"], "items": [2]}, method="input_x_gradient"))
    assert one["items"] == 1


@pytest.mark.parametrize("items", [[], [-1], [6], [True], list(range(1001))], ids=str)
def test_items_that_are_not_there_are_refused(ask, dataset, items):
    answer = ask(inputs={"dataset": dataset, "items": items})
    assert answer.status_code == 422, answer.text
    assert any("items" in e["pointer"] for e in answer.json()["errors"])


def test_inputs_of_nobodys_job_are_refused(ask):
    assert ask(inputs={"job": "01a1fa8c-6374-7add-b029-a66e1784518e"}).status_code == 422


def test_inputs_that_were_removed_are_gone(http, ask, finish, pixels):
    job = finish(ask(seed=77))
    assert http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert ask(inputs={"job": job["id"]}).status_code == 410
