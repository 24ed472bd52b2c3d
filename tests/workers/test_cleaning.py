"""Stored files that nobody needs go from every machine that has copies, and what somebody needs stays."""

from __future__ import annotations

import os

import pytest

from workers.blobs import Blobs, open_blobs
from workers.cleaning import BATCH, clean, remove
from workers.keeper import Keeper
from workers.ledger import uses
from workers.service import Service
from workers.worker import identify


def stored(blobs: Blobs, count: int) -> list[str]:
    """Store blobs long ago."""
    digests = [blobs.put_bytes(str(i).encode()).digest for i in range(count)]
    for digest in digests:
        os.utime(blobs.path(digest), (1, 1))
    return digests


@pytest.fixture
def need(ledger):
    """Notes that somebody needs a blob."""

    def note(digest: str) -> None:
        with ledger.write() as session:
            uses.add(session, "t", "result", "j", digest)

    return note


def test_what_nobody_needs_goes_and_what_somebody_needs_stays(settings, ledger, need):
    blobs = open_blobs(settings.blobs, None)
    digests = stored(blobs, BATCH + 3)
    needed = {digests[0], digests[BATCH], digests[-1]}
    for digest in needed:
        need(digest)
    young = blobs.put_bytes(b"stored a moment ago").digest
    clean(ledger, blobs)
    assert {p.name for p in blobs.root.glob("sha256/??/*")} == needed | {young}
    assert remove(ledger, blobs, digests) == BATCH


def test_the_copies_of_every_machine_go(tmp_path, ledger, need):
    (tmp_path / "store").mkdir()
    machines = [open_blobs(tmp_path / name, f"file://{tmp_path / 'store'}") for name in ("one", "two")]
    kept, gone = stored(machines[0], 2)
    for digest in (kept, gone):
        os.utime(machines[1].path(digest), (1, 1))
    need(kept)
    for blobs in machines:
        clean(ledger, blobs)
        assert [p.name for p in blobs.root.glob("sha256/??/*")] == [kept]
    assert [p.name for p in tmp_path.glob("store/sha256/??/*")] == [kept]


def test_workers_and_web_processes_clean(settings):
    service = Service.open(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    keeper = Keeper(service.settings, identify(service.settings))
    keeper.start()
    assert service._cleaner.is_alive()
    assert keeper._cleaner.is_alive()
    keeper.leave()
    service.close()
    for cleaner in (service._cleaner, keeper._cleaner):
        cleaner.join(10)
        assert not cleaner.is_alive()
