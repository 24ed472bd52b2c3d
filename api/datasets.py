"""/v1/datasets: inputs that are uploaded once and explained many times."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from explainers.errors import InvalidRequest

from .answers import DatasetAnswer, DatasetList
from .context import service, tenant
from .incoming import path_of, save_body
from .paging import listed
from .problems import Problem
from .requests import PageQuery

blueprint = APIBlueprint("datasets", __name__, url_prefix="/v1/datasets")

MEDIA_TYPES = {
    "application/octet-stream": "",
    "application/x-npy": "data.npy",
    "application/x-npz": "data.npz",
    "application/zip": "data.zip",
    "text/csv": "data.csv",
    "application/vnd.apache.parquet": "data.parquet",
}
"""Media types of a bare body, each with the file name that says the same."""


@blueprint.post("")
@blueprint.output(DatasetAnswer, 201, description="The data set is new here.")
@blueprint.doc(
    operation_id="upload_dataset",
    responses={
        200: "These bytes were here before.",
        413: "Too large.",
        415: "Another media type.",
        422: "Unreadable.",
    },
)
def upload() -> Any:
    """Upload a data set: npy, npz, csv, parquet or a zip of images; as the body, or as the part `file`."""
    with ExitStack() as stack:
        if request.mimetype == "multipart/form-data":
            file, filename, kind = _file_part()
        elif request.mimetype in MEDIA_TYPES:
            file = Path(stack.enter_context(save_body(request)).name)
            filename, kind = MEDIA_TYPES[request.mimetype], request.mimetype
        else:
            raise Problem(
                415, f"send a data set as multipart/form-data, or as one of: {', '.join(MEDIA_TYPES)}"
            )
        record, new = service().add_dataset(tenant(), file, filename, kind)
    return DatasetAnswer.of(record), 201 if new else 200, {"Location": f"/v1/datasets/{record.id}"}


def _file_part() -> tuple[Path, str, str]:
    parts = request.files.getlist("file")
    if len(parts) != 1 or len(request.files) != 1:
        raise InvalidRequest(
            "a data set's multipart has exactly one file part, called `file`", pointer="/file"
        )
    return path_of(parts[0]), parts[0].filename or "", parts[0].mimetype


@blueprint.get("")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(DatasetList)
@blueprint.doc(operation_id="list_datasets")
def index(query: PageQuery) -> Any:
    """List the data sets, newest first."""
    page = service().datasets(tenant(), query.limit, query.cursor)
    return listed(DatasetList, "datasets", DatasetAnswer.of, page)


@blueprint.get("/<id>")
@blueprint.output(DatasetAnswer)
@blueprint.doc(operation_id="show_dataset")
def show(id: str) -> Any:
    """Show a data set."""
    return DatasetAnswer.of(service().dataset(tenant(), id))


@blueprint.delete("/<id>")
@blueprint.output({}, 204, description="The data set is forgotten.")
@blueprint.doc(
    operation_id="delete_dataset", responses={409: "Jobs keep its bytes, and the service counts bytes."}
)
def delete(id: str) -> Any:
    """Forget a data set; jobs made from it keep their inputs."""
    service().delete_dataset(tenant(), id)
    return Response(status=204)
