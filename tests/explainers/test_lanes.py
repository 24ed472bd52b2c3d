"""Copies made and run side by side, each lane with a session and its share of the threads."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import onnx.helper
import pytest

import explainers
from explainers.asking.blocks import Asker
from explainers.asking.lanes import LANE_WEIGHTS, MOST_LANES, shared_out, split, weights
from explainers.asking.sizes import WORTH_TIMING, candidates, fastest
from explainers.explainer import Place
from explainers.run import Run
from explainers.runtime import Session
from explainers.signature import read_request

CORES = len(os.sched_getaffinity(0))
several = pytest.mark.skipif(CORES < 2, reason="lanes need two cores")


@dataclass
class Watched(Run):
    """A run that knows how many of its threads ask at a time."""

    inside: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, feeds, lanes=1, session=None):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        try:
            return super().answers(feeds, lanes, session)
        finally:
            with self.lock:
                self.inside -= 1


def run_of(model, images, place=Place(), kind=Run):  # noqa: B008  a place does not change
    request = read_request({"method": "occlusion"})
    return kind(model, request, {"input": images}, len(images), place, lambda *_: None)


@several
def test_each_lane_has_its_share_of_the_threads():
    place = shared_out(Place(threads=CORES), WORTH_TIMING, 0)

    assert 2 <= place.lanes <= MOST_LANES
    assert CORES // 2 < place.lanes * place.threads <= CORES
    # more threads than cores are no more lanes
    assert shared_out(Place(threads=4 * CORES), WORTH_TIMING, 0) == place


@pytest.mark.parametrize(
    ("place", "planned", "heavy"),
    [
        (Place(threads=1), WORTH_TIMING, 0),
        (Place("cuda"), WORTH_TIMING, 0),
        (Place(), WORTH_TIMING - 1, 0),
        (Place(), WORTH_TIMING, LANE_WEIGHTS + 1),
    ],
)
def test_one_lane_at_the_place_itself_where_more_would_not_pay(place, planned, heavy):
    assert shared_out(place, planned, heavy) == place


@pytest.mark.parametrize("most", [2, 8])
@pytest.mark.parametrize("threads", range(1, 65))
def test_lanes_leave_few_threads_over(threads, most):
    count, each = split(threads, most)

    assert min(threads, 2) <= count <= most
    assert threads - count * each <= max(1, threads / 8)


@several
def test_all_lanes_together_hold_no_more_weights_than_allowed():
    fitting = LANE_WEIGHTS // 2
    assert shared_out(Place(threads=CORES), WORTH_TIMING, fitting).lanes == 2
    assert shared_out(Place(threads=CORES), WORTH_TIMING, fitting + 1).lanes == 1


def test_the_weights_of_trees_count_though_they_are_attributes(digits):
    heavy = onnx.helper.make_tensor("a", onnx.TensorProto.FLOAT, [1 << 18], bytes(1 << 20), raw=True)
    node = onnx.helper.make_node("Constant", [], ["unused"], value=heavy)
    model = onnx.ModelProto()
    model.CopyFrom(digits.proto)
    model.graph.node.append(node)

    assert weights(explainers.load(model)) - weights(digits) == pytest.approx(1 << 20, rel=1e-3)


@pytest.mark.parametrize("lanes", [1, 2])
def test_more_threads_than_lanes_may_run_a_session(digits, digit_images, lanes):
    session = Session(digits.proto, threads=1, lanes=lanes)
    (alone,) = session.run({"input": digit_images}).values()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: next(iter(session.run({"input": digit_images}).values())), range(40)))

    assert all((f == alone).all() for f in found)


@several
def test_lanes_run_in_sessions_of_their_own(digits, digit_images):
    session = Session(digits.proto, threads=1, lanes=2)
    inside = []
    both = threading.Barrier(2, timeout=10)

    class Watching:
        def __init__(self, inner):
            self.inner = inner

        def run(self, *args):
            both.wait()
            inside.append(self.inner)
            return self.inner.run(*args)

    session._free = deque(Watching(s) for s in session._free)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: session.run({"input": digit_images}), range(2)))

    assert len({id(s) for s in inside}) == 2


@several
def test_a_run_that_asks_often_builds_one_session(digits, digit_images):
    model = explainers.load(digits.proto)
    explainers.explain(model, digit_images, "rise", {"masks": 1000}, threads=2)
    assert model.builds == 1


@several
def test_rows_too_large_to_run_side_by_side_have_the_whole_place(digits, digit_images):
    run = run_of(digits, digit_images, Place(threads=2))
    run.room = 1  # as for items of half a gigabyte
    assert (Asker(run, WORTH_TIMING).lanes.count, run.place) == (1, Place(threads=2))


@several
@pytest.mark.parametrize(("planned", "most"), [(8, 1), (WORTH_TIMING, 2)])
def test_a_model_runs_as_often_at_a_time_as_there_are_lanes_and_each_row_is_counted(
    digits, digit_images, planned, most
):
    run = run_of(digits, digit_images[:1], Place(threads=2), Watched)
    asker = Asker(run, planned)
    shades = np.linspace(0, 1, 4 * asker.lanes.block, dtype=np.float32)[:, None, None, None]
    before = len(run.frozen[0])
    found = asker.scores(0, len(shades), lambda b, e: {"input": shades[b:e] * digit_images[0]})

    assert run.most == most
    assert run.evaluations - before == len(shades)
    few = shades[::100]
    alone = run.scores({"input": few * digit_images[:1]}, np.zeros(len(few), int))
    np.testing.assert_allclose(found[::100], alone, rtol=1e-5, atol=1e-5)


@several
@pytest.mark.parametrize("method", ["rise", "kernel_shap", "shapley_sampling", "lime", "occlusion"])
def test_lanes_change_no_result(digits, digit_images, method):
    params = {"rise": {"masks": 1000}, "lime": {"samples": 1000}, "occlusion": {"window": 2, "stride": 1}}
    one, two = (
        explainers.explain(digits, digit_images[:1], method, params.get(method), threads=n) for n in (1, 2)
    )
    again = explainers.explain(digits, digit_images[:1], method, params.get(method), threads=2)

    assert one.account.model_evaluations == two.account.model_evaluations
    np.testing.assert_allclose(two.attributions["input"], one.attributions["input"], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(again.attributions["input"], two.attributions["input"])


def test_the_smallest_size_that_is_nearly_fastest_is_taken():
    assert fastest([8, 16, 32, 64], lambda n: {8: 8.0, 16: 10.0, 32: 20.0, 64: 80.0}[n]) == 16
    assert candidates(256, 32, 100_000) == [8, 16, 32, 64, 128, 256]
    assert 2 * sum(candidates(256, 32, 2000)) <= 200
    assert candidates(5, 5, 100_000) == [5]


def test_a_size_is_timed_again_before_larger_ones_are_given_up():
    hiccup = iter([9.0])
    timed = []

    def seconds(size):
        timed.append(size)
        return size * (next(hiccup, 1.0) if size == 16 else {8: 2.0, 32: 0.5, 64: 1.0}[size])

    assert fastest([8, 16, 32, 64, 128], seconds) == 32
    assert timed == [8, 16, 16, 32, 64, 64]
