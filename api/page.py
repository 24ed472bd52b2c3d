"""The page at /: a shell whose modules ask the public API for everything that they show."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, make_response, render_template, send_from_directory, url_for
from werkzeug.exceptions import NotFound

from explainers import __version__

blueprint = APIBlueprint("page", __name__, enable_openapi=False)

WEB = Path(__file__).parent / "web"
DIGITS = Path(__file__).parents[1] / "examples" / "digits"
TO_TRY = ("digits.onnx", "digits.card.json", "heldout.npz")
# charts add their rules to a style element that is empty: the hash is that of no text at all
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_YEAR = 365 * 24 * 3600


@blueprint.get("/")
def index() -> Response:
    """Answer the shell; it tells nothing of anybody."""
    answer = make_response(
        render_template("index.html", version=__version__, modules=_modules(), charts=_charts())
    )
    answer.headers["Content-Security-Policy"] = CONTENT_SECURITY
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@cache
def _charts() -> str:
    # kept by browsers for a year, so that the address names the version
    return f"{url_for('page.plotly')}?v={version('plotly')}"


@cache
def _modules() -> list[str]:
    # named in the shell, so that the browser fetches all at once and not one import after another
    return sorted(f.relative_to(WEB).as_posix() for f in WEB.rglob("*.js"))


@blueprint.get("/plotly.min.js")
def plotly() -> Response:
    """Answer the charts' script from its Python package."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise NotFound
    folder = Path(found.origin).parent / "package_data"
    return send_from_directory(folder, "plotly.min.js", mimetype="text/javascript", max_age=_YEAR)


@blueprint.get("/try/<name>")
def example(name: str) -> Response:
    """Answer a file of the digit model that anyone may try."""
    if name not in TO_TRY:
        raise NotFound
    return send_from_directory(DIGITS, name)
