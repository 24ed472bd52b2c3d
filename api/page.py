"""The page at /: what runs here, what it can do, and how to begin."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import render_template

from explainers import __version__, registry
from workers.records import Counts

from .context import caller, service

blueprint = APIBlueprint("page", __name__, enable_openapi=False)


@blueprint.get("/")
def index() -> str:
    """Show the state of the service, the catalogue of methods and where to go on."""
    # the figures are of all tenants: shown to whoever may do everything, because there are no keys
    found, counts = service().ready(), service().counts() if caller().scopes is None else None
    return render_template(
        "index.html",
        version=__version__,
        ready=found,
        counts=counts,
        slots=_slots(counts) if counts else 0,
        methods=[_entry(m) for m in registry.methods().values()],
    )


def _slots(counts: Counts) -> int:
    return sum(worker.slots for worker in counts.workers)


def _entry(kind: registry.Method) -> dict[str, Any]:
    schema = kind.params.model_json_schema()
    fields = [
        {"name": name, "default": field.get("default"), "text": field.get("description", "")}
        for name, field in schema.get("properties", {}).items()
    ]
    return {
        "name": kind.name,
        "summary": kind.summary,
        "paper": kind.paper,
        "family": kind.family,
        "params": fields,
    }
