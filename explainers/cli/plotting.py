"""What --plot draws and writes: options, formats by the file's ending, and the picture of a result at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explainers.types import Arrays, Card, Explanation

from .arguments import out_file, together

if TYPE_CHECKING:
    from explainers.render import Format

FORMATS: dict[str, Format] = {".png": "png", ".svg": "svg", ".html": "html"}


def plot_file(text: str) -> Path:
    """Take a path to draw to, whose ending says how."""
    path = out_file(text)
    if path.suffix.lower() not in FORMATS:
        raise click.BadParameter(f"{path.name} ends in none of {', '.join(FORMATS)}: that says what is drawn")
    return path


plot_options = together(
    click.option(
        "--plot",
        type=plot_file,
        metavar="FILE.png|svg|html",
        help="Where a picture goes; html: words in colours.",
    ),
    click.option(
        "--item",
        type=click.IntRange(min=0),
        help="Which item is drawn; default: the first, or all together where only these have a picture.",
    ),
    click.option("--view", metavar="NAME", help="Which picture; a wrong name lists those that there are."),
    click.option("--of", metavar="NAME", help="Which input or layer is drawn, of several."),
)


def format_of(path: Path) -> Format:
    """Return what a file's ending asks for."""
    return FORMATS[path.suffix.lower()]


def draw(
    result: Explanation,
    given: Arrays,
    card: Card,
    item: int | None,
    view: str | None,
    of: str | None,
    path: Path,
) -> None:
    """Draw a result to a file."""
    from explainers.render import picture, usual_item

    chosen = usual_item(result, given, card, view) if item is None else item
    path.write_bytes(picture(result, given, chosen, card, of, view=view, format=format_of(path)))
