"""The audit log: every deed with its actor, in one chain that shows what was changed, cut out, cut off or added."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, update

from workers.errors import AuditBroken
from workers.ledger import audit
from workers.ledger.audit import Actor, Head, acting
from workers.tables import AuditEntry


def write(ledger, count: int) -> None:
    for i in range(count):
        with ledger.write() as session:
            audit.write(session, "acme", "job.submit", f"job{i}", method="lrp", at=0.1 + i)


def verify(ledger, expected: Head | None = None) -> Head:
    with ledger.read() as session:
        return audit.verify(session, expected)


def change(ledger, statement) -> None:
    with ledger.write() as session:
        session.execute(statement)


def test_an_untouched_chain_is_whole(ledger):
    assert verify(ledger) == Head(0, audit.START)
    write(ledger, 5)
    head = verify(ledger)
    assert head.number == 5
    assert audit.noted(str(head)) == head
    write(ledger, 2)
    assert verify(ledger, head).number == 7


@pytest.mark.parametrize(
    "values",
    [{"tenant": "zeta"}, {"actor": "me"}, {"thing": "x"}, {"detail": {"method": "rise"}}, {"at": 1.0}, {"action": "x"},
     {"digest": "f" * 64}, {"previous": "f" * 64}, {"request": "r"}],
)  # fmt: skip
def test_a_changed_word_is_named(ledger, values):
    write(ledger, 4)
    change(ledger, update(AuditEntry).where(AuditEntry.number == 3).values(**values))
    with pytest.raises(AuditBroken, match="entry 3"):
        verify(ledger)


def test_what_was_cut_out_is_named_and_what_was_cut_off_shows_against_a_noted_head(ledger):
    write(ledger, 4)
    head = verify(ledger)
    change(ledger, delete(AuditEntry).where(AuditEntry.number == 4))
    assert verify(ledger).number == 3
    with pytest.raises(AuditBroken, match="ends at entry 3"):
        verify(ledger, head)
    change(ledger, delete(AuditEntry).where(AuditEntry.number == 2))
    with pytest.raises(AuditBroken, match="entry 2 is missing"):
        verify(ledger)


def test_a_chain_that_was_written_anew_shows_against_a_noted_head(ledger):
    write(ledger, 3)
    head = verify(ledger)
    change(ledger, delete(AuditEntry))
    write(ledger, 3)
    assert verify(ledger) != head
    with pytest.raises(AuditBroken, match="written anew"):
        verify(ledger, head)


def test_entries_written_at_the_same_instant_are_one_chain(ledger):
    gate = threading.Barrier(8)

    def go(number: int) -> None:
        gate.wait(10)
        with acting(Actor(f"key{number}", "r")):
            write(ledger, 5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(go, range(8)))
    assert verify(ledger).number == 40
    with ledger.read() as session:
        assert {e.actor for e in audit.entries(session)} == {f"key{i}" for i in range(8)}


def test_what_is_rolled_back_is_not_in_the_log(ledger):
    write(ledger, 1)
    with pytest.raises(ZeroDivisionError):
        broken(ledger)
    write(ledger, 1)
    assert verify(ledger).number == 2


def broken(ledger) -> float:
    with ledger.write() as session:
        audit.write(session, "acme", "job.submit", "lost")
        return 1 / 0
