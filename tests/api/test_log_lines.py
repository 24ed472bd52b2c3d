"""The web process's lines of JSON: a request is joined with its job, and so with what workers write of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from explainers import tensors


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line[:1] == "{"]


def test_the_line_of_an_accepted_job_names_request_and_job(make_stack, make_url, mlp_bytes):
    stack = make_stack(log_format="json")
    with httpx.Client(base_url=make_url(stack), timeout=60, trust_env=False) as http:
        model = http.post(
            "/v1/models", content=mlp_bytes, headers={"Content-Type": "application/octet-stream"}
        ).json()["id"]
        body = {
            "model": model,
            "method": "gradient",
            "inputs": tensors.encode({"input": np.ones((2, 4), "f4")}),
        }
        answer = http.post("/v1/jobs", json=body)
        job = answer.json()["id"]
        stack.until(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", 60)
        listed = http.get("/v1/jobs")
    told = {line["request"]: line for line in lines(stack.settings.data / "web.log") if "request" in line}
    accepted = told[answer.headers["X-Request-Id"]]
    assert (accepted["message"], accepted["job"]) == ("POST /v1/jobs 202", job)
    assert any(line.get("job") == job for line in lines(Path(stack.log.name)))
    # a thread's next request has nothing of the one before it
    assert "job" not in told[listed.headers["X-Request-Id"]]
