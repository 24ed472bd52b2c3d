"""/v1/models: upload a model, look at it, forget it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.datastructures import FileStorage

from explainers.errors import InvalidRequest
from explainers.types import Card

from .answers import ModelAnswer, ModelList, ModelSummary
from .context import service, tenant
from .incoming import FORM_BYTES, path_of, save_body
from .paging import listed
from .problems import Problem
from .requests import ModelQuery, PageQuery
from .strict_json import MalformedJson, loads

blueprint = APIBlueprint("models", __name__, url_prefix="/v1/models")


@blueprint.post("")
@blueprint.input(ModelQuery, location="query", arg_name="query")
@blueprint.output(ModelAnswer, 201, description="The model is new here.")
@blueprint.doc(
    operation_id="upload_model",
    responses={
        200: "These bytes were here before.",
        413: "Too large.",
        415: "Neither bytes nor multipart.",
        429: "Another upload of yours is still looked at.",
        503: "Try again later.",
    },
)
def upload(query: ModelQuery) -> Any:
    """Upload a model: its bytes, or multipart with data files and a card."""
    with ExitStack() as stack:
        if request.mimetype == "multipart/form-data":
            file, externals, card = _model_part(), _externals(), _card()
        elif request.mimetype == "application/octet-stream":
            file, externals, card = Path(stack.enter_context(save_body(request)).name), {}, None
        else:
            raise Problem(
                415, "send the model's bytes as application/octet-stream, or as multipart/form-data"
            )
        record, new = service().add_model(tenant(), file, externals, card, query.name)
    return ModelAnswer.of(record), 201 if new else 200, {"Location": f"/v1/models/{record.id}"}


def _model_part() -> Path:
    unknown = (request.files.keys() | request.form.keys()) - {"model", "external", "card"}
    if unknown:
        raise InvalidRequest(
            "a model's multipart has the parts model, external and card alone",
            pointer=f"/{min(unknown)[:100]}",
        )
    parts = request.files.getlist("model")
    if len(parts) != 1:
        raise InvalidRequest("a model's multipart needs exactly one file part `model`", pointer="/model")
    return path_of(parts[0])


def _externals() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for part in request.files.getlist("external"):
        name = part.filename or ""
        if not name or name in found:
            raise InvalidRequest(
                "every data file needs a name of its own, the one the model calls it by", pointer="/external"
            )
        found[name] = path_of(part)
    return found


def _card() -> dict[str, Any] | None:
    text = _card_text()
    if text is None:
        return None
    try:
        card = loads(text)
    except MalformedJson as e:
        raise InvalidRequest(f"the card is no JSON that can be read: {e}", pointer="/card") from e
    if not isinstance(card, dict):
        raise InvalidRequest(f"the card must be a JSON object, got {json.dumps(card)[:40]}", pointer="/card")
    return card


def _card_text() -> bytes | None:
    part: FileStorage | None = request.files.get("card")
    if part is not None:
        return part.stream.read(FORM_BYTES)
    text = request.form.get("card")
    return None if text is None else text.encode()


@blueprint.get("")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(ModelList)
@blueprint.doc(operation_id="list_models")
def index(query: PageQuery) -> Any:
    """List the models, newest first."""
    page = service().models(tenant(), query.limit, query.cursor)
    return listed(ModelList, "models", ModelSummary.of, page)


@blueprint.get("/<ref>")
@blueprint.output(ModelAnswer)
@blueprint.doc(operation_id="show_model")
def show(ref: str) -> Any:
    """Show a model by digest, name (its newest version) or name:version."""
    return ModelAnswer.of(service().model(tenant(), ref))


@blueprint.put("/<ref>/card")
@blueprint.input(Card, location="json", arg_name="card")
@blueprint.output(ModelAnswer)
@blueprint.doc(operation_id="set_card", responses={400: "No JSON.", 415: "Not JSON."})
def set_card(ref: str, card: Card) -> Any:
    """Say anew what the numbers of a model mean; jobs that were accepted before keep the card that they had."""
    return ModelAnswer.of(service().set_card(tenant(), ref, card))


@blueprint.delete("/<ref>")
@blueprint.output({}, 204, description="The model is forgotten.")
@blueprint.doc(operation_id="delete_model", responses={409: "A job of it has not ended."})
def delete(ref: str) -> Any:
    """Forget a model."""
    service().delete_model(tenant(), ref)
    return Response(status=204)
