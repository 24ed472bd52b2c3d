"""Where the service may listen: on loopback, and elsewhere only where it asks for keys."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable


class BindRefused(ValueError):
    """An address on which the service must not listen as it is set up."""


def check_host(host: str, keyed: Callable[[], bool]) -> None:
    """Refuse an address that other machines can reach, unless a key must be shown there."""
    if not is_loopback(host) and not keyed():
        raise BindRefused(
            f"{host} can be reached from other machines, and there are no API keys, so anyone there could use it. Make "
            "one first with `onnxplain keys create --tenant NAME`, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Say whether every address that the name stands for is on loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as e:
        raise BindRefused(
            f"--host {host[:100]!r} is no address and no name of this machine; use 127.0.0.1"
        ) from e
    return all(ipaddress.ip_address(str(at[0]).partition("%")[0]).is_loopback for *_, at in found)


def listen(host: str, port: int, keyed: Callable[[], bool] = lambda: False) -> socket.socket:
    """Open the listening socket; port 0 takes a free one."""
    check_host(host, keyed)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as e:
        raise BindRefused(
            f"cannot listen on {host}, port {port}: {e.strerror}; choose another with --port, or 0 for any"
        ) from e
