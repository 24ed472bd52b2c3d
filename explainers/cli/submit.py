"""onnxplain submit: a job for a server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from explainers import registry
from explainers.client import Client, Fields
from explainers.errors import ExplainError
from explainers.types import Arrays, Card, TensorSpec
from explainers.words import names_in

from .arguments import (
    arrays,
    card_option,
    input_option,
    needs_inputs,
    parameters,
    request_options,
    resize_option,
    seed_option,
)
from .server import asks_server


@click.command("submit")
@click.argument("model")
@input_option
@resize_option
@request_options
@seed_option
@card_option
@click.option(
    "--dataset", metavar="FILE|ID", help="A data set instead of inputs: a file to upload, or an id."
)
@click.option("--inputs-of", "job", metavar="JOB", help="The inputs of an earlier job instead.")
@click.option(
    "--priority", type=click.Choice(["interactive", "batch"]), default="interactive", show_default=True
)
@asks_server
def submit_command(
    client: Client, model: str, card: Card | None, dataset: str | None, job: str | None, priority: str, *, files: Sequence[str],
    resize: bool, method: str, pairs: Sequence[str], fields: Fields, target: Any, seed: int,
) -> None:  # fmt: skip
    """Submit a job to a server and print its id.

    MODEL is a file, or a model that the server has, by id or name.
    """
    given_ways = sum(map(bool, (files, dataset, job)))
    if given_ways > 1 or (not given_ways and needs_inputs(method)):
        raise click.UsageError("give one of --input, --dataset and --inputs-of")
    known = _known(client, model, card)
    specs, words = [TensorSpec.model_validate(s) for s in known["inputs"]], Card.model_validate(known["card"])
    params = _uploaded(client, method, parameters(method, pairs, fields, specs, words))
    given: Arrays | None = None if given_ways else {}
    if files:
        given = arrays(files, specs, words, resize=resize)
    elif dataset and Path(dataset).is_file():
        dataset = client.upload_dataset(Path(dataset))["id"]
    made = client.submit(
        known["id"],
        method,
        given,
        dataset=dataset,
        job=job,
        params=params,
        target=target,
        seed=seed,
        priority=priority,
    )
    click.echo(made["id"])


def _uploaded(client: Client, method: str, params: Fields) -> Fields:
    """Return the parameters with the models that they name by files uploaded, and named by their ids."""
    try:
        named = registry.find(method).params.model_validate(params).models()
    except ValidationError:
        # the server says what is wrong, with a pointer to it
        return params
    return params | {p: _known(client, file, None)["id"] for p, file in named.items() if Path(file).is_file()}


def _known(client: Client, model: str, card: Card | None) -> Fields:
    """Return the server's model; a file is uploaded unless the server has it and no card changes what is known of it."""
    if not Path(model).is_file():
        return client.model(model)
    data = Path(model).read_bytes()
    try:
        if card is None:
            return client.model(hashlib.sha256(data).hexdigest())
    except ExplainError as e:
        if e.extra.get("status") != 404:
            raise
    beside = {n: Path(model).parent / n for n in names_in(card or Card())}
    return client.upload_model(data, card, externals={n: p for n, p in beside.items() if p.is_file()})
