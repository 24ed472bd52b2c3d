"""gunicorn's configuration: `gunicorn -c python:api.gunicorn`; one process of many threads, for answers that wait."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from typing import Any

from api import patience
from api.listening import BindRefused, check_host, is_loopback
from workers import traces
from workers.keys import keys_exist
from workers.settings import Settings

wsgi_app = "api.wsgi:application()"
bind = ["127.0.0.1:8000"]
workers = 1
worker_class = "api.pace.PacedWorker"
threads = patience.threads(Settings())
worker_connections = 1000
keepalive = 5
timeout = 60
graceful_timeout = 5
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
# the heartbeat file belongs in memory: it must not wait for a disk, and a read-only root has no other place
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# each part of an upload is an open file, and machines allow 1024 until they are asked for more
_most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "onnxplain-api"


def on_starting(server: Any) -> None:
    """Refuse to start without keys on an address that other machines can reach; look there at no upload without a whole cage."""
    _check(server.cfg.address)


def when_ready(server: Any) -> None:
    """Do the same for sockets that were open before, by number or from systemd; nobody was answered on them yet."""
    _check([listener.sock.getsockname() for listener in server.LISTENERS])


def _check(addresses: Iterable[Any]) -> None:
    for address in addresses:
        if isinstance(address, tuple):
            try:
                check_host(str(address[0]), lambda: keys_exist(Settings()))
                if not is_loopback(str(address[0])):
                    # read by the process that is forked for the application; workers need the same setting
                    os.environ["ONNXPLAIN_CAGE"] = "required"
            except BindRefused as e:
                raise SystemExit(str(e)) from e


def worker_exit(_server: Any, worker: Any) -> None:
    """Close the service of a process that ends."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["service"].close()
        traces.close()
