"""Whether everything that the service needs is here, each with the way out where it is not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from . import broker
from .ledger import workers
from .ledger.database import Database
from .ledger.schema import current, newest
from .runner.pool import open_walls
from .settings import Settings

LEAST_BYTES = 1 << 30


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is good, and what was seen."""

    name: str
    good: bool
    detail: str


def examine(settings: Settings) -> list[Check]:
    """Look at everything; one part that is broken hides no other."""
    return [_looked(name, look, settings) for name, look in CHECKS.items()]


def _looked(name: str, look: Callable[[Settings], tuple[bool, str]], settings: Settings) -> Check:
    try:
        return Check(name, *look(settings))
    except Exception as e:  # noqa: BLE001  whatever is broken is what was looked for
        return Check(name, False, f"{type(e).__name__}: {str(e).partition(chr(10))[0][:200]}")


def _python(_settings: Settings) -> tuple[bool, str]:
    return sys.version_info >= (3, 11), f"{sys.version.split()[0]}; 3.11 or newer is needed"


def _runtime(settings: Settings) -> tuple[bool, str]:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            return True, f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    extra = "gpu" if settings.provider == "cuda" else "cpu"
    return False, f"no ONNX Runtime: pip install -e '.[{extra}]'"


def _data(settings: Settings) -> tuple[bool, str]:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(settings.data).free
    good = os.access(settings.data, os.W_OK) and free > LEAST_BYTES
    return (
        good,
        f"{settings.data.absolute()}, {free / (1 << 30):.1f} GiB free; it must be writable, with 1 GiB free",
    )


def _ledger(settings: Settings) -> tuple[bool, str]:
    database = Database(settings.ledger_url, forks=True)
    try:
        with database.read() as session:
            found, wanted = current(session.connection()), newest()
            kind = session.get_bind().dialect.name
    finally:
        database.close()
    return found in (
        wanted,
        None,
    ), f"{kind}, schema {found or 'not made yet'}, newest {wanted}; workers bring it up"


def _broker(settings: Settings) -> tuple[bool, str]:
    if settings.redis_url is None:
        return True, "none is set; `onnxplain serve` starts one of its own"
    return broker.ping(settings.redis_url), "of ONNXPLAIN_REDIS_URL; it must answer a ping"


def _workers(settings: Settings) -> tuple[bool, str]:
    database = Database(settings.ledger_url, forks=True)
    try:
        with database.read() as session:
            made = current(session.connection()) is not None
            alive = workers.alive(session, settings.heartbeat_seconds) if made else []
    finally:
        database.close()
    slots = sum(w.slots for w in alive)
    return bool(alive), f"{len(alive)} say that they consume, {slots} slots; `onnxplain serve` starts one"


def _cage(settings: Settings) -> tuple[bool, str]:
    walls = open_walls(settings)
    return not walls, "; ".join(walls) or "models that run here can reach no file, network or other process"


CHECKS: dict[str, Callable[[Settings], tuple[bool, str]]] = {
    "python": _python,
    "runtime": _runtime,
    "cage": _cage,
    "data": _data,
    "ledger": _ledger,
    "broker": _broker,
    "workers": _workers,
}
