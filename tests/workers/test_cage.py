"""The cage, tried from inside: a process closes it around itself, then does what a stranger's model would like to do."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from workers.errors import Unavailable
from workers.runner import landlock, seccomp
from workers.runner.cage import Cage
from workers.runner.murmur import escaped
from workers.runner.process import Limits, Runner, judge

ROOT = Path(__file__).parents[2]
INSIDE = """
import ctypes, json, os, resource, socket, subprocess, sys, threading
from workers.runner import cage
early, late = threading.Event(), []
first = threading.Thread(target=lambda: (early.wait(), late.append(attempt(lambda: os.open(PATH, os.O_RDONLY)))))
first.start()
held = os.open(sys.executable, os.O_RDONLY)
PATH, PARENT = sys.argv[1], os.getppid()
libc = ctypes.CDLL(None, use_errno=True)

def attempt(act):
    try:
        act()
    except OSError as e:
        return e.errno
    return 0

def call(*numbers):
    if libc.syscall(*numbers) < 0:
        raise OSError(ctypes.get_errno(), "")

found = cage.close(cage.Fences(8 << 30, 1 << 20))
early.set()
first.join()
attempts = {
    "read a file": lambda: os.open(PATH, os.O_RDONLY),
    "list a folder": lambda: os.listdir("/"),
    "make a file": lambda: os.open("/tmp/oxp-made", os.O_CREAT | os.O_WRONLY),
    "make a folder": lambda: os.mkdir("/tmp/oxp-made"),
    "remove a file": lambda: os.unlink(PATH),
    "open a socket": lambda: socket.socket(),
    "open a local socket": lambda: socket.socketpair(),
    "read the parent's environment": lambda: open(f"/proc/{PARENT}/environ"),
    "read its own environment": lambda: open("/proc/self/environ"),
    "signal the parent": lambda: os.kill(PARENT, 0),
    "fork": lambda: os.fork(),
    "start a program": lambda: os.execv("/bin/true", ["true"]),
    "start a program in a child": lambda: subprocess.run(["/bin/true"]),
    "trace the parent": lambda: call(101 if os.uname().machine == "x86_64" else 117, 16, PARENT, 0, 0),
    "read the parent's memory": lambda: call(310 if os.uname().machine == "x86_64" else 270, PARENT, 0, 0, 0, 0, 0),
    "bound the parent": lambda: resource.prlimit(PARENT, resource.RLIMIT_CPU, (1, 1)),
    "reopen what it holds": lambda: os.open(f"/proc/self/fd/{held}", os.O_RDONLY),
    "leave for another namespace": lambda: call(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
    "make a program in memory": lambda: os.memfd_create("x"),
}
answers = {name: attempt(act) for name, act in attempts.items()}
answers["a thread that was there before reads a file"] = late[0]
threading.Thread(target=lambda: late.append("a new thread runs")).start()
print(json.dumps({"cage": found.to_json(), "answers": answers, "user": os.getuid(),
                  "held": len(os.pread(held, 100, 0)), "root": attempt(lambda: os.setuid(0))}))
"""
NAMES = [line.split('"')[1] for line in INSIDE.splitlines() if line.startswith('    "')]
pytestmark = pytest.mark.skipif(
    platform.machine() not in seccomp.MACHINES or not landlock.version(), reason="no Landlock in this kernel"
)


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    secret = tmp_path_factory.mktemp("cage") / "secret"
    secret.write_text("secret")
    command = [sys.executable, "-c", INSIDE, str(secret)]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    assert secret.read_text() == "secret"
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", [*NAMES, "a thread that was there before reads a file"])
def test_from_inside_nobody_can(inside, name):
    assert inside["answers"][name] != 0


def test_what_was_open_stays_readable(inside):
    assert inside["held"] == 100


def test_every_wall_stands(inside):
    assert inside["cage"]["open"] == []
    assert inside["cage"]["landlock"] >= 1
    assert inside["cage"]["seccomp"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be dropped")
def test_root_is_dropped_and_does_not_come_back(inside):
    assert inside["user"] != 0
    assert inside["root"] != 0


@pytest.mark.parametrize("machine", seccomp.MACHINES)
@pytest.mark.parametrize("files", [True, False])
def test_the_filter_fits_its_machine(machine, files):
    steps = seccomp.program(machine, 1, files=files)
    assert len(steps) < 4096
    assert steps[-1].value == seccomp.ALLOW
    opened = seccomp.FILES["openat"][list(seccomp.MACHINES).index(machine)]
    assert (opened in [s.value for s in steps if s.code == seccomp.EQUAL]) is not files


@pytest.fixture(scope="module")
def runner():
    runner = Runner(Limits(2 << 30, required=True))
    yield runner
    runner.close()


def test_a_runner_works_behind_all_walls_in_all_its_threads(runner):
    assert runner.cage.open == []
    for thread in Path(f"/proc/{runner.pid}/task").iterdir():
        status = (thread / "status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status


def test_a_runner_holds_nothing_but_its_channel_and_what_it_says(runner):
    kinds = [str(p.readlink()) for p in Path(f"/proc/{runner.pid}/fd").iterdir()]
    assert not [k for k in kinds if k.startswith("/") and k != "/dev/null"]


def test_a_runner_is_a_group_of_its_own_without_core_files(runner):
    assert os.getpgid(runner.pid) == runner.pid
    limits = Path(f"/proc/{runner.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_an_open_cage_is_refused_where_it_is_required_and_told_once_where_it_is_not(caplog):
    cage = Cage(open=["files: a kernel of these tests"])
    with pytest.raises(Unavailable, match="a kernel of these tests"):
        judge(cage, required=True)
    judge(cage, required=False)
    judge(cage, required=False)
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_what_a_runner_says_cannot_forge_a_line():
    assert escaped("a\n\x1b[31mb\r\u2028") == "a\\n\\x1b[31mb\\r\\u2028"
