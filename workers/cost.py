"""What a job will cost, estimated before it is accepted, and refused above a bound."""

from __future__ import annotations

from explainers.errors import ResourceLimit

from .settings import Settings


def check_cost(evaluations: int, per_evaluation: float, items: int, settings: Settings) -> None:
    """Refuse a job above the bounds on evaluations, on the time of one item and on that of all, with what it would cost."""
    item = evaluations * per_evaluation
    cost = {"evaluations_per_item": evaluations, "seconds_per_item": round(item, 3), "items": items,
            "seconds": round(item * items, 1)}  # fmt: skip
    for needed, limit, what in (
        (evaluations, settings.item_evaluations, "model evaluations per item"),
        (item, settings.run_seconds, "seconds per item"),
        (item * items, settings.job_hours * 3600, "seconds of work"),
    ):
        if needed > limit:
            raise ResourceLimit(
                f"about {needed:.4g} {what} are above the limit of {limit:.4g}; "
                "take fewer samples, larger windows or fewer items",
                pointer="/params", cost=cost,
            )  # fmt: skip
