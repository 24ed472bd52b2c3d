"""The documents are true: fresh, without dead links, and naming only targets that exist."""

from __future__ import annotations

import re

import pytest

from tools import docs


def test_generated_parts_are_fresh():
    assert docs.stale() == []


def test_a_stale_part_is_noticed():
    page = "<!-- generated: methods-table -->\nold\n<!-- end -->\n"
    assert docs.filled(page) != page
    assert docs.filled(docs.filled(page)) == docs.filled(page)


def test_every_method_is_in_the_readme(root):
    from explainers import registry

    text = (root / "README.md").read_text()
    assert [name for name in registry.methods() if f"| `{name}` |" not in text] == []


def test_every_link_leads_somewhere(files, root):
    links = [(f, t) for f in files if f.suffix == ".md" for t in re.findall(r"\]\(([^)#\s]+)", f.read_text())]
    local = [(f, t) for f, t in links if "://" not in t]
    assert [f"{f.relative_to(root)}: {t}" for f, t in local if not (f.parent / t).exists()] == []


def test_every_make_target_that_is_named_exists(files, root):
    targets = set(re.findall(r"^([\w-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    pages = [f for f in files if f.suffix in (".md", ".lock", ".py")]
    named = {m for f in pages for m in re.findall(r"(?:`|^)make ([a-z][\w-]*)", f.read_text(), re.MULTILINE)}
    assert named <= targets


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "serve"])
def test_every_target_makes_its_environment(target, root):
    rule = re.search(rf"^{target}:(.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    assert "$(READY)" in rule[1]
