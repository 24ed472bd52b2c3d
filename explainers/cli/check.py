"""onnxplain check: what a model is, and what each family of methods can do with it."""

from __future__ import annotations

from pathlib import Path

import click

import explainers
from explainers import registry
from explainers.types import Blocker, Card, ModelDescription, Support, TensorSpec

from . import show
from .arguments import FILE, card_option


@click.command("check")
@click.argument("model", type=FILE)
@card_option
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known of the model as JSON.")
def check_command(model: Path, card: Card | None, *, as_json: bool) -> None:
    """Say which methods can explain MODEL.

    Prints what it takes and gives, its operators, and which nodes stand in the way of which methods.
    """
    found = explainers.load(model, card=card).describe()
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    console = show.out()
    console.print(show.table(("model", ""), _facts(model, found)))
    console.print(show.table(("tensor", "name", "type", "shape"), _tensors(found)))
    console.print(show.table(("family", "works", "methods", "why not"), _families(found)))
    blockers = [b for support in found.families.values() for b in support.blockers]
    if blockers:
        console.print(show.table(("node in the way", "operator", "reason"), _blockers(blockers)))
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow")


def _facts(model: Path, found: ModelDescription) -> list[tuple[str, object]]:
    batches = {
        "free": "any number of items at once",
        "freed": "exported for a fixed number of items, runs with any",
        "one-by-one": "items run one by one",
    }
    return [
        ("file", model),
        ("sha-256", found.id),
        ("opset", ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in found.opset.items())),
        ("nodes", found.nodes),
        ("operators", ", ".join(f"{name} {count}" for name, count in sorted(found.operators.items()))),
        ("parameters", found.parameters),
        ("batch", batches[found.batch]),
        ("explained inputs", ", ".join(found.explained_inputs) or "none"),
    ]


def _tensors(found: ModelDescription) -> list[tuple[object, ...]]:
    return [
        (kind, spec.name, spec.dtype, _shape(spec))
        for kind, specs in (("input", found.inputs), ("output", found.outputs))
        for spec in specs
    ]


def _shape(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "unknown"
    return " x ".join(str("?" if d is None else d) for d in spec.shape) or "a single value"


def _families(found: ModelDescription) -> list[tuple[object, ...]]:
    return [
        (name, "yes" if support.supported else "no", _methods(name, support), support.reason)
        for name, support in found.families.items()
    ]


def _methods(family: str, support: Support) -> str:
    own = [m.name for m in registry.methods().values() if m.family == family]
    return ", ".join(own) if support.supported else ""


def _blockers(blockers: list[Blocker]) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys((b.node, b.operator, b.reason) for b in blockers))
