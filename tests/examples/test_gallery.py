"""The gallery has a picture of every kind, small, and on its page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from reference.patience import PATIENCE

from explainers.render.painter import painters

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "images" / "pictures"
VIEWS = {name for name, p in painters().items() if not p.page}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pictures as the script draws them now."""
    folder = tmp_path_factory.mktemp("gallery")
    script = [sys.executable, ROOT / "examples" / "gallery.py", folder]
    done = subprocess.run(script, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_script_draws_every_kind(made):
    assert {p.stem for p in made.iterdir()} == VIEWS | {"inversion", "rise"}
    for path in made.iterdir():
        with Image.open(path) as image, Image.open(FOLDER / path.name) as kept:
            assert image.size == kept.size, path.name


def test_every_picture_is_small():
    assert {p.name: p.stat().st_size for p in FOLDER.iterdir() if p.stat().st_size > 100_000} == {}


def test_every_picture_is_on_the_page_and_every_view_has_its_words():
    page = (ROOT / "docs" / "pictures.md").read_text()
    assert set(re.findall(r"\(images/pictures/(\w+)\.png\)", page)) == {p.stem for p in FOLDER.iterdir()}
    assert set(re.findall(r"`(\w+)`", page)) >= VIEWS
