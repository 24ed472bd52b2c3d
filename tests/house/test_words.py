"""Words that have no place in the tree."""

from __future__ import annotations

import ast
import re

# written so that this file does not hold what it looks for
MACHINE = re.compile(
    "|".join(["/wor" + "k/", "/roo" + "t/", "/hom" + r"e/\w", "/Us" + r"ers/\w", r"/opt/py" + "pi"])
)
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + "ME|X" + r"XX|HA" + r"CK)\b")
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".yaml",
    ".lock",
    ".json",
    ".html",
    ".css",
    ".js",
    ".cfg",
    ".ini",
    ".mako",
    "",
}


def found(files, pattern) -> list[str]:
    texts = [f for f in files if f.suffix in TEXT or f.name.endswith("Dockerfile")]
    return [f"{f}: {m[0]}" for f in texts if (m := pattern.search(f.read_text(errors="replace")))]


def test_no_path_of_a_machine(files):
    assert found(files, MACHINE) == []


def test_nothing_is_left_for_later(files):
    assert found([f for f in files if f.name != "LICENSE"], UNFINISHED) == []


def test_no_stub_is_left(sources):
    stubs = [
        str(p) for p, t in sources.items() for n in ast.walk(t) if isinstance(n, ast.Raise) and _is_stub(n)
    ]
    assert stubs == []


def _is_stub(node: ast.Raise) -> bool:
    call = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(call, ast.Name) and call.id == "NotImplemented" + "Error"


def test_nothing_is_mocked(root):
    pattern = re.compile(r"\bunittest\.moc" + r"k\b|\bMagicMo" + r"ck\b|\bmonkeypatch\.seta" + "ttr")
    assert found(sorted((root / "tests").rglob("*.py")), pattern) == []
