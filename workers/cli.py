"""onnxplain keys, admin, doctor: what the operator does on the data folder or the database that the settings name."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click

from explainers.errors import InvalidRequest

from . import backup
from . import doctor as checks
from .admin import Admin
from .keys import Keys
from .ledger import audit
from .ledger.schema import ledger
from .records import SCOPES, KeyRecord
from .settings import Settings
from .settings import read as read_settings

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

HELP = {"help_option_names": ["-h", "--help"]}
"""As in the engine's commands; a command keeps the names of its first call, whoever made it."""


def on_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --data, and as its first argument the settings."""

    @click.option(
        "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
        help="Folder of everything that is kept.  [default: $ONNXPLAIN_DATA, else onnxplain-data]",
    )  # fmt: skip
    @wraps(command)
    def with_settings(data: Path | None, **rest: Any) -> Any:
        settings = read_settings() if data is None else read_settings(data=data)
        with audit.acting(audit.Actor(f"operator:{os.getuid()}:{_login()}"[:64])):
            return command(settings, **rest)

    return with_settings


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "?"


def seconds(text: str | None) -> float | None:
    """Read a span of time: 90d, 12h, 30m, 45s."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found:
        raise click.UsageError(f"{text!r} is no span of time; write 90d, 12h, 30m or 45s")
    return float(found[1]) * _UNITS[found[2]]


def say(fields: Any) -> None:
    """Print JSON, one thing a line."""
    click.echo(json.dumps(fields, default=str))


@contextmanager
def _keys(settings: Settings) -> Iterator[Keys]:
    with ledger(settings) as database:
        yield Keys(database)


@contextmanager
def _admin(settings: Settings) -> Iterator[Admin]:
    with ledger(settings) as database:
        yield Admin(settings, database)


# ----- keys -----


@click.group(context_settings=HELP)
def keys() -> None:
    """Make, list and revoke API keys.

    Once a first key was made the service asks for one, on loopback too, and may listen beyond it.
    """


@keys.command("create")
@on_data
@click.option("--tenant", required=True, help="Whose models, data sets and jobs the key opens.")
@click.option("--name", default="", help="What the key is for, to know it by in lists.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=SCOPES[:3], show_default=True,
    help="What it may do; give it several times.",
)  # fmt: skip
@click.option("--expires", metavar="SPAN", help="When it ends: 90d, 12h, 30m.  [default: never]")
def create(settings: Settings, tenant: str, name: str, scopes: tuple[str, ...], expires: str | None) -> None:
    """Make a key and print it; it is shown this once."""
    with _keys(settings) as found:
        record, text = found.create(tenant, name, list(dict.fromkeys(scopes)), seconds(expires))
    click.echo(text)
    click.echo(
        f"{record.id} of tenant {tenant} may {', '.join(record.scopes)}; it is not shown again", err=True
    )


@keys.command("list")
@on_data
@click.option("--tenant", help="Only keys of this tenant.")
def list_keys(settings: Settings, tenant: str | None) -> None:
    """List the keys as JSON lines, oldest first, without their secrets."""
    with _keys(settings) as found:
        for record in found.listed(tenant):
            say(_shown(record))


def _shown(record: KeyRecord) -> dict[str, Any]:
    return {name: value for name, value in asdict(record).items() if value is not None}


@keys.command("revoke")
@on_data
@click.argument("key")
def revoke(settings: Settings, key: str) -> None:
    """End a key at once, named by what stands before its dot."""
    with _keys(settings) as found:
        say(_shown(found.revoke(key)))


# ----- admin -----


@click.group(context_settings=HELP)
def admin() -> None:
    """Look after the ledger and what is stored."""


@admin.command("stuck")
@on_data
@click.option(
    "--older-than", default="15m", show_default=True, metavar="SPAN", help="Without progress for so long."
)
def stuck(settings: Settings, older_than: str) -> None:
    """List jobs that have not ended and show no progress, with the reason where one is seen."""
    with _admin(settings) as found:
        for row in found.stuck(seconds(older_than) or 0.0):
            say(row)


@admin.command("dead")
@on_data
def dead(settings: Settings) -> None:
    """List jobs whose attempts ran out."""
    with _admin(settings) as found:
        for row in found.dead():
            say(row)


@admin.command("requeue")
@on_data
@click.argument("jobs", nargs=-1, required=True)
def requeue(settings: Settings, jobs: tuple[str, ...]) -> None:
    """Try the failed parts of dead jobs again, with all their attempts."""
    with _admin(settings) as found:
        for job in jobs:
            say({"job": job, "parts": found.requeue(job)})


@admin.command("purge")
@on_data
@click.option("--older-than", required=True, metavar="SPAN", help="Results of jobs that ended so long ago.")
@click.option("--tenant", help="Only this tenant's.")
def purge(settings: Settings, older_than: str, tenant: str | None) -> None:
    """Remove results and inputs of old jobs; their states stay."""
    with _admin(settings) as found:
        say(found.purge(seconds(older_than) or 0.0, tenant))


@admin.command("verify-store")
@on_data
def verify_store(settings: Settings) -> None:
    """Compare every stored file with its digest and with who needs it; exit 1 where something is missing or changed."""
    with _admin(settings) as found:
        report = found.verify_store()
    say(report)
    sys.exit(1 if report["missing"] or report["changed"] else 0)


@admin.command("verify-audit")
@on_data
@click.option(
    "--expect", metavar="NUMBER:DIGEST", help="A head noted earlier, which must still be in the chain."
)
def verify_audit(settings: Settings, expect: str | None) -> None:
    """Walk the audit log's chain and print its head: note it elsewhere, it proves all before it."""
    try:
        expected = audit.noted(expect) if expect else None
    except ValueError as e:
        raise InvalidRequest(f"{expect!r} is no head; it is written NUMBER:DIGEST") from e
    with _admin(settings) as found:
        click.echo(str(found.verify_audit(expected)))


@admin.command("audit")
@on_data
@click.option("--after", type=int, default=0, show_default=True, help="Only entries behind this number.")
def show_audit(settings: Settings, after: int) -> None:
    """Print the audit log as JSON lines."""
    with _admin(settings) as found:
        for entry in found.audit(after):
            say(entry)


@admin.command("backup")
@on_data
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def make_backup(settings: Settings, file: Path) -> None:
    """Write ledger and stored files of a data folder to one new tar file, while the service runs."""
    say(backup.write(settings, file))


@admin.command("restore")
@on_data
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(settings: Settings, file: Path) -> None:
    """Put a backup into a data folder that holds nothing yet."""
    say(backup.read(settings, file))


# ----- doctor -----


@click.command(context_settings=HELP)
@on_data
def doctor(settings: Settings) -> None:
    """Look whether everything that the service needs is here; exit 1 where something is not."""
    found = checks.examine(settings)
    for check in found:
        click.echo(f"{'ok  ' if check.good else 'FAIL'} {check.name:<10} {check.detail}")
    sys.exit(0 if all(c.good for c in found) else 1)
