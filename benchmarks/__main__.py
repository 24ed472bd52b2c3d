"""Print every table: `python -m benchmarks [SECTION ...] [--threads N] [--rounds N]`."""

from __future__ import annotations

import importlib
import pkgutil
import platform
from collections.abc import Iterator
from typing import Any

import click
import onnxruntime
import torch

import benchmarks


def sections() -> dict[str, Any]:
    """Return the modules that measure something, by name: those that have `rows`."""
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__"]
    found = {n: importlib.import_module(f"benchmarks.{n}") for n in names}
    return {n: m for n, m in found.items() if hasattr(m, "rows")}


def table(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield a Markdown table line by line, each as soon as its row is measured."""
    for i, row in enumerate(rows):
        if not i:
            yield "| " + " | ".join(row) + " |"
            yield "|" + "---|" * len(row)
        yield "| " + " | ".join(_cell(v) for v in row.values()) + " |"


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--threads", default=2, help="Threads of every library.")
@click.option("--rounds", default=7, help="Rounds; each ratio is the median over rounds.")
def main(names: tuple[str, ...], threads: int, rounds: int) -> None:
    """Measure the named sections, all by default; ratios are medians of rounds in which the calls take turns."""
    there = sections()
    unknown = [n for n in names if n not in there]
    if unknown:
        raise click.UsageError(f"no section is called {', '.join(unknown)}; there are: {', '.join(there)}")
    click.echo(
        f"onnxruntime {onnxruntime.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()}, "
        f"{threads} threads, {rounds} rounds\n"
    )
    for name in names or there:
        module = there[name]
        click.echo(f"## {(module.__doc__ or name).splitlines()[0]}\n")
        for line in table(module.rows(threads, rounds)):
            click.echo(line)
        click.echo("")


if __name__ == "__main__":
    main()
