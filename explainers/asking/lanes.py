"""Lanes: copies of an item are made and run side by side, each lane with its share of the threads.

A batch on one thread each wastes less than one batch whose operators are cut among all threads, and while one lane makes copies
the others run theirs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .sizes import WORTH_TIMING, best_size

if TYPE_CHECKING:
    from ..explainer import Place
    from ..model import Model
    from ..run import Run

MOST_LANES = 8
"""Lanes beyond which the interpreter's lock would hold them up."""
LANE_WEIGHTS = 1 << 28
"""Weights of all lanes together, in bytes: each lane has a session of its own, which holds a copy."""
BLOCK_BYTES = 1 << 24
"""Perturbed copies of all lanes' blocks together, while they run."""
CACHED_BYTES = 1 << 21
"""Copies that are made at a time where they are small."""
USUAL_ROWS = 32


@dataclass(frozen=True)
class Lanes:
    """How copies are made and run: how many runs at a time, and rows of a batch and of a block."""

    count: int
    batch: int
    block: int

    @property
    def makers(self) -> int:
        """How many threads make copies: where the model runs once at a time, one makes them meanwhile."""
        return max(self.count, 2)

    @classmethod
    def of(cls, run: Run, planned: int) -> Lanes:
        """Return the lanes for so many evaluations of a run's model, with the batch of most evaluations per second."""
        row = sum(run.of_item(run.inputs[n], n, 0).nbytes for n in run.explained_inputs)
        fits = max(1, BLOCK_BYTES // max(row, 1))
        most = max(1, min(fits, run.batch) // run.place.lanes)
        usual = min(most, USUAL_ROWS)
        if not run.together:
            return cls(run.place.lanes, 1, min(max(1, fits // run.place.lanes), USUAL_ROWS))
        batch = best_size(run, most, usual, planned) if planned >= WORTH_TIMING else usual
        # small rows are made many at a time, and run in batches of the best size
        return cls(run.place.lanes, batch, batch * max(1, CACHED_BYTES // max(batch * row, 1)))


def spread(run: Run, planned: int) -> None:
    """Let a run ask in several lanes, each with its part of the threads, where it asks often enough.

    The run's own place changes before it has a session, so that there is one; what is too large to run side by side keeps it.
    """
    own, place = run.place, shared_out(run.place, planned, heavy=weights(run.model))
    if place.lanes > 1:
        run.place = place
        if run.room < place.lanes:
            run.place = own


def weights(model: Model) -> int:
    """Return the bytes of a model's weights, be they tensors, in files or not, or attributes as those of trees."""
    from ..graph.weights import size

    tensors = sum(size(t) for t in model.proto.graph.initializer)
    return tensors if tensors > LANE_WEIGHTS else max(tensors, model.proto.ByteSize())


def shared_out(place: Place, planned: int, heavy: int) -> Place:
    """Return where lanes run: one, at the place itself, where more would not pay."""
    cores = len(os.sched_getaffinity(0))
    threads = min(place.threads or cores, cores)
    count, each = split(threads, min(MOST_LANES, LANE_WEIGHTS // max(heavy, 1)))
    if place.provider != "cpu" or planned < WORTH_TIMING or count < 2:
        return place
    return replace(place, threads=each, spinning=place.spinning and each > 1, lanes=count)


def split(threads: int, most: int) -> tuple[int, int]:
    """Return how many lanes leave the fewest threads over, as many as can be of these, and the threads of each."""
    lanes = range(2, min(threads, most) + 1)
    count = max(lanes, key=lambda n: (threads // n * n, n), default=1)
    return count, threads // count
