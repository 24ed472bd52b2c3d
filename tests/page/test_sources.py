"""The page's own files: small, one concern each, no markup made from text, no other host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "api" / "web"
MODULES = sorted(WEB.rglob("*.js"))
FORBIDDEN = re.compile(
    r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|document\.cookie"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(WEB).as_posix())
def test_a_module_is_small_and_says_what_it_is(module):
    text = module.read_text()
    assert text.startswith("// ")
    assert len(text.splitlines()) <= 130
    assert FORBIDDEN.search(text) is None
    assert max(map(len, text.splitlines())) <= 400


def test_no_other_host_is_named():
    hosts = {
        h for f in WEB.rglob("*") if f.is_file() for h in re.findall(r"https?://([\w.-]+)", f.read_text())
    }
    # a link that the reader may follow, and a name space that is no address
    assert hosts <= {"arxiv.org", "www.w3.org"}
