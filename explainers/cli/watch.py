"""onnxplain watch: a job's progress until it ends."""

from __future__ import annotations

import click

from explainers.client import Client

from . import show
from .server import asks_server, settle


@click.command("watch")
@click.argument("job")
@asks_server
def watch_command(client: Client, job: str) -> None:
    """Follow a job until it ends.

    The exit status is 0 where there is a result, else 1.
    """
    method = client.job(job)["method"]
    with show.progress(method) as progress:
        ended = client.wait(job, progress)
    settle(ended)
    click.echo(f"{job} {ended['state'].replace('_', ' ')}")
