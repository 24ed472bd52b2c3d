from __future__ import annotations

import numpy as np
import pytest

import explainers
from explainers.types import Explanation
from workers.records import Submission


@pytest.fixture(scope="module")
def model(service_stack, mlp_bytes):
    return service_stack.add_model(mlp_bytes)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_a_job_gives_what_the_engine_gives(service_stack, mlp_bytes, model, method):
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("f4")
    service = service_stack.service
    job, created = service.submit(
        "default", Submission(model, method, inputs={"input": x}, target={"index": 1})
    )
    assert created
    ended = service.wait("default", job.id, 30)
    assert ended.state == "succeeded", ended.error
    found = Explanation.load(service.result("default", job.id).npz)
    here = explainers.explain(explainers.load(mlp_bytes), {"input": x}, method, None, {"index": 1})
    for name, a in here.arrays.items():
        np.testing.assert_allclose(found.arrays[name], a, rtol=1e-5, err_msg=name)
