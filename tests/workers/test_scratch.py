"""Folders in the temp folder: gone with whoever made them, also where it was killed, and never while it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
RUNNER = """
from workers.runner.process import Limits, Runner
with_it = Runner(Limits(1 << 30))
print(with_it.alive, flush=True)
with_it.close()
"""
MANY = """
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from workers.scratch import Scratch
def once(number):
    with closing(Scratch("many")) as scratch:
        (scratch.path / "file").write_text(str(number))
        return (scratch.path / "file").read_text() == str(number)
with ThreadPoolExecutor(8) as threads:
    print(all(threads.map(once, range(300))), flush=True)
"""


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts programs whose temp folder is the test's, and ends them whatever happens."""
    programs = []

    def go(text: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", text]
        programs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return programs[-1]

    yield go
    for program in programs:
        program.kill()
        program.communicate()


@pytest.fixture
def starting(start, tmp_path) -> Callable[[], tuple[subprocess.Popen[str], Path]]:
    """Stops a program in the midst of a runner's start, and returns it with the folder of that runner."""

    def go() -> tuple[subprocess.Popen[str], Path]:
        before, program = set(tmp_path.iterdir()), start(RUNNER)
        deadline = time.monotonic() + 60
        while not psutil.Process(program.pid).children():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        program.send_signal(signal.SIGSTOP)
        (folder,) = set(tmp_path.iterdir()) - before
        return program, folder

    return go


def said(program: subprocess.Popen[str]) -> str:
    out, _ = program.communicate(timeout=60)
    return out.strip()


def test_a_folder_whose_holder_was_killed_goes_with_the_next_start(starting, start, tmp_path):
    killed, folder = starting()
    killed.kill()
    killed.wait()
    assert folder.exists()
    assert said(start(RUNNER)) == "True"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_holder_lives_stays_beside_the_start_of_others(starting, start, tmp_path):
    living, folder = starting()
    assert said(start(RUNNER)) == "True"
    assert list(tmp_path.iterdir()) == [folder]
    living.send_signal(signal.SIGCONT)
    assert said(living) == "True"
    assert list(tmp_path.iterdir()) == []


def test_those_who_make_and_sweep_at_once_do_not_take_each_others(start, tmp_path):
    assert [said(p) for p in [start(MANY) for _ in range(4)]] == ["True"] * 4
    assert list(tmp_path.iterdir()) == []
