"""Other models that a method's parameters name, such as a decoder: found at submission, opened for each chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from explainers import registry
from explainers.errors import InvalidRequest

from .errors import NotFound
from .ledger import models
from .records import Submission


def resolved(session: Session, tenant: str, asked: Submission) -> Submission:
    """Return a submission whose parameters name the tenant's models by their digests, or refuse one that it does not have."""
    found = {}
    for parameter, ref in _named(asked.method, asked.params).items():
        try:
            found[parameter] = models.find(session, tenant, ref).id
        except NotFound as e:
            raise InvalidRequest(e.detail, pointer=f"/params/{parameter}") from e
    return replace(asked, params={**asked.params, **found}) if found else asked


def digests(method: str, params: Mapping[str, Any]) -> list[str]:
    """Return the digests of the models that a stored job's parameters name."""
    return list(dict.fromkeys(_named(method, params).values()))


def _named(method: str, params: Mapping[str, Any]) -> dict[str, str]:
    kind = registry.methods().get(method)
    try:
        return kind.params.model_validate(params).models() if kind is not None else {}
    except ValidationError:
        # what is wrong with it is said where the whole request is checked
        return {}
