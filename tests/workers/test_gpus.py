"""The memory of GPUs, from the driver to the ledger's figures."""

from __future__ import annotations

from pathlib import Path

from api.metrics import LedgerFigures
from workers import gpus
from workers.ledger import workers
from workers.ledger.workers import Identity
from workers.service import Service

DRIVER = Path("/proc/driver/nvidia/version")
CARD = {"GPU-1": {"used": 3 << 30, "free": 77 << 30}}


def test_the_driver_is_asked_where_there_is_one():
    found = gpus.memory()
    assert bool(found) == DRIVER.exists()
    assert all(m.keys() == {"used", "free"} and min(m.values()) >= 0 for m in found.values())


def test_what_a_worker_told_last_is_what_the_service_shows_once(settings, ledger):
    for number, told in enumerate([None, CARD, CARD]):
        with ledger.write() as session:
            workers.beat(session, Identity(f"w{number}", "h", 1, "cuda", 1, {}), None, told)
    with ledger.write() as session:
        more = {"GPU-1": {"used": 4 << 30, "free": 76 << 30}}
        workers.beat(session, Identity("w1", "h", 1, "cuda", 1, {}), None, more)
    service = Service.open(settings)
    counts = service.counts()
    service.close()
    assert [w.gpus for w in counts.workers] == [{}, more, CARD]
    (family,) = [f for f in LedgerFigures(counts).collect() if f.name == "onnxplain_gpu_memory_bytes"]
    assert {s.labels["state"]: s.value for s in family.samples} == more["GPU-1"]
