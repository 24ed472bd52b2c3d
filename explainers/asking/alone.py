"""One thread for linear algebra while a model is asked: a BLAS's own threads spin for long, on cores that the runtime has."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any


class Alone:
    """Holds linear algebra to one thread inside `with`; the last of several that overlap gives its threads back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    @cached_property
    def _libraries(self) -> Any:
        """The control over the libraries' threads; it opens files when it is first asked for."""
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = self._libraries.limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


ALONE = Alone()
