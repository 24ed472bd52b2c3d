"""The house numbers: a reader can hold a file and a function in mind."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


@pytest.fixture(scope="module")
def lengths(sources) -> dict[str, int]:
    return {
        f"{path}:{node.name}": lines(node)
        for path, tree in sources.items()
        for node in ast.walk(tree)
        # a migration is a list of tables, written by Alembic and never changed again
        if isinstance(node, FUNCTION) and "migrations" not in path.parts
    }


def test_files_are_short(files, root):
    sizes = {f.relative_to(root): len(f.read_text().splitlines()) for f in files if f.suffix == ".py"}
    assert {str(p): n for p, n in sizes.items() if n > limit(p)} == {}


def limit(path: Path) -> int:
    # tables of one-liners may be longer
    return 500 if path.parts[:2] == ("explainers", "ops") else 300


def test_the_median_file_is_short(sources, root):
    assert statistics.median(len((root / p).read_text().splitlines()) for p in sources) <= 120


def test_functions_are_short(lengths):
    assert {name: n for name, n in lengths.items() if n > 60} == {}
    assert statistics.median(lengths.values()) <= 8
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 30


def test_test_functions_are_short(root):
    trees = [ast.parse(f.read_text()) for f in sorted((root / "tests").rglob("test_*.py"))]
    tests = [n for t in trees for n in ast.walk(t) if isinstance(n, FUNCTION) and n.name.startswith("test_")]
    assert statistics.median(lines(n) for n in tests) <= 8
    assert [n.name for n in tests if lines(n) > 60] == []


def test_documentation_does_not_outweigh_code(sources, root):
    words = sum(lines(d) for t in sources.values() for n in ast.walk(t) if (d := docstring(n)))
    assert words <= 0.25 * sum(len((root / p).read_text().splitlines()) for p in sources)


def docstring(node: ast.AST) -> ast.Expr | None:
    first = node.body[0] if isinstance(node, (*FUNCTION, ast.ClassDef, ast.Module)) and node.body else None
    text = first.value if isinstance(first, ast.Expr) else None
    return first if isinstance(text, ast.Constant) and isinstance(text.value, str) else None


def test_modules_are_named_for_what_they_hold(sources):
    assert [str(p) for p in sources if VAGUE & {*p.parts, p.stem}] == []
