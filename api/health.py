"""Whether the service lives, and whether it works."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from .answers import HealthAnswer, ReadyAnswer
from .context import service

blueprint = APIBlueprint("health", __name__)


@blueprint.get("/healthz")
@blueprint.output(HealthAnswer)
@blueprint.doc(operation_id="health")
def health() -> Any:
    """Say that the web process answers."""
    return HealthAnswer()


@blueprint.get("/readyz")
@blueprint.output(ReadyAnswer)
@blueprint.doc(operation_id="ready", responses={503: "Something is missing."})
def ready() -> Any:
    """Say whether ledger, broker and a consuming worker answer."""
    found = service().ready()
    return ReadyAnswer.of(found), 200 if found.ready else 503
