"""/v1/jobs/{id}/items/{i}.png, .html, and /picture.png: what a finished job shows, drawn in the service's runner."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from explainers.stylesheet import SOURCE

from .answers import Answer
from .context import service, tenant
from .results import ABSENT, require_result

blueprint = APIBlueprint("pictures", __name__, url_prefix="/v1/jobs/<id>")

# words are a stranger's: nothing runs, nothing is loaded, one stylesheet is taken, and only this service may frame it
WORDS_POLICY = f"default-src 'none'; style-src {SOURCE}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"


class PictureQuery(BaseModel):
    """Which of several pictures."""

    model_config = ConfigDict(extra="forbid")

    view: str | None = Field(
        None, max_length=64, description="Name of the picture, as GET /v1/jobs/{id}/pictures lists them."
    )
    of: str | None = Field(None, max_length=512, description="Name of the input or layer, of several.")


class WordsQuery(BaseModel):
    """Which of several texts."""

    model_config = ConfigDict(extra="forbid")

    of: str | None = Field(None, max_length=512, description="Name of the input, of several.")


class PicturesAnswer(Answer):
    """The pictures that a job has, the usual one first."""

    item: list[str] = Field(description="Of single items: views of /items/{i}.png.")
    all: list[str] = Field(description="Of all items together: views of /picture.png.")
    html: list[str] = Field(description="Not empty: items can be had as /items/{i}.html.")


@blueprint.get("/pictures")
@blueprint.output(PicturesAnswer)
@blueprint.doc(operation_id="list_pictures", responses=ABSENT)
def index(id: str) -> Any:
    """List the pictures that the job has."""
    require_result(id)
    return PicturesAnswer.model_validate(service().finished.views(tenant(), id))


@blueprint.get("/items/<int:item>.png")
@blueprint.input(PictureQuery, location="query", arg_name="query")
@blueprint.output(
    FileSchema(type="string", format="binary"), content_type="image/png", description="A picture."
)
@blueprint.doc(operation_id="job_picture", responses=ABSENT)
def of_item(id: str, item: int, query: PictureQuery) -> Any:
    """Answer the picture of one item: the input, and its attribution over it."""
    return _drawn(id, item, query)


@blueprint.get("/picture.png")
@blueprint.input(PictureQuery, location="query", arg_name="query")
@blueprint.output(
    FileSchema(type="string", format="binary"), content_type="image/png", description="A picture."
)
@blueprint.doc(operation_id="job_overview", responses=ABSENT)
def of_all(id: str, query: PictureQuery) -> Any:
    """Answer the picture of all items together: curves, importances, prototypes, maps."""
    return _drawn(id, None, query)


def _drawn(id: str, item: int | None, query: PictureQuery) -> Response:
    require_result(id)
    made = service().finished.picture(tenant(), id, item, query.view, query.of)
    return Response(made, content_type="image/png")


@blueprint.get("/items/<int:item>.html")
@blueprint.input(WordsQuery, location="query", arg_name="query")
@blueprint.output(
    FileSchema(type="string"), content_type="text/html", description="A page that needs nothing else."
)
@blueprint.doc(operation_id="job_words", responses=ABSENT)
def words(id: str, item: int, query: WordsQuery) -> Any:
    """Answer the words of one item in the colours of their attributions."""
    require_result(id)
    page = service().finished.picture(tenant(), id, item, of=query.of, format="html")
    answer = Response(page, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = WORDS_POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer
