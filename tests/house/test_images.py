"""What the containers would start, started here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def run(arguments: list[str], root, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = os.environ | environment
    return subprocess.run(
        arguments, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_worker_is_healthy_while_it_consumes(service_stack, root):
    done = run([sys.executable, "docker/healthy.py"], root, service_stack.settings.environment())
    assert done.returncode == 0, done.stderr


def test_a_ledger_without_workers_is_not_healthy(service_stack, root, tmp_path):
    empty = service_stack.settings.environment() | {"ONNXPLAIN_DATA": str(tmp_path)}
    done = run(
        [sys.executable, "-c", "from workers.service import *; Service.open(Settings()).close()"], root, empty
    )
    assert done.returncode == 0, done.stderr
    assert run([sys.executable, "docker/healthy.py"], root, empty).returncode == 1


def test_gunicorn_takes_its_configuration(service_stack, root):
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    command = [gunicorn, "-c", "docker/gunicorn.conf.py", "--check-config", "--print-config"]
    done = run(command, root, service_stack.settings.environment())
    assert done.returncode == 0, done.stderr
    assert re.search(r"^bind += \['0\.0\.0\.0:8000'\]$", done.stdout, re.MULTILINE)
    assert re.search(r"^worker_class += api\.pace\.PacedWorker$", done.stdout, re.MULTILINE)
    # what refuses to start there without keys is gunicorn's own again, which does nothing
    for hook in ("on_starting", "when_ready"):
        assert re.search(rf"^{hook} += <\w+\.{hook}\(\)>$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("image", "program"), [("worker", "workers.worker"), ("api", "docker/gunicorn.conf.py")]
)
def test_every_image_starts_a_program_of_the_tree(image, program, root):
    last = (root / "docker" / f"{image}.Dockerfile").read_text().rstrip().splitlines()[-1]
    assert last.startswith("CMD [")
    assert program in last
    assert (root / program).exists() or (root / (program.replace(".", "/") + ".py")).exists()
