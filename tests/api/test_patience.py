"""Places for answers that wait: a fixed number, half of them for one tenant at most, given back whatever happens."""

from __future__ import annotations

import pytest

from api.patience import Patience
from workers.keys import LOCAL, Caller

ONE, OTHER = (Caller(tenant, "key", ()) for tenant in ("one", "other"))


def test_whoever_finds_no_place_does_not_queue():
    patience = Patience(2)
    assert [patience.take(LOCAL), patience.take(LOCAL), patience.take(LOCAL)] == [True, True, False]
    patience.give_back(LOCAL)
    assert patience.take(LOCAL)


def test_a_place_is_given_back_after_an_error():
    patience = Patience(1)
    with pytest.raises(ZeroDivisionError), patience.place(ONE):
        raise ZeroDivisionError
    with patience.place(ONE) as taken, patience.place(OTHER) as second:
        assert (taken, second) == (True, False)
    assert patience.take(OTHER)


def test_one_tenant_leaves_half_to_the_others():
    patience = Patience(4)
    assert [patience.take(ONE) for _ in range(3)] == [True, True, False]
    assert [patience.take(OTHER) for _ in range(3)] == [True, True, False]
    patience.give_back(ONE)
    assert patience.take(ONE)
