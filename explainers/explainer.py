"""A compiled explanation in its session, and where sessions run."""

from __future__ import annotations

from dataclasses import dataclass

from .graph.explanation import Emission
from .runtime import Session
from .types import Arrays, Feeds


@dataclass(frozen=True)
class Place:
    """Where and how sessions run.

    Provider, threads of one run (0: all cores), whether idle threads spin between two nodes of a graph, and how many runs there
    are at a time.
    """

    provider: str = "cpu"
    threads: int = 0
    spinning: bool = True
    lanes: int = 1


@dataclass(frozen=True)
class Explainer:
    """A compiled explanation with its session."""

    emission: Emission
    session: Session

    def run(self, feeds: Feeds) -> Arrays:
        """Return the arrays, the model's outputs as `output.<name>` and the account's figures."""
        wanted = self.session.inputs
        named = {*self.emission.arrays, *self.emission.facts}
        found = self.session.run({n: a for n, a in feeds.items() if n in wanted})
        return {n if n in named else f"output.{n}": a for n, a in found.items()}
