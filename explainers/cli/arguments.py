"""What commands take: shared options, and the reading of targets, parameters, cards and input files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from explainers import registry
from explainers.cards import read_card
from explainers.errors import InvalidRequest
from explainers.inputs import (
    ARRAYS,
    TABLES,
    columns_in,
    names_in,
    read_arrays,
    read_file,
    read_table,
    suffix_of,
)
from explainers.types import Array, Arrays, Card, TensorSpec

F = TypeVar("F", bound=Callable[..., Any])
OF_ROWS = ("background", "data")
"""Parameters that hold rows of the inputs."""
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def out_file(text: str) -> Path:
    """Take a path to write to, whose folder is there: it is found missing before the work, not after."""
    path: Path = click.Path(dir_okay=False, writable=True, path_type=Path).convert(text, None, None)
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r} to write {path.name} to")
    return path


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Join several options into one decorator, in the order in which help shows them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object, or refuse with the place where it breaks."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as e:
        raise click.BadParameter(f"{text!r} is no JSON: {e.msg} at character {e.pos + 1}") from e
    if not isinstance(found, dict):
        raise click.BadParameter(f"{text!r} is no JSON object")
    return found


def target(text: str) -> Any:
    """Read what is explained: a class number, a list of them, `argmax`, or a target as a JSON object."""
    if text == "argmax":
        return text
    try:
        found = json.loads(text)
    except json.JSONDecodeError as e:
        raise click.BadParameter(f"{text!r} is neither a class number, nor argmax, nor JSON") from e
    return {"index": found} if isinstance(found, list) else found


def card(text: str) -> Card:
    """Read a JSON file that says what the model's numbers mean."""
    path: Path = FILE.convert(text, None, None)
    try:
        return read_card(path.read_bytes())
    except InvalidRequest as e:
        faults = [
            (f["pointer"].removeprefix("/card").removeprefix("/"), f["detail"]) for f in e.extra["errors"]
        ]
        said = "; ".join((where and f"{where}: {detail}") or detail for where, detail in faults)
        raise click.BadParameter(f"{path} is no card: {said}") from e


seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Makes sampling repeatable."
)
card_option = click.option("--card", type=card, metavar="FILE", help="JSON: what the model's numbers mean.")
request_options = together(
    click.option("--method", required=True, help="Method of explanation; `onnxplain methods` lists them."),
    click.option(
        "--target",
        type=target,
        metavar="JSON|INT|argmax",
        help="What is explained; default: the class with the highest score.",
    ),
    click.option(
        "--param",
        "pairs",
        multiple=True,
        metavar="K=V",
        help="A parameter of the method; again for more. @FILE is an npy, npz or csv.",
    ),
    click.option(
        "--params",
        "fields",
        type=json_object,
        default="{}",
        metavar="JSON",
        help="Parameters as one JSON object.",
    ),
)

resize_option = click.option(
    "--resize", is_flag=True, help="Bring pictures to the size that the model takes."
)


input_option = click.option(
    "--input",
    "files",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Input as npy, npz, png, jpg, csv or txt; again for further inputs, or further items of one. Methods that search "
    "for inputs of their own, or show weights, need none.",
)


def parameters(
    method: str,
    pairs: Sequence[str],
    fields: Mapping[str, Any],
    specs: Sequence[TensorSpec] = (),
    card: Card | None = None,
) -> dict[str, Any]:
    """Return the parameters of a method from K=V pairs, each read as its JSON Schema wants it, and a JSON object.

    Rows of inputs in a table go where the inputs' own rows would.
    """
    schema = registry.find(method).params.model_json_schema()
    out = dict(fields)
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise click.BadParameter(f"{pair!r} has no value; write it as NAME=VALUE", param_hint="--param")
        if name not in schema["properties"]:
            raise click.BadParameter(_unknown(method, name, list(schema["properties"])), param_hint="--param")
        kinds = _kinds(schema["properties"][name], schema.get("$defs", {}))
        own = card or Card()
        out[name] = _from_file(name, Path(text[1:]), specs, own) if text[:1] == "@" else _value(text, kinds)
    return out


def _from_file(name: str, path: Path, specs: Sequence[TensorSpec], card: Card) -> Any:
    """Read a parameter's numbers from a file: an array, one for each input by name, or the rows of a table."""
    if not path.is_file():
        raise click.BadParameter(f"{name}: there is no file {str(path)!r}", param_hint="--param")
    if name in OF_ROWS and path.suffix.lower() in TABLES and (found := _rows(name, path, specs, card)):
        return found
    with path.open("rb") as file:
        if suffix_of(path.name) in ARRAYS:
            found = {n: a.tolist() for n, a in read_arrays(file, path.name).items()}
        else:
            found = {"": read_table(file, path.name)[1].tolist()}
    return found[""] if list(found) == [""] else found


def _rows(name: str, path: Path, specs: Sequence[TensorSpec], card: Card) -> dict[str, Any]:
    """Return a table as rows of the inputs, its columns in their order; nothing where it says not whose they are."""
    try:
        if (columns := columns_in(path, specs, card)) is not None:
            return {n: a.tolist() for n, a in columns.items()}
        own = [s for s in specs if len(specs) == 1 and s.batch_axis == 0 and not card.input(s.name).tokenizer]
        return {s.name: read_file(path, s, card.input(s.name)).tolist() for s in own}
    except InvalidRequest as e:
        raise InvalidRequest(e.detail, pointer=f"/params/{name}") from e


def _unknown(method: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{method} has no parameter {name!r}; {hint}It has: {', '.join(known)}"


def _kinds(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a schema allows."""
    if "$ref" in schema:
        return _kinds(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    parts = [p for word in ("anyOf", "oneOf", "allOf") for p in schema.get(word, [])]
    values = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    own = schema.get("type", [])
    return {own} if isinstance(own, str) else {
        *own, *(_type_of(v) for v in values), *(k for p in parts for k in _kinds(p, definitions))
    }  # fmt: skip


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _value(text: str, kinds: set[str]) -> Any:
    """Read a value as JSON where its type is one of those allowed, else as the word it is."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return text
    kind = _type_of(found)
    fits = not kinds or kind in kinds or (kind == "integer" and "number" in kinds)
    return text if not fits and "string" in kinds else found


def needs_inputs(method: str) -> bool:
    """Say whether a method wants inputs; one that searches for its own, or shows weights, goes without."""
    return not registry.find(method).searches


def arrays(files: Sequence[str], specs: Sequence[TensorSpec], card: Card, *, resize: bool) -> Arrays:
    """Read the files of --input as the model's inputs; several files of one input are joined."""
    known = {spec.name: spec for spec in specs}
    out: dict[str, list[Array]] = {}
    for word in files:
        for name, array in _read(word, known, card, resize=resize).items():
            out.setdefault(name, []).append(array)
    return {name: _joined(name, parts, known[name].batch_axis) for name, parts in out.items()}


def _read(word: str, specs: Mapping[str, TensorSpec], card: Card, *, resize: bool) -> Arrays:
    name, path = _split(word, specs)
    if name is None and path.suffix.lower() == ".npz":
        found, others = names_in(path, list(specs))
        if others:
            click.echo(f"{path.name}: left out {', '.join(others)}, which the model does not take", err=True)
        return found
    if name is None and (columns := columns_in(path, list(specs.values()), card)) is not None:
        return columns
    name = name if name is not None else _only(path, specs, card)
    return {name: read_file(path, specs[name], card.input(name), resize=resize)}


def _split(word: str, specs: Mapping[str, TensorSpec]) -> tuple[str | None, Path]:
    for name in specs:
        if word.startswith(f"{name}="):
            return name, _there(word.removeprefix(f"{name}="))
    if "=" in word and not Path(word).exists():
        given, there = word.partition("=")[0], ", ".join(specs)
        raise click.BadParameter(f"the model has no input {given!r}; it has: {there}", param_hint="--input")
    return None, _there(word)


def _there(word: str) -> Path:
    if not Path(word).is_file():
        raise click.BadParameter(f"there is no file {word!r}", param_hint="--input")
    return Path(word)


def _only(path: Path, specs: Mapping[str, TensorSpec], card: Card) -> str:
    texts = [n for n in specs if card.input(n).tokenizer] if path.suffix.lower() in TABLES else []
    if len(specs) == 1 or len(texts) == 1:
        return (texts or list(specs))[0]
    names = ", ".join(specs)
    raise click.BadParameter(
        f"the model has the inputs {names}; write NAME={path.name}", param_hint="--input"
    )


def _joined(name: str, parts: list[Array], axis: int | None) -> Array:
    if len(parts) == 1:
        return parts[0]
    shapes = {tuple(d for i, d in enumerate(p.shape) if i != axis) for p in parts}
    if axis is None or len(shapes) > 1:
        raise click.BadParameter(
            f"the files of {name!r} cannot be joined: {sorted(shapes)}", param_hint="--input"
        )
    return np.concatenate(parts, axis)
