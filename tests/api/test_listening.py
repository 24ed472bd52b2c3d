"""Without keys the service listens on loopback and nowhere else; with keys where it is told to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from api.listening import BindRefused, check_host, listen
from workers.keys import Keys
from workers.ledger.schema import ledger
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_allowed(host):
    check_host(host, lambda: False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.5", "::ffff:10.0.0.1", ""])
def test_everything_else_is_refused_with_the_reason(host):
    with pytest.raises(BindRefused, match=r"API keys|no address"):
        check_host(host, lambda: False)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "127.0.0.1"])
def test_with_keys_every_address_is_allowed(host):
    check_host(host, lambda: True)


def test_port_zero_takes_a_free_one():
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1] > 0


def test_a_taken_port_is_named():
    with listen("127.0.0.1", 0) as taken, pytest.raises(BindRefused, match="choose another with --port"):
        listen("127.0.0.1", taken.getsockname()[1])


BY_HAND = """
import os, sys
from types import SimpleNamespace
from api import gunicorn
gunicorn.on_starting(SimpleNamespace(cfg=SimpleNamespace(address=[(sys.argv[1], 8000)])))
print(os.environ.get("ONNXPLAIN_CAGE", "best-effort"))
"""


@pytest.mark.parametrize(
    ("host", "keyed", "said"),
    [("127.0.0.1", False, "best-effort"), ("0.0.0.0", True, "required"), ("0.0.0.0", False, "API keys")],
)
def test_gunicorn_by_hand_wants_keys_and_a_cage_beyond_loopback(tmp_path, host, keyed, said):
    if keyed:
        with ledger(Settings(data=tmp_path)) as database:
            Keys(database).create("acme", "first", ["read"])
    env = {**os.environ, "ONNXPLAIN_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", BY_HAND, host],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in run.stdout + run.stderr
    assert (run.returncode == 0) == (said != "API keys")


def test_a_socket_that_was_open_before_is_looked_at_too(tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as listener:
        run = subprocess.run(
            [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn", "--bind", f"fd://{listener.fileno()}"],
            env={**os.environ, "ONNXPLAIN_DATA": str(tmp_path)}, cwd=ROOT, pass_fds=[listener.fileno()],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert run.returncode != 0
    assert "API keys" in run.stderr
