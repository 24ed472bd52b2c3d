"""Poisoned jobs among good ones on three workers, `python -m faults.poison --jobs 1000`: nothing of them may add up."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
from faults.plant import Plant, command_of
from faults.work import greedy_job

LIMIT = 1 << 30
"""Bytes that a runner may take: far less than the poison asks for, and so much that one that did well rests warm."""
TRIES = 2
PATIENCE = 60
"""Seconds a job: two runners each have to start, be killed and make room, on a machine that may be busy otherwise."""
# a runner that was not there before has its pipe, its process and what watches it
RUNNER_FILES = 8
GROWTH = 20 << 20


@dataclass(frozen=True)
class Held:
    """What the workers hold: processes that run models, and open files and bytes of those that do not."""

    runners: int
    files: int
    bytes: int


def poison(plant: Plant, greedy: str, first: int, each: int) -> list[str]:
    """Run poisoned jobs with as many good ones among them, hold each to its end, and return the poisoned."""
    jobs, poisoned = {}, []
    for i in range(first, first + each):
        poisoned.append(plant.submit(greedy_job(greedy, i)))
        jobs[plant.submit_small(i)] = i
    plant.good_job(10**6 + first, PATIENCE * each)
    for job in jobs:
        plant.wait(job, PATIENCE * each)
    plant.check_done(jobs)
    for job in poisoned:
        ended = plant.wait(job, PATIENCE * each)
        found = ended["state"], ended["dead_letter"], ended["error"]["code"]
        assert found == ("failed", True, "resource-limit"), found
    plant.check_once(poisoned)
    return poisoned


def holdings(plant: Plant) -> Held:
    """Return what the workers hold now."""
    family = [p for w in plant.workers for p in (psutil.Process(w.pid), *psutil.Process(w.pid).children())]
    lasting = [p for p in family if "workers.worker" in command_of(p)]
    runners = sum(len(plant.runners(i)) for i in range(len(plant.workers)))
    return Held(runners, sum(p.num_fds() for p in lasting), sum(p.memory_info().rss for p in lasting))


def check(plant: Plant, dead: int, held: list[Held]) -> None:
    """Hold the workers to what they were after the first round, alive, and the counter to every runner that was killed."""
    assert plant.figure("sandbox_kills_total", reason="resource-limit") >= TRIES * dead
    assert all(w.poll() is None for w in plant.workers)
    assert all(now.runners <= len(plant.workers) for now in held), held
    assert held[-1].files <= held[0].files + RUNNER_FILES * len(plant.workers), held
    assert held[-1].bytes <= held[0].bytes + GROWTH, held


@click.command()
@click.option(
    "--jobs", default=1000, show_default=True, help="How many poisoned jobs; as many good ones go with them."
)
@click.option("--each", default=10, show_default=True, help="How many at once.")
@click.option("--workers", default=3, show_default=True, help="Workers of one slot.")
def main(jobs: int, each: int, workers: int) -> None:
    """Print what the workers hold after each round; a job or a worker that is not what it must be ends it with its reason."""
    began, held = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="oxp-poison-", ignore_cleanup_errors=True) as folder:
        plant = Plant(Path(folder), workers=workers, runner_memory=LIMIT)
        try:
            greedy = plant.add_greedy()
            for first in range(0, jobs, each):
                poison(plant, greedy, first, min(each, jobs - first))
                held.append(holdings(plant))
                done = min(jobs, first + each)
                click.echo(f"{done:6} poisoned, {time.monotonic() - began:6.0f} s: {held[-1]}")
            check(plant, jobs, held)
        finally:
            plant.stop()


if __name__ == "__main__":
    main()
