"""Places for answers that wait: a fixed number, given back whatever happens."""

from __future__ import annotations

import pytest

from api.patience import Patience


def test_whoever_finds_no_place_does_not_queue():
    patience = Patience(2)
    assert [patience.take(), patience.take(), patience.take()] == [True, True, False]
    patience.give_back()
    assert patience.take()


def test_a_place_is_given_back_after_an_error():
    patience = Patience(1)
    with pytest.raises(ZeroDivisionError), patience.place():
        raise ZeroDivisionError
    with patience.place() as taken, patience.place() as second:
        assert (taken, second) == (True, False)
    assert patience.take()
