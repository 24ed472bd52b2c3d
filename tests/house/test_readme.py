"""What the README shows is run: its blocks marked `<!-- tested: NAME -->`, in a folder that has the examples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def blocks(root) -> dict[str, str]:
    found = re.findall(
        r"<!-- tested: (\w+) -->\n```\w+\n(.*?)```", (root / "README.md").read_text(), re.DOTALL
    )
    return dict(found)


@pytest.fixture
def place(root, tmp_path) -> Path:
    (tmp_path / "examples").symlink_to(root / "examples")
    return tmp_path


def run(command: list[str], place: Path, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path} | environment
    done = subprocess.run(
        command, cwd=place, env=env, capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_python_session_runs(blocks, place):
    run([sys.executable, "-W", "error", "-c", blocks["python"]], place)
    with np.load(place / "digits.npz") as saved:
        assert saved["attribution.input"].shape == (4, 1, 8, 8)


def test_the_command_runs(blocks, place):
    run(["bash", "-euc", blocks["bash"]], place)
    assert (place / "three-explained.png").read_bytes().startswith(b"\x89PNG")
    assert "attribution.input" in np.load(place / "three.npz").files


def test_the_curl_session_runs(blocks, place, url):
    script = blocks["curl"].replace("http://127.0.0.1:8000", url)
    said = run(["bash", "-euc", script], place)
    assert '"method":"input_x_gradient"' in said
    assert "attribution.input" in np.load(place / "three.npz").files
    assert (place / "three.png").read_bytes().startswith(b"\x89PNG")


def test_the_method_of_the_example_works(blocks, place, root):
    shutil.copytree(root / "explainers", place / "explainers", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "explainers" / "methods" / "example.py").write_text(blocks["method"])
    name = re.search(r"^def (\w+)", blocks["method"], re.MULTILINE)[1]
    script = f"{blocks['python']}\nprint(explainers.explain(model, digits, method={name!r}).account.method)"
    assert run([sys.executable, "-c", script], place, PYTHONPATH=str(place)).strip() == name
