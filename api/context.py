"""What a route needs of its surroundings: the service and who is asking."""

from __future__ import annotations

from typing import cast

from flask import current_app, g

from workers.keys import Caller
from workers.service import Service

from .patience import Patience


def service() -> Service:
    """Return the service that this app was made for."""
    return cast(Service, current_app.extensions["service"])


def tenant() -> str:
    """Return the tenant of this request, whose key it showed; without keys everyone on loopback is the same one."""
    return caller().tenant


def caller() -> Caller:
    """Return who asks."""
    return cast(Caller, g.caller)


def patience() -> Patience:
    """Return the places for answers that are held open."""
    return cast(Patience, current_app.extensions["patience"])
