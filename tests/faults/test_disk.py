"""A full disk: nothing is accepted that cannot be kept, and what was accepted waits until there is room."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def plant(build):
    """A plant whose blobs lie on a disk of 16 MB."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        (folder / "blobs").mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder / "blobs")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder / "blobs")

    # longer than a busy machine may keep a worker waiting: no attempt may be spent here
    yield build(prepare=mount, lease_seconds=60.0)
    for place in mounted:
        # what still runs keeps files open there
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 12))
        except OSError:
            pass
    return ballast


def test_a_full_disk_puts_work_off_and_refuses_more(plant):
    running = plant.submit_slow(seed=1)
    ballast = fill(plant.settings.blobs)
    assert os.statvfs(ballast.parent).f_bavail == 0
    answer = plant.post(plant.small_request(2), "no-room")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage-full"), answer.text
    assert int(answer.headers["Retry-After"]) > 0
    plant.until(lambda: plant.figure("job_attempts_total", outcome="postponed") >= 1, 30)
    time.sleep(1)
    assert plant.job(running)["state"] == "running"
    ballast.unlink()
    plant.good_job(3)
    assert plant.wait(running)["state"] == "succeeded"
    plant.check_once([running])
    assert plant.job(running)["attempt"] == 1
