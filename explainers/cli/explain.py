"""onnxplain explain: an explanation in this process, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import explainers
from explainers.types import Card

from . import show
from .arguments import (
    FILE,
    arrays,
    card_option,
    input_option,
    needs_inputs,
    out_file,
    parameters,
    request_options,
    resize_option,
    seed_option,
)
from .plotting import draw, plot_options


@click.command("explain")
@click.argument("model", type=FILE)
@input_option
@resize_option
@request_options
@seed_option
@card_option
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--threads", type=click.IntRange(min=0), default=0, help="Threads of the runtime; 0: all cores."
)
@click.option(
    "--out", type=out_file, required=True, metavar="FILE.npz", help="Where the arrays and the account go."
)
@plot_options
@click.option("--account", is_flag=True, help="Print which rule took which node, too.")
def explain_command(
    model: Path, card: Card | None, out: Path, plot: Path | None, *, account: bool, **asked: Any
) -> None:
    """Explain inputs of MODEL in this process.

    The arrays go to --out as attribution.INPUT, output.NAME and meta; the account is printed.
    """
    if not asked["files"] and needs_inputs(asked["method"]):
        raise click.UsageError("give --input: this method explains inputs")
    loaded = explainers.load(model, card=card)
    words, specs = Card() if card is None else card, loaded.describe().inputs
    params = parameters(asked["method"], asked["pairs"], asked["fields"], specs, words)
    given = arrays(asked["files"], specs, words, resize=asked["resize"])
    with show.progress(asked["method"]) as progress:
        result = explainers.explain(
            loaded, given, asked["method"], params=params, target=asked["target"], seed=asked["seed"],
            progress=progress, provider=asked["provider"], threads=asked["threads"],
        )  # fmt: skip
    result.save(out)
    if plot is not None:
        from explainers.render import settled

        where = settled(words, {s.name: s.batch_axis for s in specs})
        draw(result, result.inputs or given, where, asked["item"], asked["view"], asked["of"], plot)
    show.account(result.account, words, rules=account)
    show.wrote(out, plot)
