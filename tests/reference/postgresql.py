"""A private PostgreSQL cluster for tests: started as an ordinary user, on a unix socket in a short folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from reference.patience import PATIENCE

from workers.runner.spawner import spawn
from workers.tether import tied

NOBODY = "65534"
"""Who runs the cluster where the tests run as root, which initdb refuses."""


def programs() -> Path | None:
    """Return the folder of the server's programs, if it is installed."""
    on_path = shutil.which("initdb")
    # Debian's own place first: what it puts on PATH are wrappers
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(on_path).resolve().parent] if on_path else []
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


class Cluster:
    """A running server; every database in it starts empty."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self._folder, self._command, self._environment = folder, command, environment
        self._count = 0
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            told = {"env": self._environment, "stdout": log, "stderr": log}
            # from the one thread that lasts: the server would end with the thread that started it
            self._server = spawn(lambda: subprocess.Popen(self._command, **told))
        _wait(self._folder, self._server)

    def stop(self) -> None:
        """Stop the server without waiting for its clients."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)

    def database(self) -> str:
        """Make a database and return its URL for the ledger."""
        self._count += 1
        name = f"ledger{self._count}"
        with psycopg.connect(f"host={self._folder} dbname=postgres user=tests", autocommit=True) as admin:
            admin.execute(f"create database {name}")
        return f"postgresql+psycopg://tests@/{name}?host={self._folder}"


@contextmanager
def cluster(bin: Path, addresses: str = "", clients: str = "") -> Iterator[Cluster]:
    """Start a cluster and stop it at the end; `addresses`: where else it listens, `clients`: the network that may come in."""
    folder = Path(tempfile.mkdtemp(prefix="oxp-pg-"))
    # another user's process is tied by setpriv, because the tie is lost with the user
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT"]
    user = [] if os.getuid() else drop
    if user:
        os.chown(folder, int(NOBODY), int(NOBODY))
    data = folder / "data"
    options = ["-A", "trust", "-U", "tests", "-E", "UTF8", "--no-locale", "--no-sync", "-D", str(data)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C"}
    subprocess.run([*user, bin / "initdb", *options], env=environment, check=True, capture_output=True)
    if clients:
        with (data / "pg_hba.conf").open("a") as allowed:
            allowed.write(f"host all all {clients} trust\n")
    command = [str(bin / "postgres"), "-D", str(data), "-k", str(folder)]
    command += ["-c", f"listen_addresses={addresses}", "-c", "fsync=off", "-c", "max_connections=200"]
    running = Cluster(folder, [*user, *command] if user else tied(command), {**os.environ, **environment})
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            psycopg.connect(f"host={folder} dbname=postgres user=tests", connect_timeout=2).close()
        except psycopg.OperationalError:
            assert server.poll() is None, (folder / "log").read_text()[-2000:]
            time.sleep(0.05)
        else:
            return
    raise AssertionError((folder / "log").read_text()[-2000:])
