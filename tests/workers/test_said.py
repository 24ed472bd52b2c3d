"""What a runner that was taken over may say: nothing that a request could not, and nothing in the service's name."""

from __future__ import annotations

import pytest

from explainers.errors import RuntimeFailure
from workers.errors import LedgerUnavailable, ServiceFailed, Unavailable
from workers.runner import said
from workers.runner.frames import BrokenFrame, Frame

FAR = {"kind": "progress", "done": 1, "total": 2, "unit": "items"}


def test_progress_is_three_words():
    assert said.progress(Frame(FAR)) == (1, 2, "items")
    assert said.progress(Frame({"kind": "result"})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"done": "1"}, {"done": -1}, {"done": True}, {"total": 1.5}, {"total": 1 << 63}, {"total": None}, {"unit": 3},
        {"unit": "x" * 1000},
    ],
)  # fmt: skip
def test_what_is_no_progress_ends_the_runner(changes):
    with pytest.raises(BrokenFrame):
        said.progress(Frame(FAR | changes))


def test_a_result_and_a_refusal_are_answers():
    result = Frame({"kind": "result", "account": {}})
    assert said.answer(result) is result
    refused = RuntimeFailure("it does not run", pointer="/inputs", why=1)
    found = said.answer(Frame({"kind": "error", "error": refused.to_json()}))
    assert isinstance(found, RuntimeFailure)
    assert found.to_json() == refused.to_json()


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"kind": "else"}, {"kind": "error"}, {"kind": "error", "error": 3}, {"kind": "error", "error": {"code": "x"}},
        {"kind": "error", "error": {"detail": "x", "errors": 3}}, {"kind": "error", "error": {"detail": "x", "pointer": "y"}},
        *({"kind": "error", "error": kind("x").to_json()} for kind in (Unavailable, LedgerUnavailable, ServiceFailed)),
    ],
)  # fmt: skip
def test_what_is_no_answer_or_the_services_own_word_ends_the_runner(fields):
    with pytest.raises(BrokenFrame):
        said.answer(Frame(fields))
