"""A desk of the web process: runners for one purpose, one for each tenant, several at once."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from explainers.types import Arrays

from .errors import TimeLimit
from .places import Places
from .runner.frames import Frame
from .runner.pool import limits
from .runner.process import Purpose, Runner, Watch
from .runner.shelf import Shelf
from .settings import Settings

TENANTS = 3
"""For how many tenants a runner is kept warm."""
TOO_LONG = {
    "scan": ("looking at the model", "send one with fewer nodes"),
    "bundle": ("putting the model and its data files together", "send smaller ones"),
    "dataset": ("reading the data set", "send it in parts"),
    "input": ("reading the file", "send fewer items"),
    "tokens": ("cutting the texts into tokens", "send fewer or shorter ones"),
    "graph": ("compiling the explanation graph", "take a smaller model or another method"),
    "picture": ("drawing the picture", "ask for that of one item"),
    "views": ("finding out what can be drawn", "take the .npz file of the job"),
}
"""What each order is called where it takes too long, and the way out."""
REMEMBERED_SECONDS = 600.0
REMEMBERED = 1000


@dataclass(frozen=True)
class Order:
    """What a runner is asked: fields, arrays, and descriptors of files that it reads and writes."""

    fields: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    sources: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    def digest(self) -> str:
        """Return a digest of the fields and of the files that are read; their offsets stay where they are."""
        found = hashlib.sha256(json.dumps(self.fields, sort_keys=True).encode())
        for source in self.sources:
            if size := os.fstat(source).st_size:
                with mmap.mmap(source, size, prot=mmap.PROT_READ) as view:
                    found.update(hashlib.sha256(view).digest())
        return found.hexdigest()


class Desk:
    """Runners for one purpose, kept warm for the tenants who asked last, replaced when they were killed."""

    def __init__(self, settings: Settings, purpose: Purpose) -> None:
        self._seconds = settings.scan_seconds
        self._limits = limits(settings, purpose)
        self._places = Places(settings.looks, settings.looks_waiting, settings.looks_wait_seconds)
        self._slow = _Slow()
        self._shelf: Shelf[str] = Shelf(
            settings.runner_idle_seconds, self._limits.memory // 2, lambda runners: len(runners) <= TENANTS
        )

    def close(self) -> None:
        """End the runners; one that is at work ends when it is given back."""
        self._shelf.close()

    def call(self, tenant: str, order: Order) -> Frame:
        """Give an order to a tenant's runner and wait for its result; Busy or QuotaExceeded where there is no place."""
        with self._places.place(tenant):
            self._slow.check(tenant, order)
            try:
                # one place for each tenant: nobody else asks for this one meanwhile
                with self._shelf.lent(tenant, lambda: Runner(self._limits)) as runner:
                    files = [*order.sources, *order.targets]
                    return runner.call(order.fields, order.arrays, files, watch=Watch(self._seconds))
            except TimeLimit as e:
                error = self._too_long(order)
                self._slow.note(tenant, order, error)
                raise error from e

    def _too_long(self, order: Order) -> TimeLimit:
        what, way_out = TOO_LONG[order.fields["op"]]
        return TimeLimit(
            f"{what} took more than {self._seconds:g} s, the service's limit; {way_out}, or ask the operator for a "
            "longer ONNXPLAIN_SCAN_SECONDS"
        )


class _Slow:
    """What took too long, so that a tenant's same bytes do not take as long again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], tuple[float, TimeLimit]] = OrderedDict()

    def check(self, tenant: str, order: Order) -> None:
        """Refuse what took a tenant too long a moment ago."""
        with self._lock:
            # a digest is the work of whoever has been too slow
            if not any(known == tenant for known, _ in self._known):
                return
        known = self._known.get((tenant, order.digest()))
        if known is not None and time.monotonic() < known[0]:
            raise TimeLimit(
                f"{known[1].detail} (the same was tried a moment ago, and is not tried again for "
                f"{REMEMBERED_SECONDS / 60:g} minutes)"
            )

    def note(self, tenant: str, order: Order, error: TimeLimit) -> None:
        """Remember for a while that this took too long; arrays are not looked into, orders with some not remembered."""
        if order.arrays:
            return
        key = tenant, order.digest()
        with self._lock:
            self._known[key] = time.monotonic() + REMEMBERED_SECONDS, error
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
