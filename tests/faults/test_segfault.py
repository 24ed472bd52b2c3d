"""A runner that ends by SIGSEGV each time, as by a fault of ONNX Runtime: attempts count, the job is dead, others are done."""

from __future__ import annotations

import signal

import numpy as np
import onnx.parser
import pytest
from reference.patience import PATIENCE

from explainers import tensors

ENDLESS = """<ir_version: 9, opset_import: ["" : 17]> endless (float[N, 2] x) => (float[N, 2] y)
    <int64 turns = {9223372036854775807}, bool yes = {1}> {
        y = Loop (turns, yes, x) <body = step (int64 i, bool c, float[N, 2] a) => (bool d, float[N, 2] b) {
            d = Identity (c)
            b = Sin (a)
        }>
    }"""


@pytest.fixture(scope="module")
def plant(build):
    # the good model rests warm meanwhile, so that each runner that starts is that of the other
    return build(runner_idle_seconds=600.0)


def test_a_model_whose_runner_always_segfaults_is_dead_after_its_attempts(plant):
    model = plant.add_model(onnx.parser.parse_model(ENDLESS).SerializeToString())
    plant.good_job(1)
    seen = {p.pid for p in plant.runners()}
    killed = plant.figure("sandbox_kills_total", reason="worker-crashed")
    inputs = tensors.encode({"x": np.ones((1, 2), "f4")})
    bad = plant.submit({"model": model, "method": "occlusion", "inputs": inputs})
    others = {plant.submit_small(10 + i): 10 + i for i in range(5)}
    for _ in range(plant.settings.max_attempts):
        (runner,) = plant.until(lambda: [p for p in plant.runners() if p.pid not in seen], PATIENCE)
        seen.add(runner.pid)
        runner.send_signal(signal.SIGSEGV)
    ended = plant.wait(bad)
    assert (ended["state"], ended["dead_letter"]) == ("failed", True)
    assert ended["error"]["code"] == "worker-crashed"
    assert "3 times" in ended["error"]["detail"]
    assert ended["attempt"] == plant.settings.max_attempts
    assert (
        plant.figure("sandbox_kills_total", reason="worker-crashed") - killed == plant.settings.max_attempts
    )
    plant.good_job(20)
    plant.check_done(others)
    plant.check_once([bad])
