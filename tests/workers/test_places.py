"""Places: one of a tenant at a time, a bounded number in all, a short line of which half is left to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from workers.errors import Busy, QuotaExceeded
from workers.places import Places

LONG = 60.0


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def refused(places: Places, tenant: str) -> Exception:
    with pytest.raises((Busy, QuotaExceeded)) as caught, places.place(tenant):
        pass
    assert caught.value.extra["retry_after"] > 0
    return caught.value


class Line:
    """Threads that ask for a place, note that they had it, and give it back when they are told."""

    def __init__(self, places: Places, pool: ThreadPoolExecutor) -> None:
        self.places, self.pool = places, pool
        self.served: list[str] = []
        self.go = threading.Semaphore(0)

    def join(self, tenant: str, name: str) -> Future[None]:
        before = len(self.places._line)
        asked = self.pool.submit(self._ask, tenant, name)
        until(lambda: len(self.places._line) > before or asked.done() or name in self.served)
        return asked

    def _ask(self, tenant: str, name: str) -> None:
        with self.places.place(tenant):
            self.served.append(name)
            assert self.go.acquire(timeout=LONG)


@pytest.fixture
def line():
    """Two places, a line of four."""
    with ThreadPoolExecutor(8) as pool:
        yield Line(Places(2, 4, LONG), pool)


def test_one_of_a_tenant_is_served_at_a_time_and_others_pass_it(line):
    asked = [line.join("ada", "ada 1"), line.join("ada", "ada 2"), line.join("bob", "bob 1")]
    until(lambda: line.served == ["ada 1", "bob 1"])
    for _ in asked:
        line.go.release()
    for one in asked:
        one.result(LONG)
    assert line.served == ["ada 1", "bob 1", "ada 2"]


def test_who_came_first_is_served_first(line):
    asked = [line.join(t, t) for t in ("ada", "bob", "cyd", "dan", "eve")]
    until(lambda: len(line.served) == 2)
    for count in (3, 4, 5):
        line.go.release()
        until(lambda count=count: len(line.served) == count)
    line.go.release(2)
    for one in asked:
        one.result(LONG)
    assert line.served == ["ada", "bob", "cyd", "dan", "eve"]


def test_a_tenant_fills_half_the_line_and_is_told_that_it_is_its_own(line):
    asked = [line.join("ada", f"ada {i}") for i in range(3)]
    assert isinstance(refused(line.places, "ada"), QuotaExceeded)
    asked.append(line.join("bob", "bob"))
    until(lambda: "bob" in line.served)
    line.go.release(len(asked))
    for one in asked:
        one.result(LONG)


def test_a_full_line_takes_nobody_and_says_that_it_is_others(line):
    asked = [line.join(t, t) for t in ("ada", "bob", "cyd", "dan", "eve", "fay")]
    assert isinstance(refused(line.places, "gil"), Busy)
    line.go.release(len(asked))
    for one in asked:
        one.result(LONG)


def test_nobody_waits_longer_than_the_bound():
    places = Places(1, 4, 0.01)
    with places.place("ada"):
        assert isinstance(refused(places, "ada"), QuotaExceeded)
        assert isinstance(refused(places, "bob"), Busy)
    with places.place("bob"):
        pass


def test_without_a_line_a_free_place_is_taken_at_once():
    places = Places(1, 0, LONG)
    with places.place("ada"):
        assert isinstance(refused(places, "bob"), Busy)
    with places.place("bob"):
        pass


def test_a_place_is_given_back_after_an_error():
    places = Places(1, 0, 0.0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.place("ada"):
            raise ZeroDivisionError
