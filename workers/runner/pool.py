"""Warm runners, one per tenant and model, the least recently used of which makes room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from explainers.errors import ExplainError
from workers.settings import Settings

from .process import Limits, Purpose, Runner

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
        self._budget = settings.runners_memory // settings.slots
        self._runners: OrderedDict[Key, Runner] = OrderedDict()

    @contextmanager
    def runner(self, tenant: str, model: str, stop: Callable[[], bool] = lambda: False) -> Iterator[Runner]:
        """Lend the runner of a tenant's model, a warm one if there is one; `stop` is asked while another starts."""
        runner = self._runners.pop((tenant, model), None)
        if runner is not None and not runner.alive:
            runner.close()
            runner = None
        if runner is None:
            self._make_room()
            runner = Runner(self._limits, stop)
        try:
            yield runner
        finally:
            self._take_back((tenant, model), runner)

    def close(self) -> None:
        """End every runner."""
        while self._runners:
            self._runners.popitem()[1].close()

    def _take_back(self, key: Key, runner: Runner) -> None:
        # the runtime gives memory back to nobody: one that holds much after its work starts afresh next time
        if runner.alive and runner.resident() < self._limits.memory // 2:
            self._runners[key] = runner
        else:
            runner.close()
        self._make_room()

    def _make_room(self) -> None:
        while self._runners and sum(r.resident() for r in self._runners.values()) > self._budget:
            self._runners.popitem(last=False)[1].close()
