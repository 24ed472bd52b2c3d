"""The wheel is the engine alone."""

from __future__ import annotations

import zipfile

import pytest

from tools import wheel


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> list[str]:
    return zipfile.ZipFile(wheel.build(tmp_path_factory.mktemp("wheel"))).namelist()


def test_the_wheel_holds_only_the_engine(names):
    tops = {n.split("/")[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"explainers"}


def test_the_wheel_holds_every_module_of_the_engine(names, root):
    wanted = {str(p.relative_to(root)) for p in (root / "explainers").rglob("*.py")}
    assert wanted <= set(names)


def test_the_wheel_says_that_it_is_typed_and_carries_its_licence(names):
    assert "explainers/py.typed" in names
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)
