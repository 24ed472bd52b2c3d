"""Fill the generated parts of README.md and docs/: what stands between `<!-- generated: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from explainers import cli, registry

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


# ----- the parts -----


def methods_table() -> str:
    """Return one row per method: name, summary, family, paper."""
    rows = (
        f"| `{m.name}` | {m.summary} | {m.family} | {link(m.paper)} |" for m in registry.methods().values()
    )
    return "\n".join(["| method | what it does | family | paper |", "|---|---|---|---|", *rows])


def methods_reference() -> str:
    """Return a section per method with a table of its parameters."""
    return "\n\n".join(method_section(m) for m in registry.methods().values())


def command_reference() -> str:
    """Return the help text of the engine's commands, as a terminal of 100 columns shows it."""
    return "\n\n".join(f"```text\n{text}\n```" for text in help_texts(cli.main, "onnxplain"))


PARTS: dict[str, Callable[[], str]] = {
    "methods-table": methods_table,
    "methods-reference": methods_reference,
    "command-reference": command_reference,
}


# ----- how they are written -----


def link(paper: str) -> str:
    """Return a citation in Markdown, its arXiv number or DOI linked."""
    paper = re.sub(r"arXiv:([\d.]+\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)
    return re.sub(r"doi:(\S+[\w])", r"[doi:\1](https://doi.org/\1)", paper)


def method_section(m: registry.Method) -> str:
    """Return one method's heading, summary and parameters."""
    needs = "a derivative of every operator on the path" if m.needs == "grad" else "only the model's outputs"
    head = f"## `{m.name}`\n\n{m.summary}\n\n{m.family.capitalize()}; needs {needs}. {link(m.paper)}\n"
    rows = [parameter_row(name, spec) for name, spec in m.describe()["params"]["properties"].items()]
    return "\n".join([head, "| parameter | type | default | meaning |", "|---|---|---|---|", *rows])


def parameter_row(name: str, spec: dict[str, Any]) -> str:
    """Return one parameter's row, from its JSON Schema."""
    default = f"`{json.dumps(spec['default'])}`" if "default" in spec else "required"
    cells = [f"`{name}`", schema_type(spec), default, str(spec.get("description", ""))]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def schema_type(spec: dict[str, Any]) -> str:
    """Return a JSON Schema type in a few words."""
    if "anyOf" in spec:
        return " or ".join(dict.fromkeys(schema_type(part) for part in spec["anyOf"]))
    if "enum" in spec or "const" in spec:
        return " or ".join(f"`{v}`" for v in spec.get("enum", [spec.get("const")]))
    if spec.get("type") == "array":
        return f"list of {schema_type(spec['items'])}" if spec.get("items") else "list"
    if spec.get("type") == "object":
        return "by input"
    return str(spec.get("type", "any")) + bounds(spec)


def bounds(spec: dict[str, Any]) -> str:
    """Return the range of a number, where it has one."""
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {spec[key]}" for key, sign in signs.items() if key in spec)


def help_texts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """Yield the help of a command and of those below it, in the group's own order."""
    settings: dict[str, Any] = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            if found := command.get_command(context, below):
                yield from help_texts(found, below, context)


# ----- writing and checking -----


def filled(text: str) -> str:
    """Return a page with every generated part made anew."""
    return PART.sub(lambda m: f"{m[1]}{PARTS[m['name']]()}\n{m[3]}", text)


def pages() -> list[Path]:
    """Return every page that may hold generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def stale() -> list[Path]:
    """Return the pages whose generated parts are not what the tree says."""
    return [page for page in pages() if filled(page.read_text()) != page.read_text()]


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only name those that are stale."""
    found = stale()
    for page in found:
        sys.stdout.write(f"{page.relative_to(ROOT)}: generated parts are stale; run make docs\n")
        if "--check" not in arguments:
            page.write_text(filled(page.read_text()))
    return int("--check" in arguments and bool(found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
