"""The soak in small: `make soak` is the long one."""

from __future__ import annotations

from faults.soak import soaking


def test_under_random_faults_no_job_is_lost_doubled_or_wrong():
    with soaking("sqlite", workers=2, every=3.0, seed=1, longest=6.0) as soak:
        account = soak.run(150, 60)
    assert (account.lost, account.doubled, account.wrong) == (0, 0, 0), account
    assert account.states == {"succeeded": account.accepted}, account
