"""/v1/methods: the catalogue, from the registry alone."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from explainers import registry
from workers.errors import NotFound

from .answers import MethodAnswer, MethodList

blueprint = APIBlueprint("methods", __name__, url_prefix="/v1/methods")


@blueprint.get("")
@blueprint.output(MethodList)
@blueprint.doc(operation_id="list_methods")
def index() -> Any:
    """List the methods, each with its paper and the JSON Schema of its parameters."""
    return {"methods": {name: m.describe() for name, m in registry.methods().items()}}


@blueprint.get("/<name>")
@blueprint.output(MethodAnswer)
@blueprint.doc(operation_id="show_method")
def show(name: str) -> Any:
    """Show one method."""
    known = registry.methods()
    if name not in known:
        raise NotFound(f"no method is called {name[:80]!r}; there are: {', '.join(known)}")
    return known[name].describe()
