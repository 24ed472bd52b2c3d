"""onnxplain status, result and cancel: the jobs of a server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from explainers.client import FINAL, Client
from explainers.types import Card, Explanation

from . import show
from .arguments import out_file
from .plotting import format_of, plot_options
from .server import asks_server, settle


@click.command("status")
@click.argument("job", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many jobs are listed."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asks_server
def status_command(client: Client, job: str | None, limit: int, *, as_json: bool) -> None:
    """Show a job, or the newest jobs."""
    found = [client.job(job)] if job else list(client.jobs(limit))
    if as_json:
        click.echo(json.dumps(found[0] if job else found, indent=2))
        return
    show.out().print(show.job(found[0]) if job else show.jobs(found))


@click.command("result")
@click.argument("job")
@click.option("--out", type=out_file, metavar="FILE.npz", help="Where the arrays and the account go.")
@plot_options
@click.option("--account", is_flag=True, help="Print which rule took which node, too.")
@asks_server
def result_command(
    client: Client, job: str, out: Path | None, plot: Path | None, item: int | None, view: str | None,
    of: str | None, *, account: bool,
) -> None:  # fmt: skip
    """Print a finished job's account, fetch its arrays."""
    fields = client.job(job)
    settle(fields)
    card = Card.model_validate(client.model(fields["model"])["card"])
    if plot is not None:
        plot.write_bytes(_picture(client, job, item, view, of, plot))
    if out is not None:
        client.save_result(job, out)
    result = client.result(job) if out is None else Explanation.load(out)
    show.account(result.account, card, rules=account)
    show.wrote(out, plot)


def _picture(
    client: Client, job: str, item: int | None, view: str | None, of: str | None, plot: Path
) -> bytes:
    """Fetch a picture; where nobody says of what, of the first item, or of all where only these have one."""
    ending = format_of(plot)
    if ending == "svg":
        raise click.UsageError("the service draws png and html; `onnxplain explain --plot` draws svg, too")
    if item is None:
        there = client.pictures(job)
        item = None if view in there["all"] or not there["item"] else 0
    return client.picture(job, item, view, of, format=ending)


@click.command("cancel")
@click.argument("job")
@asks_server
def cancel_command(client: Client, job: str) -> None:
    """Cancel a job that has not ended."""
    fields = client.job(job)
    if fields["state"] in FINAL:
        raise click.ClickException(f"job {job} has ended already: {fields['state']}")
    left = client.cancel(job)
    click.echo(
        f"{job} is {'cancelled' if left is None or left['state'] == 'cancelled' else 'being cancelled'}"
    )
