"""What is fuzzed, and for how long: a few seconds a target with every run of the tests, longer by `make fuzz`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from explainers.errors import ExplainError, RuntimeFailure
from workers.errors import Crashed, TimeLimit
from workers.scanner import Scanner
from workers.settings import Settings

SECONDS = float(os.environ.get("ONNXPLAIN_FUZZ_SECONDS", "8"))
FIRST_SEED = int(os.environ.get("ONNXPLAIN_FUZZ_SEED", "0"))
ROUND = 50
_ODD = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff" * 9 + b"\x01",
    b"\x00\x00\x00\x80",
    b"-1",
    b"1e999",
    b"PK",
]


@pytest.fixture(scope="session")
def fuzz() -> Callable[..., int]:
    """Return a function that shows made-up things to a target until its time is over, and returns how many."""

    def run(target: Callable[[Any], None], things: st.SearchStrategy[Any]) -> int:
        began, shown, number = time.monotonic(), 0, FIRST_SEED

        def show(thing: Any) -> None:
            nonlocal shown
            shown += 1
            target(thing)

        while time.monotonic() - began < SECONDS:
            some = settings(
                max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            seed(number)(some(given(things)(show)))()
            number += 1
        sys.stdout.write(
            f"{shown} shown in {time.monotonic() - began:.0f} s, seeds {FIRST_SEED} to {number - 1}\n"
        )
        return shown

    return run


@pytest.fixture(scope="session")
def broken() -> Callable[[list[bytes]], st.SearchStrategy[bytes]]:
    """Return a strategy that takes one of these and breaks it in a few places."""

    @st.composite
    def one(draw: st.DrawFn, good: list[bytes]) -> bytes:
        data = bytearray(draw(st.sampled_from(good)))
        for _ in range(draw(st.integers(1, 6))):
            at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
            kind = draw(st.sampled_from(["odd", "random", "remove", "repeat", "cut"]))
            if kind == "cut":
                del data[at + 1 + length * 50 :]
                continue
            piece = draw(st.sampled_from(_ODD)) if kind == "odd" else draw(st.binary(max_size=8))
            data[at : at + length] = {"remove": b"", "repeat": data[at : at + length] * 3}.get(kind, piece)
        return bytes(data)

    return one


@pytest.fixture(scope="session")
def scanner(tmp_path_factory) -> Iterator[Scanner]:
    """The real thing: a caged runner with the limits of a small service."""
    limits = {"model_bytes": 8 << 20, "input_bytes": 32 << 20, "runner_memory": 2 << 30, "scan_seconds": 20.0}
    scanner = Scanner(Settings(data=tmp_path_factory.mktemp("fuzz"), **limits))
    yield scanner
    scanner.close()


@pytest.fixture(scope="session")
def refusing() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that does something which may be refused in words, and may not crash, hang or fail unknown."""

    def attempt(deed: Callable[[], Any]) -> Any:
        try:
            return deed()
        except (Crashed, TimeLimit, RuntimeFailure):
            raise
        except ExplainError:
            return None

    return attempt
