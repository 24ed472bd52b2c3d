"""The web application: one function that puts the routes on a service."""

from __future__ import annotations

from apiflask import APIFlask

from explainers import __version__
from workers.service import Service
from workers.settings import Settings

from . import (
    auth,
    connections,
    datasets,
    estimates,
    events,
    headers,
    health,
    incoming,
    items,
    jobs,
    methods,
    metrics,
    models,
    openapi,
    origins,
    page,
    pictures,
    problems,
    rates,
    report,
    results,
    tracing,
)
from .patience import HELD, Patience
from .strict_json import StrictJson
from .tokens import Tokens

_BLUEPRINTS = (
    models, datasets, estimates, jobs, events, items, results, pictures, report, methods, health, metrics, page,
)  # fmt: skip
_ENVELOPE_BYTES = 1 << 20

_CONFIG = {
    "MAX_CONTENT_LENGTH": incoming.JSON_BYTES,
    "MAX_FORM_MEMORY_SIZE": incoming.FORM_BYTES,
    "MAX_FORM_PARTS": incoming.PARTS,
    "PROPAGATE_EXCEPTIONS": False,
    "TRAP_HTTP_EXCEPTIONS": False,
    "VALIDATION_ERROR_SCHEMA": openapi.PROBLEM,
    "HTTP_ERROR_SCHEMA": openapi.PROBLEM,
    "AUTO_SERVERS": False,
}


def create_app(service: Service, settings: Settings) -> APIFlask:
    """Return the app on an opened service."""
    app = APIFlask(
        __name__,
        title="onnxplain",
        version=__version__,
        docs_path=None,
        spec_path="/openapi.json",
        static_folder="web",
        static_url_path="/web",
        template_folder="web",
    )
    app.request_class = incoming.IncomingRequest
    app.json = StrictJson(app)
    app.url_map.strict_slashes = False
    # a redirect would be written from the client's own Host header
    app.url_map.merge_slashes = False
    app.config.update(_CONFIG)
    app.extensions |= {
        "service": service,
        "settings": settings,
        "patience": Patience(HELD),
        "incoming": incoming.folder(settings.data.absolute()),
    }
    headers.install(app)
    tracing.install(app)
    connections.install(app)
    auth.identify_callers(app, Tokens(settings) if settings.oidc_issuer else None)
    origins.install(app, settings.cors_origins)
    rates.install(app, settings)
    auth.require_keys(app)
    incoming.install(app, _limits(settings))
    problems.install(app)
    for part in _BLUEPRINTS:
        app.register_blueprint(part.blueprint)
    openapi.install(app, settings.oidc_issuer)
    return app


def _limits(settings: Settings) -> dict[str, int]:
    inputs = settings.input_bytes + _ENVELOPE_BYTES
    return {"models": settings.model_bytes + _ENVELOPE_BYTES, "datasets": inputs, "jobs": inputs}
