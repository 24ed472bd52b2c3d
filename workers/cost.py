"""What a job will cost, estimated before it is accepted, and refused above a bound."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from explainers.errors import ResourceLimit

from .settings import Settings


@dataclass(frozen=True)
class Cost:
    """What a job would cost."""

    evaluations_per_item: int
    seconds_per_item: float
    items: int
    seconds: float


def check_cost(evaluations: int, per_evaluation: float, items: int, settings: Settings) -> Cost:
    """Refuse a job above the bounds on evaluations, on the time of one item and on that of all, with what it would cost."""
    item = evaluations * per_evaluation
    cost = Cost(evaluations, round(item, 3), items, round(item * items, 1))
    for needed, limit, what in (
        (evaluations, settings.item_evaluations, "model evaluations per item"),
        (item, settings.run_seconds, "seconds per item"),
        (item * items, settings.job_hours * 3600, "seconds of work"),
    ):
        if needed > limit:
            raise ResourceLimit(
                f"about {needed:.4g} {what} are above the limit of {limit:.4g}; "
                "take fewer samples, larger windows or fewer items",
                pointer="/params", cost=asdict(cost),
            )  # fmt: skip
    return cost
