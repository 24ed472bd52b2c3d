"""onnxplain serve: broker, worker and API in one command, data in one folder."""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import click
import httpx

import explainers
from workers import logs
from workers.embedded import Embedded, Part, worker
from workers.keys import keys_exist
from workers.settings import Settings
from workers.settings import read as read_settings

from .listening import BindRefused, is_loopback, listen

READY_SECONDS = 60.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder of everything that is kept.  [default: $ONNXPLAIN_DATA, else onnxplain-data]",
)  # fmt: skip
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; beyond loopback only once there are API keys.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0 takes a free one and says which.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Parts of jobs run at once.  [default: one per core]",
)
def serve(data: Path | None, host: str, port: int, workers: int | None) -> None:
    """Run the whole service: broker, worker and API.

    Stops everything on Ctrl-C; the next start continues where this one was.
    """
    given = {"data": data, "slots": workers}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    if settings.log_format == "json":
        logs.configure("json")
    else:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        listener = listen(host, port, lambda: keys_exist(settings))
    except BindRefused as e:
        raise click.UsageError(str(e)) from e
    if not is_loopback(host):
        # strangers may send models: none runs where its cage cannot be closed
        settings = settings.model_copy(update={"cage": "required"})
    with listener:
        _run(settings, listener)


def _run(settings: Settings, listener: socket) -> None:
    url = address(listener)
    service = Embedded(settings, [web(listener), worker()])
    service.run(lambda: _tell(service.settings, url))
    click.echo("stopped; the next start continues here")


def web(listener: socket) -> Part:
    """Return the part that serves HTTP on a socket that is open already, so that no request is refused while it restarts."""
    number = listener.fileno()
    command = [
        sys.executable,
        "-P",
        "-m",
        "gunicorn",
        "-c",
        "python:api.gunicorn",
        "--bind",
        f"fd://{number}",
    ]
    return Part("the API", command, (number,))


def address(listener: socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def without_password(url: str) -> str:
    """Return a broker's URL as it may stand in a log: without who connects and how."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _tell(settings: Settings, url: str) -> None:
    """Say what was started, and from a thread when all of it answers."""
    rows = {
        "onnxplain": explainers.__version__,
        "data": settings.data.absolute(),
        "broker": without_password(str(settings.redis_url)),
        "worker": f"{settings.slots} at once on {settings.provider}, {settings.runner_threads} threads each",
        "API": url,
    }
    for name, text in rows.items():
        click.echo(f"{name:<10} {text}")
    threading.Thread(target=_tell_when_ready, args=(url,), daemon=True).start()


def _tell_when_ready(url: str) -> None:
    missing = "the API does not answer"
    end = time.monotonic() + READY_SECONDS
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
        while time.monotonic() < end:
            try:
                found = client.get("/readyz").json()
            except (httpx.HTTPError, ValueError):
                found = {}
            if found.get("ready"):
                click.echo(f"ready      {url}/  (Ctrl-C stops everything)")
                return
            missing = "; ".join(found.get("reasons", [missing]))
            time.sleep(0.1)
    click.echo(f"not ready after {READY_SECONDS:.0f} s: {missing}", err=True)


if __name__ == "__main__":
    serve()
