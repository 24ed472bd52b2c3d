"""What is declared, what is imported, what is locked and what is explained agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

GROUPS = {
    "explainers": ("engine", "cpu", "text"),
    "workers": ("engine", "workers", "traces"),
    "api": ("engine", "workers", "api"),
}


@pytest.fixture(scope="module")
def declared(root) -> dict[str, list[Requirement]]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    groups = {"engine": project["dependencies"], **project["optional-dependencies"]}
    return {g: [Requirement(r) for r in lines] for g, lines in groups.items() if g != "all"}


@pytest.fixture(scope="module")
def locked(root) -> dict[str, str]:
    lines = [
        line for line in (root / "requirements.lock").read_text().splitlines() if not line.startswith("#")
    ]
    return dict(line.split("==") for line in lines)


def test_every_dependency_has_its_reason(declared, root):
    explained = set(re.findall(r"^\| `([\w-]+)` \|", (root / "docs" / "design.md").read_text(), re.MULTILINE))
    assert explained == {r.name for group in declared.values() for r in group}


def test_the_lock_holds_versions_and_nothing_else(root):
    text = (root / "requirements.lock").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[0-9][a-z0-9.]*", line)] == []


def test_the_lock_holds_every_dependency_at_a_version_that_is_allowed(declared, locked):
    wanted = [r for group, rs in declared.items() for r in rs if group != "gpu"]
    assert [
        str(r) for r in wanted if not r.specifier.contains(locked.get(canonicalize_name(r.name), "0"))
    ] == []


def test_all_is_everything_but_the_other_runtime(root, declared):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    (everything,) = [Requirement(r) for r in project["optional-dependencies"]["all"]]
    assert everything.extras == declared.keys() - {"engine", "gpu"}


@pytest.mark.parametrize("package", GROUPS)
def test_every_import_is_declared_where_it_is_used(package, declared, sources):
    allowed = {canonicalize_name(r.name) for group in GROUPS[package] for r in declared[group]}
    trees = [t for p, t in sources.items() if p.parts[0] == package]
    assert {m: d for m, d in third_party(trees).items() if not d & allowed} == {}


def third_party(trees: list[ast.Module]) -> dict[str, set[str]]:
    nodes = [n for t in trees for n in ast.walk(t)]
    plain = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    sources = {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level}
    tops = {name.split(".")[0] for name in plain | sources} - sys.stdlib_module_names - GROUPS.keys()
    known = packages_distributions()
    return {m: {canonicalize_name(d) for d in known.get(m, [])} for m in tops}
