"""/v1/estimates: what a job would cost, and whether it would be accepted, before there are inputs."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from explainers.layout import Shapes
from explainers.types import ModelDescription
from workers.records import Submission

from .answers import Answer
from .context import service, tenant
from .requests import EstimateRequest

blueprint = APIBlueprint("estimates", __name__, url_prefix="/v1/estimates")


class EstimateAnswer(Answer):
    """What a job would cost."""

    evaluations_per_item: int = Field(description="Model evaluations.")
    seconds_per_item: float = Field(description="On one core, guessed from the model's size.")
    items: int
    seconds: float = Field(description="Of work, for all items.")


@blueprint.post("")
@blueprint.input(EstimateRequest, location="json", arg_name="body")
@blueprint.output(EstimateAnswer)
@blueprint.doc(operation_id="estimate_job", responses={400: "No JSON.", 415: "Not JSON."})
def estimate(body: EstimateRequest) -> Any:
    """Say what a job would cost; what the job itself would be refused for is refused here."""
    model = service().model(tenant(), body.model)
    asked = Submission(body.model, body.method, body.params, body.target_fields())
    shapes = Shapes(_shapes(model.description, body.shapes), model.card.inputs)
    return vars(service().estimate(tenant(), asked, shapes, body.items))


def _shapes(description: ModelDescription, given: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the shape of one item of each explained input; an axis of unknown length has one value."""
    explained = [s for s in description.inputs if s.name in description.explained_inputs]
    return {s.name: given.get(s.name) or _declared(s.shape, s.batch_axis) for s in explained}


def _declared(shape: list[int | str | None] | None, axis: int | None) -> list[int]:
    return [d if isinstance(d, int) else 1 for i, d in enumerate(shape or []) if i != axis]
