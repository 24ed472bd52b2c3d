"""/v1/jobs/{id}/items: what went in and what came out of a finished job, item by item, as numbers."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import request

from .context import service, tenant
from .item_answers import ItemsAnswer
from .paging import link_header
from .requests import ItemsQuery
from .results import ABSENT, require_result

blueprint = APIBlueprint("items", __name__, url_prefix="/v1/jobs/<id>")


@blueprint.get("/items")
@blueprint.input(ItemsQuery, location="query", arg_name="query")
@blueprint.output(ItemsAnswer)
@blueprint.doc(
    operation_id="job_items", responses={**ABSENT, 413: "Not one item fits in an answer; take the .npz file."}
)
def index(id: str, query: ItemsQuery) -> Any:
    """Answer items with their inputs, arrays and figures; as many as one answer may hold, and where the next are."""
    require_result(id)
    record = service().finished.items(tenant(), id, query.start, query.limit)
    address = None
    if record.following is not None:
        address = f"{request.path}?start={record.following}&limit={query.limit}"
    return ItemsAnswer.of(record, address), 200, link_header(address)
