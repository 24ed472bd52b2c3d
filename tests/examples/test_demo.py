from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from reference.patience import PATIENCE

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """What the demo said, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, DEMO], cwd=folder, capture_output=True, text=True, timeout=3 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, folder


def test_it_tells_jobs_states_predictions_and_accounts(tour):
    said, _ = tour
    # a job that took long enough to tell of its progress counts evaluations, another its items
    assert len(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27} +succeeded +(\d+)/\1\b", said)) == 2, said
    for word in (
        "prediction",
        "probability",
        "model evaluations",
        "occlusion",
        "service stopped, exit status 0",
    ):
        assert word in said


def test_it_leaves_a_picture_and_the_arrays(tour):
    _, folder = tour
    assert (folder / "demo-output" / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert np.load(folder / "demo-output" / "occlusion.npz")["attribution.input"].shape == (16, 1, 8, 8)


def test_it_leaves_nothing_running(tour):
    said, _ = tour
    port = re.search(r"http://127\.0\.0\.1:(\d+)", said)[1]
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if port in line or any("onnxplain-demo-" in word for word in line)]
