"""What was built is kept, the least used thrown out first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Shelf:
    """A bounded store of things that take long to build; safe for threads, each thing is built once."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._things: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, name: Hashable, build: Callable[[], T]) -> T:
        """Return what is kept under this name, built now if it is not there."""
        with self._lock:
            if name not in self._things:
                self._things[name] = build()
                while len(self._things) > self._places:
                    self._things.popitem(last=False)
            self._things.move_to_end(name)
            found: T = self._things[name]
            return found
