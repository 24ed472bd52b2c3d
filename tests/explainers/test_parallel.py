"""Parts that several threads work on: cut, in order, few at a time, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref

import pytest

from explainers.errors import ResourceLimit
from explainers.parallel import cuts, in_order, tapered


@pytest.mark.parametrize("workers", [2, 3])
def test_results_come_in_order_and_few_are_under_way(workers):
    begun, taken, most = [], [], []

    def work(i):
        begun.append(i)
        most.append(len(begun) - len(taken))
        time.sleep(0.002 * (i % 3))
        return i

    for found in in_order(work, range(20), workers):
        time.sleep(0.003)
        taken.append(found)

    assert taken == list(range(20))
    assert 2 <= max(most) <= 2 * workers


def test_several_parts_are_worked_on_at_a_time_and_a_single_one_by_the_caller():
    together = threading.Barrier(2, timeout=10)
    assert list(in_order(lambda i: together.wait() * 0 + i, range(2), 2)) == [0, 1]
    assert list(in_order(lambda _: threading.get_ident(), [1], 2)) == [threading.get_ident()]
    assert set(in_order(lambda _: threading.get_ident(), range(5), 1)) == {threading.get_ident()}
    # the caller works too: a thread that only waits would be woken for each part
    met = threading.Barrier(2, timeout=10)
    who = set(in_order(lambda _: met.wait() * 0 + threading.get_ident(), range(6), 2))
    assert len(who) == 2
    assert threading.get_ident() in who
    assert list(in_order(str, [], 2)) == []


def test_what_the_work_raises_is_raised_and_its_threads_end():
    before = threading.active_count()

    def work(i):
        if i == 1:
            raise ResourceLimit("no memory for the second block")
        return i

    with pytest.raises(ResourceLimit, match="second block"):
        list(in_order(work, range(5), 2))
    stopped = in_order(work, [0] * 1000, 2)
    next(stopped)
    stopped.close()
    assert threading.active_count() == before


def test_an_interrupt_in_the_callers_part_is_raised_at_once():
    caller, begun = threading.get_ident(), []

    def work(i):
        begun.append(i)
        if threading.get_ident() == caller:
            raise KeyboardInterrupt
        time.sleep(0.2)

    with pytest.raises(KeyboardInterrupt):
        list(in_order(work, range(10), 2))
    assert len(begun) <= 3


def test_what_is_found_is_not_kept_once_it_is_taken():
    found, alive = [], []

    class Thing:
        pass

    for thing in in_order(lambda _: Thing(), range(50), 2):
        found.append(weakref.ref(thing))
        del thing
        alive.append(sum(ref() is not None for ref in found))
    assert max(alive) <= 2


UNFINISHED = """
import time
from explainers.parallel import in_order
parts = in_order(lambda i: time.sleep(0.01), range(1000), 3)
next(parts)
time.sleep(0.2)
"""


def test_a_process_ends_though_parts_are_left():
    subprocess.run([sys.executable, "-c", UNFINISHED], check=True, timeout=30)


@pytest.mark.parametrize("count", [0, 1, 7, 31, 64, 257, 8000])
@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_parts_cover_all_rows_and_are_as_many_for_each_lane(count, lanes):
    parts = cuts(count, 64, lanes)
    sizes = [e - b for b, e in parts]

    assert [r for b, e in parts for r in range(b, e)] == list(range(count))
    assert max(sizes, default=0) <= 64
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    if count >= lanes:
        assert len(parts) % lanes == 0


@pytest.mark.parametrize("count", [0, 1, 7, 31, 64, 257, 8000])
@pytest.mark.parametrize("lanes", [2, 8])
def test_tapered_parts_cover_all_rows_and_grow_smaller_towards_the_end(count, lanes):
    parts = tapered(count, 320, lanes, 32)
    sizes = [e - b for b, e in parts]

    assert [r for b, e in parts for r in range(b, e)] == list(range(count))
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes, default=0) <= 320
    assert all(size % 32 == 0 for size in sizes[:-1])
    # what one lane does last is little beside what there is to do
    assert not sizes or sizes[-1] <= 32
    assert len(parts) <= count / 320 + 10 * lanes


def test_one_lane_has_parts_of_one_size():
    assert tapered(500, 256, 1, 32) == cuts(500, 256, 1)
