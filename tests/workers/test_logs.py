"""Lines of JSON that name the request, tenant, job and attempt, and hold no input and no key."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from workers.records import Submission


def test_a_workers_lines_name_job_tenant_and_attempt_and_no_input(make_stack, mlp_bytes):
    stack = make_stack(log_format="json")
    model = stack.add_model(mlp_bytes)
    inputs = {"input": np.full((2, 4), 0.123456789, "f4")}
    job, _ = stack.service.submit("default", Submission(model, "gradient", inputs=inputs))
    stack.service.wait("default", job.id, 60)
    text = Path(stack.log.name).read_text()
    lines = [json.loads(line) for line in text.splitlines() if line[:1] == "{"]
    mine = [line for line in lines if line.get("job") == job.id]
    assert mine
    assert {(line["tenant"], line["attempt"]) for line in mine} == {("default", 1)}
    assert "0.1234" not in text
