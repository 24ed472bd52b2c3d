"""Warm runners, one per tenant and model, the least recently used of which makes room."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, closing
from dataclasses import replace

from explainers.errors import ExplainError
from workers.machine import memory
from workers.settings import Settings

from .process import Limits, Purpose, Runner
from .shelf import Shelf

Key = tuple[str, str]


def limits(settings: Settings, purpose: Purpose = "explain") -> Limits:
    """Return the limits of a runner, after the settings; only those that explain have business on a GPU."""
    return Limits(
        settings.runner_memory, settings.cancel_seconds, max(settings.model_bytes, settings.input_bytes) * 2,
        settings.provider if purpose == "explain" else "cpu", purpose, settings.cage == "required",
    )  # fmt: skip


def open_walls(settings: Settings) -> list[str]:
    """Try the cage with a process that does nothing else, and return what it leaves open."""
    try:
        with closing(
            Runner(replace(limits(settings, "try"), provider=settings.provider, required=False))
        ) as runner:
            return list(runner.cage.open)
    except ExplainError as e:
        return [f"no runner starts: {e.detail}"]


class Pool:
    """The runners of one worker process."""

    def __init__(self, settings: Settings) -> None:
        self._limits = limits(settings)
        # every slot of the machine has a pool of its own, and they share the budget
        budget = (settings.runners_memory or memory() // 2) // settings.slots

        def fit(runners: Collection[Runner]) -> bool:
            return sum(r.resident() for r in runners) <= budget

        self._shelf: Shelf[Key] = Shelf(settings.runner_idle_seconds, self._limits.memory // 2, fit)

    def runner(
        self, tenant: str, model: str, stop: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[Runner]:
        """Lend the runner of a tenant's model, a warm one if there is one; `stop` is asked while another starts."""
        return self._shelf.lent((tenant, model), lambda: Runner(self._limits, stop))

    def close(self) -> None:
        """End every runner."""
        self._shelf.close()
