"""/v1/jobs/{id}/report.html: a finished job as one HTML file that opens without a network."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response, render_template

from explainers import registry, sentences
from explainers.errors import ExplainError
from explainers.labels import class_name
from explainers.types import Card
from workers.errors import QuotaExceeded, TimeLimit, Unavailable
from workers.finished import ItemRecord, ItemsRecord

from .context import service, tenant
from .requests import ReportQuery
from .results import ABSENT, require_result

blueprint = APIBlueprint("report", __name__, url_prefix="/v1/jobs/<id>")

MOST_OVERVIEWS = 4
_STYLE = (Path(__file__).parent / "web" / "report.css").read_text()
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True)
class Shown:
    """One item of a report."""

    item: int
    label: str
    picture: str
    figures: list[sentences.Figure]
    layers: list[sentences.Layer]
    failure: str


@blueprint.get("/report.html")
@blueprint.input(ReportQuery, location="query", arg_name="query")
@blueprint.output(FileSchema(type="string"), content_type="text/html", description="One HTML file.")
@blueprint.doc(operation_id="job_report", responses=ABSENT)
def report(id: str, query: ReportQuery) -> Any:
    """Answer the job as one HTML file without scripts and without links to anything outside it."""
    require_result(id)
    found = service().finished.items(tenant(), id, query.start, query.limit)
    manifest = service().finished.manifest(tenant(), id)
    views = service().finished.views(tenant(), id)
    text = render_template(
        "report.html", job=found.result.job, account=found.result.account, method=_method(found), style=_STYLE,
        style_hash=_STYLE_HASH, overviews=_overviews(found, views["all"]),
        items=[_shown(found, item, drawn=bool(views["item"])) for item in found.items],
        manifest=json.dumps(manifest, indent=1, ensure_ascii=False),
    )  # fmt: skip
    disposition = f'attachment; filename="{found.result.job.id}.html"'
    headers = {"Content-Disposition": disposition}
    return Response(text, content_type="text/html; charset=utf-8", headers=headers)


def _method(found: ItemsRecord) -> registry.Method | None:
    return registry.methods().get(found.result.job.method)


def _shown(found: ItemsRecord, record: ItemRecord, *, drawn: bool) -> Shown:
    account, item = found.result.account, record.item
    if record.failure is not None:
        return Shown(item, "", "", [], [], record.failure.detail)
    index = account["index"][item] if item < len(account["index"]) else None
    label = "" if index is None else class_name(account, index, Card.model_validate(found.card))
    return Shown(
        item,
        label,
        _picture(found, item) if drawn else "",
        sentences.figures(account, item, label),
        sentences.layers(account, item),
        "",
    )


def _picture(found: ItemsRecord, item: int) -> str:
    """Return an item's picture as a data URL, or nothing where there is none of this item."""
    try:
        png = service().finished.picture(tenant(), found.result.job.id, item)
    except (Unavailable, QuotaExceeded, TimeLimit):
        # it is there another time, and a report without it would not say so
        raise
    except ExplainError:
        return ""
    return _data_url(png)


def _overviews(found: ItemsRecord, views: list[str]) -> list[str]:
    """Return the pictures of all items together, as data URLs."""
    job, finished = found.result.job.id, service().finished
    return [_data_url(finished.picture(tenant(), job, None, view)) for view in views[:MOST_OVERVIEWS]]


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
