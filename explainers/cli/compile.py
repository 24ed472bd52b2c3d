"""onnxplain compile: an explanation as an ONNX model of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import explainers
from explainers.types import Card

from .arguments import FILE, card_option, out_file, parameters, request_options


@click.command("compile")
@click.argument("model", type=FILE)
@request_options
@card_option
@click.option("--out", type=out_file, required=True, metavar="FILE.onnx", help="Where the explanation goes.")
def compile_command(
    model: Path, method: str, target: Any, pairs: Sequence[str], fields: dict[str, Any], card: Card | None,
    out: Path,
) -> None:  # fmt: skip
    """Write an explanation as an ONNX model.

    It is MODEL explained by a white-box method, and runs wherever ONNX runs. What
    is explained comes in beside the model's inputs as target_weights, a weight for
    each value of the output; of --target, output and logits alone are built in.
    """
    graph = explainers.compile(
        explainers.load(model, card=card), method, params=parameters(method, pairs, fields), target=target
    )
    out.write_bytes(graph.SerializeToString())
    inputs, outputs = (
        ", ".join(v.name for v in values) for values in (graph.graph.input, graph.graph.output)
    )
    click.echo(f"wrote {out}: {len(graph.graph.node)} nodes, takes {inputs}, gives {outputs}")
