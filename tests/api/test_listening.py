"""Without keys the service listens on loopback and nowhere else; with keys where it is told to."""

from __future__ import annotations

import pytest

from api.listening import BindRefused, check_host, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_allowed(host):
    check_host(host, lambda: False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.5", "::ffff:10.0.0.1", ""])
def test_everything_else_is_refused_with_the_reason(host):
    with pytest.raises(BindRefused, match=r"API keys|no address"):
        check_host(host, lambda: False)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "127.0.0.1"])
def test_with_keys_every_address_is_allowed(host):
    check_host(host, lambda: True)


def test_port_zero_takes_a_free_one():
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1] > 0


def test_a_taken_port_is_named():
    with listen("127.0.0.1", 0) as taken, pytest.raises(BindRefused, match="choose another with --port"):
        listen("127.0.0.1", taken.getsockname()[1])
