"""What commands print: tables of accounts, models, methods and jobs; progress goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from explainers.centres import shares_out
from explainers.labels import label_of
from explainers.types import Account, Card

MOST_ROWS, MOST_VALUES = 20, 24
PIPE_WIDTH = 160


def out() -> Console:
    """Return a console on stdout as it is now; words are shown as they are, without markup."""
    # what reads a pipe does not want words cut to a terminal's width
    return Console(
        markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> Table:
    """Return a table of plain words; columns of numbers are set to the right."""
    drawn = Table(
        box=SIMPLE_HEAD, title=Text(title, "bold") if title else None, title_justify="left", pad_edge=False
    )
    for i, header in enumerate(headers):
        numbers = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        drawn.add_column(header, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(_cell(value)) for value in row))
    return drawn


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_cell(v)}" for k, v in value.items() if v not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "none"
    return f"{value:.5g}" if isinstance(value, float) else "" if value is None else str(value)


def _fact(name: str, value: object) -> list[tuple[str, object]]:
    """Return what a method reports, a line for each part of it where the parts have parts of their own."""
    if isinstance(value, Mapping) and any(isinstance(v, Mapping) for v in value.values()):
        return [(name.replace("_", " "), ""), *((f"  {k}", v) for k, v in value.items())]
    return [(name.replace("_", " "), value)]


def _brief(value: object) -> object:
    """Return a parameter as it is shown: of long lists, such as a background, their lengths alone."""
    if isinstance(value, Mapping):
        return {k: _brief(v) for k, v in value.items()}
    lengths = _lengths(value)
    return " x ".join(map(str, lengths)) + " values" if prod(lengths) > MOST_VALUES else value


def _lengths(value: object) -> list[int]:
    return [len(value), *_lengths(value[0])] if isinstance(value, list) and value else []


def account(found: Account, card: Card, *, rules: bool = False) -> None:
    """Print an account: what was explained, the figures of each item, what is to be known about them."""
    console = out()
    console.print(table(("account", ""), _facts(found)))
    if found.items:
        console.print(table(*_items(found, card)))
    if found.items > MOST_ROWS:
        console.print(f"... and {found.items - MOST_ROWS} further items; the .npz has all of them")
    if rules and found.rules:
        console.print(
            table(("node", "operator", "rule"), [(r.node, r.operator, r.rule) for r in found.rules])
        )
    if rules and found.ledger:
        console.print(table(("node", "relevance in", "out", "absorbed", "unexplained"), _ledger(found)))
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")


def _ledger(found: Account) -> list[tuple[str, object, object, str, object]]:
    """Return each node's books, all items together."""
    rows: list[tuple[str, object, object, str, object]] = []
    for entry in found.ledger:
        absorbed = ", ".join(f"{k} {sum(v):.4g}" for k, v in entry.absorbed.items() if any(v))
        rows.append(
            (entry.node, sum(entry.relevance_in), sum(entry.relevance_out), absorbed, sum(entry.unexplained))
        )
    return rows


def _facts(found: Account) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("method", found.method),
        *((f"  {name}", _brief(value)) for name, value in found.params.items() if value is not None),
        (
            "explained",
            found.explained + (" (the input of the final softmax or sigmoid)" if found.logits else ""),
        ),
        ("items", found.items),
        *((f"held fixed: {name}", reason) for name, reason in found.held_fixed.items()),
        *(row for name, value in found.facts.items() for row in _fact(name, value)),
    ]
    if found.piecewise_constant:
        rows.append(("passed nothing back", ", ".join(found.piecewise_constant)))
    if found.one_by_one:
        rows.append(("one by one", found.one_by_one))
    rows += [("model evaluations", found.model_evaluations), ("seconds", round(found.seconds, 3))]
    return [*rows, ("provider", found.provider), ("seed", found.seed)]


def _items(found: Account, card: Card) -> tuple[list[str], list[list[object]]]:
    columns: dict[str, Sequence[object]] = {"item": range(found.items)}
    if found.index:
        columns["explained"] = [label_of(found, i, card) for i in range(len(found.index))]
    columns["score"] = found.score
    if shares_out(found.method, found.params):
        columns["sum of attributions"] = found.attribution_sum
    columns |= {name.replace("_", " "): values for name, values in found.per_item.items()}
    full = {name: values for name, values in columns.items() if len(values) == found.items}
    return list(full), [list(row) for row in zip(*full.values(), strict=True)][:MOST_ROWS]


def wrote(*files: Path | None) -> None:
    """Say which files were written."""
    for file in files:
        if file is not None:
            out().print(f"wrote {file}", soft_wrap=True)


@contextmanager
def progress(words: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show a progress bar on stderr; call what is given with done, total and unit."""
    console = Console(stderr=True, markup=False, highlight=False)
    unit = TextColumn("{task.fields[unit]}", markup=False)
    bar = Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), unit,
                   TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)  # fmt: skip
    with bar:
        task = bar.add_task(words, total=None, unit="")
        yield lambda done, total, unit: bar.update(task, completed=done, total=total or None, unit=unit)


def jobs(found: Sequence[dict[str, Any]]) -> Table:
    """Return a table of jobs, whose ids are never broken."""
    rows = [
        [f["id"], f["state"].replace("_", " "), _done(f["progress"]).split()[0], f["method"]] for f in found
    ]
    drawn = table(("job", "state", "progress", "method"), rows)
    drawn.columns[0].no_wrap = True
    return drawn


def job(fields: dict[str, Any]) -> Table:
    """Return all that is to be said of one job."""
    words = (
        "id",
        "state",
        "method",
        "model",
        "dataset",
        "items",
        "priority",
        "provider",
        "attempt",
        "created",
        "finished",
    )
    rows: list[tuple[object, object]] = [(name, fields[name]) for name in words if fields[name] is not None]
    error = fields["error"] or {}
    return table(("job", ""), [*rows, ("progress", _done(fields["progress"])), *error.items()])


def _done(progress: dict[str, Any]) -> str:
    return f"{progress['done']}/{progress['total']} {progress['unit']}"
