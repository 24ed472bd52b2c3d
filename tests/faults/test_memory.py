"""Memory that a worker's child does not get: its task ends in words, Celery's main process lives on, and the next job runs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import onnx.parser
import psutil
import pytest

VALUES = 8 << 20
ITEM = 4 * VALUES
WIDE = f"""<ir_version: 9, opset_import: ["" : 17]> wide (float[N, {VALUES}] input) => (float[N, 1] output)
    <int64[1] one = {{1}}> {{
        square = Mul (input, input)
        output = ReduceSum (square, one)
    }}"""
ROW = np.linspace(0, 1, VALUES, dtype=np.float32)[None]


@pytest.fixture(scope="module")
def plant(build):
    return build()


def submit(plant, model: str, seed: int) -> str:
    """Submit a job of one wide item, as a file."""
    file = io.BytesIO()
    np.save(file, ROW)
    request = json.dumps({"model": model, "method": "gradient", "seed": seed})
    parts = {"request": (None, request, "application/json"), "input": ("input.npy", file.getvalue())}
    answer = plant.http.post("/v1/jobs", files=parts, timeout=60)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_memory_that_the_task_does_not_get_fails_its_job_in_words_and_no_worker(plant):
    model = plant.add_model(onnx.parser.parse_model(WIDE).SerializeToString())
    plant.good_job(1)
    (child,) = plant.children()
    soft, hard = child.rlimit(psutil.RLIMIT_AS)
    # enough to map the item's file, not to copy it
    child.rlimit(psutil.RLIMIT_AS, (child.memory_info().vms + ITEM * 3 // 2, hard))
    starved = submit(plant, model, 2)
    ended = plant.wait(starved)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "resource-limit")
    assert "ran out of memory" in ended["error"]["detail"]
    # whose main process met the error would have ended, or lost its child
    assert plant.workers[0].poll() is None
    assert plant.children() == [child]
    assert "MemoryError" not in Path(plant.log.name).read_text()
    plant.good_job(3)
    child.rlimit(psutil.RLIMIT_AS, (soft, hard))
    fed = submit(plant, model, 4)
    assert plant.wait(fed)["state"] == "succeeded"
    np.testing.assert_allclose(plant.attributions(fed), 2 * ROW, rtol=1e-6)
    plant.check_once([starved, fed])
