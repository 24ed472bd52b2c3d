"""Pages of lists: where the next one is (RFC 8288)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request


def next_page(cursor: str | None) -> str | None:
    """Return the address of the page after this one, keeping the filters of this request."""
    if cursor is None:
        return None
    kept = {k: v for k, v in request.args.items() if k != "cursor"}
    return f"{request.path}?{urlencode({**kept, 'cursor': cursor})}"


def link_header(address: str | None) -> dict[str, str]:
    """Return the Link header to the next page, if there is one."""
    return {} if address is None else {"Link": f'<{address}>; rel="next"'}
