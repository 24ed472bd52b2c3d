from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from explainers.errors import Cancelled, ExplainError, InvalidRequest, ModelUnparseable, ResourceLimit
from workers.errors import Crashed, TimeLimit
from workers.machine import memory
from workers.runner import spawner
from workers.runner.pool import Pool
from workers.runner.process import Limits, Runner, Watch
from workers.runner.spawner import spawn
from workers.settings import Settings

MANY = {"input": np.ones((3000, 64), "f4")}


@pytest.fixture(scope="module")
def files(tmp_path_factory, make_mlp):
    folder = tmp_path_factory.mktemp("models")
    (folder / "small.onnx").write_bytes(make_mlp())
    (folder / "large.onnx").write_bytes(make_mlp(64, 4096))
    return folder


@pytest.fixture
def start():
    """Starts runners, and ends them whatever happens."""
    runners = []

    def go(memory=2 << 30):
        runners.append(Runner(Limits(memory, 1.0)))
        return runners[-1]

    yield go
    for runner in runners:
        runner.close()


@pytest.fixture
def runner(start):
    return start()


def order(method="gradient", **changes):
    return {
        "op": "explain", "model": "m", "card": {}, "method": method, "params": {}, "target": {}, "seed": 0,
        "provider": "cpu", "threads": 1, **changes,
    }  # fmt: skip


def call(runner, path: Path, fields, arrays=None, watch=None):
    with path.open("rb") as file:
        return runner.call(fields, arrays, [file.fileno()], watch=watch or Watch(30))


def test_a_runner_looks_at_a_model(runner, files):
    description = call(runner, files / "small.onnx", {"op": "scan", "card": {}}).fields["description"]
    assert [i["name"] for i in description["inputs"]] == ["input"]


def test_a_runner_explains_and_tells_how_far_it_is(runner, files):
    seen = []
    watch = Watch(60, lambda *p: seen.append(p))
    frame = call(runner, files / "large.onnx", order("occlusion"), {"input": MANY["input"][:300]}, watch)
    assert frame.arrays["attribution.input"].shape == (300, 64)
    assert seen
    assert seen[-1][0] == seen[-1][1]


def test_refusals_come_back_as_they_are(runner, files):
    with pytest.raises(InvalidRequest):
        call(runner, files / "small.onnx", order(), {"wrong": np.ones((1, 4), "f4")})
    (files / "garbage.onnx").write_bytes(b"garbage")
    with pytest.raises(ModelUnparseable):
        call(runner, files / "garbage.onnx", {"op": "scan", "card": {}})
    assert call(runner, files / "small.onnx", order(), {"input": np.ones((1, 4), "f4")}).arrays


def test_too_long_ends_the_process(runner, files):
    with pytest.raises(TimeLimit):
        call(runner, files / "large.onnx", order("occlusion"), MANY, Watch(0.5))
    assert not runner.alive


def test_too_much_memory_ends_the_process(start, files):
    runner = start(100 << 20)
    with pytest.raises(ResourceLimit):
        call(runner, files / "large.onnx", order("occlusion"), MANY)
    assert not runner.alive


def test_a_cancelled_order_ends_soon(runner, files):
    began = time.monotonic()
    with pytest.raises(Cancelled):
        call(runner, files / "large.onnx", order("occlusion"), MANY, Watch(60, stop=lambda: True))
    assert time.monotonic() - began < 5


def test_a_killed_runner_is_a_crash_that_names_the_signal(runner, files):
    def kill(*_):
        os.kill(runner.pid, signal.SIGKILL)

    with pytest.raises(Crashed, match="SIGKILL"):
        call(runner, files / "large.onnx", order("occlusion"), MANY, Watch(60, kill))


def test_a_stranger_sees_no_secret_and_leaves_nothing_behind(start, files, monkeypatch):
    monkeypatch.setenv("ONNXPLAIN_REDIS_URL", "redis://:secret@nowhere")
    runner = start()
    environment = psutil.Process(runner.pid).environ()
    assert not [name for name in environment if name.startswith("ONNXPLAIN")]
    # its cage is closed: nothing could be written there any more
    assert not Path(environment["HOME"]).exists()
    assert call(runner, files / "small.onnx", order(), {"input": np.ones((1, 4), "f4")}).arrays


def test_a_runner_dies_with_whoever_started_it(files):
    program = (
        "import time; from workers.runner.process import *; "
        "r = Runner(Limits(1 << 30)); print(r.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        # one that is stopped cannot notice by itself that its channel closed
        psutil.Process(pid).suspend()
        parent.kill()
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_pool_keeps_a_tenants_runner_warm_and_lends_it_to_nobody_else(tmp_path):
    pool = Pool(Settings(data=tmp_path, slots=1))
    with pool.runner("a", "m") as first:
        pass
    with pool.runner("a", "m") as again, pool.runner("b", "m") as other:
        assert again is first
        assert other is not first
    pool.close()
    assert not first.alive


def test_the_pool_makes_room_by_ending_the_oldest(tmp_path):
    pool = Pool(Settings(data=tmp_path, slots=1, runners_memory=1 << 20))
    with pool.runner("a", "m") as first:
        pass
    assert not first.alive
    pool.close()


def test_a_runner_that_nobody_asks_for_is_ended(tmp_path):
    pool = Pool(Settings(data=tmp_path, slots=1, runner_idle_seconds=2.0))
    with pool.runner("a", "m") as first:
        time.sleep(3)
        assert first.alive
    with pool.runner("a", "m") as again:
        assert again is first
    deadline = time.monotonic() + 20
    while first.alive:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pool.runner("a", "m") as other:
        assert other.alive
    pool.close()


def test_what_is_put_back_after_the_end_is_ended(tmp_path):
    pool = Pool(Settings(data=tmp_path, slots=1))
    with pool.runner("a", "m") as first:
        pool.close()
    assert not first.alive


def test_the_runners_of_a_small_machine_get_half_of_it(tmp_path):
    whole, bound, none = psutil.virtual_memory().total, tmp_path / "two", tmp_path / "one"
    bound.write_text(f"{1 << 30}\n")
    none.write_text("max\n")
    assert memory((bound, none)) == 1 << 30
    assert memory((none, tmp_path / "away")) == whole


def test_what_the_engine_does_not_know_is_no_traceback(runner, files):
    with pytest.raises(ExplainError) as failed:
        call(runner, files / "small.onnx", {"op": "explain"})
    assert "Traceback" not in failed.value.detail


def test_an_answer_that_nobody_waited_for_is_not_the_next_ones(tmp_path, files):
    def out_of_order() -> bool:
        raise LookupError("the ledger has lost its mind")

    first, second = MANY["input"][:300], np.zeros((300, 64), "f4")
    pool = Pool(Settings(data=tmp_path, slots=1, runner_idle_seconds=60))
    with pytest.raises(LookupError), pool.runner("a", "m") as runner:
        call(runner, files / "large.onnx", order("occlusion"), {"input": first}, Watch(60, stop=out_of_order))
    with pool.runner("a", "m") as runner:
        got = call(runner, files / "large.onnx", order("input_x_gradient"), {"input": second})
    pool.close()
    # of zeros; of the first order's inputs it is something else
    np.testing.assert_array_equal(got.arrays["attribution.input"], second)


def test_a_start_that_fails_stops_no_other_start():
    def fails() -> subprocess.Popen[bytes]:
        raise MemoryError

    with pytest.raises(MemoryError):
        spawn(fails)
    done = spawn(lambda: subprocess.Popen([sys.executable, "-c", ""]))
    assert done.wait(20) == 0


def test_a_child_that_is_forked_while_another_starts_can_start_its_own():
    with spawner._lock:
        child = os.fork()
        if not child:
            signal.alarm(20)
            os._exit(spawn(lambda: subprocess.Popen([sys.executable, "-c", ""])).wait())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
