"""What the commands that ask a server share: its address, the key, and jobs as JSON or tables."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from explainers.client import GOOD, URL, Client, Fields

from .arguments import FILE


def asks_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --server, --key and --key-file, and as its first argument a client."""

    @click.option("--server", default=URL, show_default=True, metavar="URL", help="Address of the service.")
    @click.option(
        "--key", metavar="KEY", help="API key; other users of this machine may see it in the process list."
    )
    @click.option("--key-file", type=FILE, help="File that holds the API key.")
    @functools.wraps(command)
    def asking(server: str, key: str | None, key_file: Path | None, **rest: Any) -> Any:
        if key_file is not None:
            key = key_file.read_text().strip()
        with Client(server, key) as client:
            return command(client, **rest)

    return asking


def settle(job: Fields) -> None:
    """End with status 1 and the reason if a finished job was not successful; say which items failed in one that was."""
    why = (job.get("error") or {}).get("detail", "")
    if job["state"] not in GOOD:
        raise click.ClickException(f"job {job['id']} {_WORDS[job['state']]}" + (f": {why}" if why else ""))
    if job["state"] == "partially_succeeded":
        click.echo(f"job {job['id']}: some items failed: {why}", err=True)


_WORDS = {
    "failed": "failed",
    "cancelled": "was cancelled",
    "queued": "has not begun; follow it by `onnxplain watch`",
    "running": "has not ended; follow it by `onnxplain watch`",
}
