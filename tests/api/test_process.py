"""The web process never holds a model: seen from inside one that has answered every kind of request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from api.app import create_app
from workers.service import Service
from workers.settings import Settings

settings = Settings()
service = Service.open(settings)
client = create_app(service, settings).test_client()
model = Path("examples/digits/digits.onnx").read_bytes()
answers = [client.get(p) for p in ("/", "/openapi.json", "/v1/methods", "/readyz", "/metrics", "/v1/jobs/none/events")]
answers.append(client.post("/v1/models", data=model, content_type="application/octet-stream"))
id = answers[-1].json["id"]
inputs = [{"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.5] * 64}]
answers.append(client.post("/v1/jobs", json={"model": id, "method": "gradient", "inputs": inputs}))
service.close()
print(json.dumps({"statuses": [a.status_code for a in answers], "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict:
    data, home = tmp_path_factory.mktemp("process"), tmp_path_factory.mktemp("home")
    env = os.environ | {
        "ONNXPLAIN_DATA": str(data),
        "ONNXPLAIN_REDIS_URL": "redis://127.0.0.1:1/0",
        "HOME": str(home),
    }
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=False,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1]) | {"home": sorted(p.name for p in home.rglob("*"))}


def test_it_answered(seen):
    assert seen["statuses"] == [200, 200, 200, 503, 200, 404, 201, 202]


def test_it_loaded_no_runtime_and_no_parser(seen):
    assert {m.partition(".")[0] for m in seen["modules"]} & {
        "onnxruntime",
        "onnx",
        "onnx_ir",
        "torch",
    } == set()
    assert "explainers.registry" in seen["modules"]


def test_it_wrote_nothing_at_home(seen):
    assert seen["home"] == []
