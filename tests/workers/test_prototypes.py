"""Searches through the service: without inputs, with other models by name, and cancelled with the best so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference.patience import PATIENCE

import explainers
from explainers.errors import InvalidRequest
from explainers.types import Explanation
from workers.errors import NotReady
from workers.records import Submission

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
METHOD = "activation_maximization"
CARD = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}


@pytest.fixture(scope="module")
def model(service_stack):
    return service_stack.add_model((DIGITS / "digits.onnx").read_bytes(), **CARD)


@pytest.fixture(scope="module")
def submit(service_stack, model):
    def go(**fields):
        return service_stack.service.submit(
            "default", Submission(**{"model": model, "method": METHOD, **fields})
        )[0]

    return go


def ended(stack, job):
    return stack.service.wait("default", job.id, 60)


def result(stack, job):
    return Explanation.load(stack.service.result("default", job.id).npz)


def test_a_search_names_more_classes_than_there_are_items(service_stack, submit):
    job = ended(service_stack, submit(params={"steps": 30}, target={"index": [2, 4, 6]}))
    assert job.state == "succeeded", job.error
    found = result(service_stack, job)
    here = explainers.explain(
        explainers.load(DIGITS / "digits.onnx", CARD), None, METHOD, {"steps": 30}, {"index": [2, 4, 6]}
    )
    assert found.account.index == [2, 4, 6]
    np.testing.assert_allclose(found.arrays["prototype.input"], here.arrays["prototype.input"], atol=1e-3)


def test_a_decoder_and_a_density_are_named_by_what_the_tenant_uploaded(service_stack, submit):
    for name in ("decoder", "density"):
        service_stack.service.add_model("default", DIGITS / f"{name}.onnx", {}, None, name)
    params = {"generator": "decoder", "expert": "density:1", "steps": 30}
    job = ended(service_stack, submit(params=params))
    assert job.state == "succeeded", job.error
    found = result(service_stack, job)
    paths = {
        name: str(DIGITS / f"{file}.onnx") for name, file in (("generator", "decoder"), ("expert", "density"))
    }
    here = explainers.explain(
        explainers.load(DIGITS / "digits.onnx", CARD), None, METHOD, {**params, **paths}
    )
    assert found.arrays["code"].shape == (10, 10)
    np.testing.assert_allclose(found.arrays["code"], here.arrays["code"], atol=1e-2)


@pytest.mark.parametrize("parameter", ["generator", "expert"])
def test_a_model_that_the_tenant_does_not_have_is_refused_and_no_file_is_opened(submit, parameter):
    with pytest.raises(InvalidRequest, match="there is no model") as refused:
        submit(params={parameter: str(DIGITS / "decoder.onnx")})
    assert refused.value.pointer == f"/params/{parameter}"


@pytest.mark.parametrize("expert", ["gaussian", "mixture", "rbm"])
def test_an_expert_is_fitted_in_the_cage_to_the_job_s_inputs(service_stack, submit, expert):
    with np.load(DIGITS / "heldout.npz") as held:
        images = held["input"]
    params = {"expert": expert, "components": 2, "steps": 10, "start": "mean"}
    job = ended(service_stack, submit(params=params, inputs={"input": images}, target={"index": [1, 7]}))
    assert job.state == "succeeded", job.error
    found = result(service_stack, job)

    density = explainers.runtime.Session(found.arrays["expert"].tobytes())
    log_p = density.run({"x": found.arrays["prototype.input"]})["log_p"]
    np.testing.assert_allclose(log_p, found.account.per_item["log_p"], rtol=1e-3)


def test_a_cancelled_search_keeps_the_best_so_far(service_stack, submit):
    job = submit(params={"steps": 100_000, "frames": 2}, target={"index": 3})
    service = service_stack.service
    service_stack.until(lambda: service.job("default", job.id).progress.done > 50, PATIENCE)
    assert service.job("default", job.id).progress.unit == "steps"
    with pytest.raises(NotReady):
        service.result("default", job.id)
    assert service.cancel("default", job.id).state == "cancelled"
    service_stack.until(lambda: service.job("default", job.id).kept, PATIENCE)
    found = result(service_stack, job)

    assert service.job("default", job.id).state == "cancelled"
    assert found.account.facts["cancelled"].startswith(f"after {len(found.arrays['curve'])} of 100000 steps")
    assert found.arrays["score"][0] >= found.arrays["curve"][0, 0]
    # what is removed is gone
    assert service.cancel("default", job.id) is None
    assert not service.job("default", job.id).kept
