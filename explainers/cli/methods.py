"""onnxplain methods: the catalogue, or the parameters of one method."""

from __future__ import annotations

import json
from typing import Any

import click

from explainers import registry

from . import show


@click.command("methods")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the JSON Schema of the parameters.")
def methods_command(name: str | None, *, as_json: bool) -> None:
    """List the methods, or one's parameters."""
    known = {m: registry.find(m).describe() for m in ([name] if name else registry.methods())}
    if as_json:
        click.echo(json.dumps(known, indent=2))
    elif name:
        _one(known[name])
    else:
        rows = [(m, d["family"], _NEEDS[d["needs"]], d["summary"]) for m, d in known.items()]
        show.out().print(show.table(("method", "family", "needs", "what it says"), rows))


_NEEDS = {"grad": "derivatives", "run": "evaluation"}


def _one(described: dict[str, Any]) -> None:
    console = show.out()
    console.print(f"{described['name']}: {described['summary']}\n{described['paper']}")
    schema = described["params"]
    rows = [_parameter(n, p, schema.get("$defs", {})) for n, p in schema["properties"].items()]
    console.print(show.table(("parameter", "type", "default", "what it is"), rows))


def _parameter(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> tuple[object, ...]:
    default = json.dumps(schema["default"]) if "default" in schema else "required"
    return name, type_of(schema, definitions), default, schema.get("description", "")


def type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a JSON Schema's type in words, with its choices and its range."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return type_of(definitions[name], definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(part, definitions) for part in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(json.dumps(v) for v in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array" and schema.get("items"):
        return f"list of {type_of(schema['items'], definitions)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"by name: {type_of(schema['additionalProperties'], definitions)}"
    return str(schema.get("type", "any")) + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {schema[key]:g}" for key, sign in words.items() if key in schema)
