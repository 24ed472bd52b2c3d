"""/v1/jobs: submit, follow, list, cancel."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import RootModel

from explainers.errors import InvalidRequest
from workers import logs
from workers.records import JobRecord

from .context import caller, patience, service, tenant
from .job_answers import JobAnswer, JobList, ResultAnswer
from .paging import listed
from .preferences import idempotency_key, wanted_wait
from .requests import JobsQuery, job_request
from .submission import as_written, read

blueprint = APIBlueprint("jobs", __name__, url_prefix="/v1/jobs")

POLL_SECONDS = 1
_DONE = ("succeeded", "partially_succeeded")


@blueprint.post("")
@blueprint.input(job_request(), location="json", arg_name="body")
@blueprint.output(JobAnswer, 202, description="The job is in the ledger and will be run.")
@blueprint.doc(
    operation_id="submit_job",
    responses={
        200: "With `Prefer: wait=N`: the job ended in time, and this is its result.",
        400: "No JSON, or a malformed header.",
        413: "Too large.",
        415: "Neither JSON nor multipart.",
        503: "Try again later.",
    },
)
def submit(body: RootModel[Any]) -> Any:
    """Submit a job; the inputs are tensors, a data set, or files of a multipart request."""
    fields, key = body.root, idempotency_key()
    asked = read(service(), tenant(), fields)
    try:
        job, _ = service().submit(tenant(), asked, key)
    except InvalidRequest as e:
        raise as_written(e, fields) from e
    # the line of this answer joins the request with what workers write of the job
    logs.more(job=job.id)
    return _waited(job) or (JobAnswer.of(job), 202, _where(job))


def _where(job: JobRecord) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job.id}", "Retry-After": str(POLL_SECONDS)}


def _waited(job: JobRecord) -> Any:
    """Return the result if the client wants to wait for it and it comes in time."""
    seconds = wanted_wait()
    with patience().place(caller()) as may:
        if not seconds or not may:
            return None
        job = service().wait(tenant(), job.id, seconds)
    headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": f"wait={seconds:.0f}"}
    if not job.final:
        return JobAnswer.of(job), 202, {**headers, "Retry-After": str(POLL_SECONDS)}
    return _ended(job), 200, headers


def _ended(job: JobRecord) -> JobAnswer:
    if job.state not in _DONE:
        return JobAnswer.of(job)
    return ResultAnswer.of_result(service().result(tenant(), job.id))


@blueprint.get("")
@blueprint.input(JobsQuery, location="query", arg_name="query")
@blueprint.output(JobList)
@blueprint.doc(operation_id="list_jobs")
def index(query: JobsQuery) -> Any:
    """List the jobs, newest first."""
    return listed(JobList, "jobs", JobAnswer.of, service().jobs(tenant(), **query.model_dump()))


@blueprint.get("/<id>")
@blueprint.output(JobAnswer)
@blueprint.doc(operation_id="show_job")
def show(id: str) -> Any:
    """Show a job and how far it is."""
    job = service().job(tenant(), id)
    return JobAnswer.of(job), 200, {} if job.final else {"Retry-After": str(POLL_SECONDS)}


@blueprint.delete("/<id>")
@blueprint.output(JobAnswer, 202, description="The job is being cancelled and stops within seconds.")
@blueprint.doc(operation_id="cancel_job", responses={204: "The job had ended; its results are removed."})
def cancel(id: str) -> Any:
    """Cancel a job; of a finished one, remove the results."""
    job = service().cancel(tenant(), id)
    return Response(status=204) if job is None else JobAnswer.of(job)
