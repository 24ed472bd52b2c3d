"""/v1/jobs/{id}/...: what a finished job left: the account, the arrays, pictures, the manifest."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import send_file

from .context import service, tenant
from .incoming import new_file
from .job_answers import ManifestAnswer, ResultAnswer
from .problems import Problem

blueprint = APIBlueprint("results", __name__, url_prefix="/v1/jobs/<id>")

ABSENT = {
    409: "The job has not ended (Retry-After says when to come again), or it has no result.",
    410: "The result is no longer kept.",
}


def require_result(id: str) -> None:
    """Refuse where there is no result and will be none; the service itself refuses where there is none yet."""
    job = service().job(tenant(), id)
    if job.state in ("failed", "cancelled") and not job.kept:
        why = (job.error or {}).get("detail", "it was cancelled")
        code, title = f"job-{job.state}", "The job has no result"
        raise Problem(409, f"the job has no result: {why}", code=code, title=title, error=job.error)


@blueprint.get("/result")
@blueprint.output(ResultAnswer)
@blueprint.doc(operation_id="job_result", responses=ABSENT)
def result(id: str) -> Any:
    """Answer the job with its account, and which arrays there are."""
    require_result(id)
    return ResultAnswer.of_result(service().result(tenant(), id))


@blueprint.get("/result.npz")
@blueprint.output(
    FileSchema(type="string", format="binary"),
    content_type="application/zip",
    description="A NumPy .npz file.",
)
@blueprint.doc(operation_id="job_arrays", responses=ABSENT)
def arrays(id: str) -> Any:
    """Answer the arrays: attribution.<input>, output.<name>, and meta, the account as JSON."""
    require_result(id)
    record = service().result(tenant(), id)
    answer = send_file(
        record.npz, "application/zip", as_attachment=True, download_name=f"{id}.npz", etag=record.digest
    )
    answer.headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(record.digest)).decode()}:"
    return answer


@blueprint.get("/manifest")
@blueprint.output(ManifestAnswer)
@blueprint.doc(operation_id="job_manifest", responses=ABSENT)
def manifest(id: str) -> Any:
    """Answer what is needed to run the job again and compare."""
    require_result(id)
    return ManifestAnswer.model_validate(service().finished.manifest(tenant(), id))


@blueprint.get("/explanation.onnx")
@blueprint.output(
    FileSchema(type="string", format="binary"),
    content_type="application/octet-stream",
    description="An ONNX model: the inputs and `target_weights` go in, outputs and attributions come out.",
)
@blueprint.doc(operation_id="job_graph", responses={410: "The model is no longer kept."})
def graph(id: str) -> Any:
    """Answer the explanation as an ONNX graph, where the method has one; the job need not have ended."""
    file = new_file()
    service().finished.graph(tenant(), id, file)
    file.seek(0)
    return send_file(
        file, "application/octet-stream", as_attachment=True, download_name=f"{id}.explanation.onnx"
    )
