"""The group of all commands: the engine's own, and those that other packages plug in."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from explainers import __version__
from explainers.errors import Cancelled, ExplainError, InvalidRequest

OWN = {
    "explain": "explain",
    "compile": "compile",
    "check": "check",
    "methods": "methods",
    "submit": "submit",
    "status": "jobs",
    "result": "jobs",
    "cancel": "jobs",
    "watch": "watch",
}
"""Every command with the module of this package that holds it; the module is imported when the command is used."""

PLUGINS = "onnxplain.commands"
ELSEWHERE = (
    "{name} is part of the service, which is not in this installation ({reason}). The service comes with the source "
    "tree: clone the repository and run `pip install -e '.[all]'` in it, or start its docker-compose.yml"
)


class Commands(click.Group):
    """Imports a command when it is used, and turns every error into one message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """Name the engine's commands, then the plugged-in ones."""
        return [*OWN, *sorted(_plugged().keys() - OWN.keys())]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import and return one command."""
        if name in OWN:
            command: click.Command = getattr(
                importlib.import_module(f".{OWN[name]}", __package__), f"{name}_command"
            )
            return command
        found = _plugged().get(name)
        return _load(found) if found else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong is said in one message, never in a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except ExplainError as e:
            raise (Wrong if isinstance(e, InvalidRequest) else Failed)(message(e)) from e
        except OSError as e:
            raise click.ClickException(f"{e.filename or 'a file'}: {e.strerror or e}") from e
        except Exception as e:
            if ctx.params.get("debug"):
                raise
            raise click.ClickException(
                f"onnxplain failed, and the fault is its own: {type(e).__name__}: {str(e)[:300]}. "
                "`onnxplain --debug ...` shows where; please report it with that"
            ) from e


class Failed(click.ClickException):
    """What was asked for could not be carried out."""


class Wrong(click.ClickException):
    """What was asked for does not fit the model or the method."""

    exit_code = 2


def message(error: ExplainError) -> str:
    """Return an error's words with the options of the command line in the place of JSON pointers."""
    if isinstance(error, Cancelled):
        return error.detail
    several = error.extra.get("errors")
    if isinstance(several, list) and several:
        return "\n  ".join(
            ["the request does not fit:", *(_placed(e["pointer"], e["detail"]) for e in several)]
        )
    return _placed(error.pointer, error.detail)


def _placed(pointer: str, detail: str) -> str:
    top, _, rest = pointer.removeprefix("/").partition("/")
    option = {
        "params": "--param",
        "inputs": "--input",
        "target": "--target",
        "seed": "--seed",
        "method": "--method",
        "card": "--card",
    }
    if top not in option:
        return detail
    name = rest.replace("~1", "/").replace("~0", "~")
    return f"{option[top]}{' ' + name if name else ''}: {detail}"


def _plugged() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=PLUGINS)}


def _load(point: EntryPoint) -> click.Command:
    try:
        command: click.Command = point.load()
    except ImportError as e:
        return _absent(point.name, str(e))
    return command


def _absent(name: str, reason: str) -> click.Command:
    """Return a command that says where the real one is to be had."""

    def refuse(**_: Any) -> None:
        raise click.ClickException(ELSEWHERE.format(name=name, reason=reason))

    return click.Command(
        name,
        callback=refuse,
        params=[click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help=f"(not installed) {ELSEWHERE.format(name=name, reason=reason)}.",
        short_help="(not installed) part of the service",
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="onnxplain")
@click.option("--debug", is_flag=True, hidden=True, help="Show where a fault of onnxplain's own happened.")
def main(debug: bool) -> None:
    """Explain what an ONNX model did, and why.

    explain, compile, check and methods work in this process; submit, status, result, cancel and watch ask a server.
    """
    # names of tensors and files may hold what the terminal's encoding cannot show
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and not debug:
            reconfigure(errors="backslashreplace")
