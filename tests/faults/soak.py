"""Many small jobs under random faults: `python -m faults.soak --jobs 10000`; none may be lost, none doubled, none wrong."""

from __future__ import annotations

import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil
from faults.plant import FINAL, Plant
from faults.proxy import deliver_again
from reference import postgresql
from sqlalchemy import func, select

from workers.tables import Chunk, Event, Job

HANDS = 4
MOST_OPEN = 200
SHORT = 2.0
LONG_SHARE = 0.25
"""How many outages last longer than the short ones."""
COUNTED = ("duplicate_deliveries_total", "publish_failures_total", "reconciled_total", "job_attempts_total")


@dataclass
class Account:
    """What became of the jobs."""

    accepted: int
    seconds: float
    lost: int
    doubled: int
    wrong: int
    states: dict[str, int]
    faults: dict[str, int]
    outages: list[int]
    """Seconds of those that were not short."""
    counters: dict[str, float] = field(default_factory=dict)


class Soak:
    """A plant that is troubled while it works."""

    def __init__(
        self, plant: Plant, every: float, cluster: postgresql.Cluster | None, seed: int, longest: float
    ) -> None:
        self._plant, self._every, self._cluster, self._longest = plant, every, cluster, longest
        self._random = random.Random(seed)
        self._over = threading.Event()
        self.happened: Counter[str] = Counter()
        self.outages: list[int] = []

    def run(self, jobs: int, seconds: float) -> Account:
        """Submit so many jobs, trouble the plant meanwhile, and account for every one."""
        began = time.monotonic()
        trouble = threading.Thread(target=self._trouble)
        trouble.start()
        try:
            seeds = self._submit(jobs, began + seconds)
        finally:
            self._over.set()
            trouble.join()
        self._plant.revive()
        with suppress(AssertionError):  # whatever is still open then is lost
            self._plant.until(lambda: not self._plant.jobs()["open"], 180)
        return self._account(seeds, time.monotonic() - began)

    def _submit(self, jobs: int, deadline: float) -> dict[str, int]:
        seeds: dict[str, int] = {}

        def submit(seed: int) -> None:
            while self._waiting() > MOST_OPEN and time.monotonic() < deadline:
                time.sleep(0.1)
            if time.monotonic() < deadline:
                seeds[self._plant.submit_small(seed, seconds=900)] = seed

        with ThreadPoolExecutor(HANDS) as hands:
            for _ in hands.map(submit, range(jobs)):
                pass
        return seeds

    def _waiting(self) -> int:
        try:
            return self._plant.jobs()["open"]
        except Exception:  # noqa: BLE001  the ledger is away: that is one of the faults
            return MOST_OPEN + 1

    def _trouble(self) -> None:
        faults = self._faults()
        while not self._over.wait(self._random.uniform(0.5, 1.5) * self._every):
            name = self._random.choice(sorted(faults))
            self.happened[name] += 1
            # whom it was meant for may just have died of the one before
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                faults[name]()
            self._plant.revive()

    def _faults(self) -> dict[str, Callable[[], object]]:
        plant = self._plant
        found: dict[str, Callable[[], object]] = {
            "a worker killed": lambda: self._worker().kill(),
            "a worker told to stop": lambda: self._worker().terminate(),
            "a worker's child killed": lambda: self._kill(plant.children),
            "runners killed": lambda: self._kill(plant.runners),
            "the web server killed": plant.kill_web,
            "the broker killed": self._kill_broker,
            "the broker emptied": self._empty_broker,
            "the broker frozen": self._freeze_broker,
            "the network cut": self._cut,
            "connections dropped": plant.proxy.drop,
            "calls delivered twice": lambda: deliver_again(plant.settings, plant.ledger),
        }
        return found | ({"the ledger stopped": self._stop_ledger} if self._cluster else {})

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._random.choice(self._plant.workers)

    def _kill(self, of: Callable[[int], list[psutil.Process]]) -> None:
        for process in of(self._random.randrange(len(self._plant.workers))):
            process.kill()

    def _kill_broker(self) -> None:
        assert self._plant.broker.process is not None
        self._plant.broker.process.kill()
        self._plant.broker.process.wait()

    def _empty_broker(self) -> None:
        self._kill_broker()
        for file in (self._plant.settings.data / "broker").rglob("*.aof*"):
            file.unlink()

    def _freeze_broker(self) -> None:
        assert self._plant.broker.process is not None
        self._plant.broker.process.send_signal(signal.SIGSTOP)
        self._away()
        self._plant.broker.process.send_signal(signal.SIGCONT)

    def _cut(self) -> None:
        self._plant.proxy.cut()
        self._away()
        self._plant.proxy.mend()

    def _away(self) -> None:
        """Let an outage last, now and then for long; no longer than there is work."""
        if self._random.random() >= LONG_SHARE or self._longest <= SHORT:
            time.sleep(SHORT)
            return
        began = time.monotonic()
        self._over.wait(self._random.uniform(SHORT, self._longest))
        self.outages.append(round(time.monotonic() - began))

    def _stop_ledger(self) -> None:
        assert self._cluster is not None
        self._cluster.stop()
        self._away()
        self._cluster.start()

    def _account(self, seeds: dict[str, int], seconds: float) -> Account:
        states, finals, overlaps = self._ledger()
        lost = sum(states.get(number) not in FINAL for number in seeds)
        doubled = len(states) - len(seeds) + sum(n > 1 for n in finals.values()) + overlaps
        wrong = sum(
            not self._right(number, seed)
            for number, seed in seeds.items()
            if states.get(number) == "succeeded"
        )
        figures = {name: self._plant.figure(name) for name in COUNTED}
        return Account(
            len(seeds), round(seconds), lost, doubled, wrong, dict(Counter(states.values())), dict(self.happened),
            self.outages, figures,
        )  # fmt: skip

    def _ledger(self) -> tuple[dict[str, str], dict[str, int], int]:
        """Return every job's state, how often each came to a last one, and how many have items in two chunks that count."""
        with self._plant.ledger.read() as session:
            states = {row.id: row.state for row in session.execute(select(Job.id, Job.state))}
            said = session.execute(select(Event.job, Event.data).where(Event.kind == "state"))
            finals = Counter(row.job for row in said if row.data["state"] in FINAL)
            covered = func.sum(Chunk.stop - Chunk.start)
            sums = (
                select(Job.items, covered).join(Chunk, Chunk.job == Job.id).where(Chunk.state == "succeeded")
            )
            overlaps = sum(row[1] > row[0] for row in session.execute(sums.group_by(Job.id, Job.items)))
        return states, finals, overlaps

    def _right(self, number: str, seed: int) -> bool:
        try:
            self._plant.check_small(number, seed)
        except AssertionError:
            return False
        return True


@contextmanager
def soaking(ledger: str, workers: int, every: float, seed: int, longest: float) -> Iterator[Soak]:
    """Build a plant in a folder of its own, on SQLite or a PostgreSQL that is stopped now and then."""
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="oxp-soak-", ignore_cleanup_errors=True)
        )
        cluster = None
        if ledger == "postgresql":
            programs = postgresql.programs()
            if programs is None:
                raise click.UsageError("PostgreSQL's server is not installed; --ledger sqlite needs none")
            cluster = stack.enter_context(postgresql.cluster(programs))
        # what is killed at random may be hit several times, and is no poison
        url = cluster.database() if cluster else None
        plant = Plant(Path(folder), workers=workers, database_url=url, max_attempts=10, split_attempts=5)
        stack.callback(plant.stop)
        yield Soak(plant, every, cluster, seed, longest)


@click.command()
@click.option("--jobs", default=10_000, show_default=True, help="How many jobs.")
@click.option("--seconds", default=7200.0, show_default=True, help="When no more are submitted.")
@click.option("--every", default=4.0, show_default=True, help="Seconds between two faults, on average.")
@click.option("--workers", default=2, show_default=True, help="Workers of one slot.")
@click.option("--ledger", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option(
    "--longest", default=40.0, show_default=True, help="Seconds of the longest outage; most take two."
)
@click.option("--seed", default=0, show_default=True, help="Of the faults.")
def main(
    jobs: int, seconds: float, every: float, workers: int, ledger: str, longest: float, seed: int
) -> None:
    """Print what became of the jobs; exit status 1 if one was lost, doubled or wrong."""
    with soaking(ledger, workers, every, seed, longest) as soak:
        account = soak.run(jobs, seconds)
    for name, value in vars(account).items():
        click.echo(f"{name:<10} {value}")
    raise SystemExit(bool(account.lost or account.doubled or account.wrong))


if __name__ == "__main__":
    main()
