"""What a route needs of its surroundings: the service and who is asking."""

from __future__ import annotations

from typing import cast

from flask import current_app

from workers.service import Service

from .patience import Patience

LOCAL_TENANT = "local"


def service() -> Service:
    """Return the service that this app was made for."""
    return cast(Service, current_app.extensions["service"])


def tenant() -> str:
    """Return the tenant of this request; without keys everyone on loopback is the same one."""
    return LOCAL_TENANT


def patience() -> Patience:
    """Return the places for answers that are held open."""
    return cast(Patience, current_app.extensions["patience"])
