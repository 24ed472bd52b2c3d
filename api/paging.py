"""Pages of lists: where the next one is (RFC 8288)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from workers.records import Page

from .answers import Answer

A = TypeVar("A", bound=Answer)
R = TypeVar("R")


def listed(
    kind: type[A], name: str, entry: Callable[[R], Any], page: Page[R]
) -> tuple[A, int, dict[str, str]]:
    """Return a page of a list as a route answers it: its entries, the address of the next page, the Link header."""
    address = next_page(page.cursor)
    return kind(**{name: [entry(r) for r in page.items], "next": address}), 200, link_header(address)


def next_page(cursor: str | None) -> str | None:
    """Return the address of the page after this one, keeping the filters of this request."""
    if cursor is None:
        return None
    kept = {k: v for k, v in request.args.items() if k != "cursor"}
    return f"{request.path}?{urlencode({**kept, 'cursor': cursor})}"


def link_header(address: str | None) -> dict[str, str]:
    """Return the Link header to the next page, if there is one."""
    return {} if address is None else {"Link": f'<{address}>; rel="next"'}
