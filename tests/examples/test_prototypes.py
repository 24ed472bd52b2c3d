"""The digits' decoder and density are what they are said to be, and the comparison is one command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.runtime import Session

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"


@pytest.fixture(scope="module")
def held():
    with np.load(DIGITS / "heldout.npz") as file:
        return file["input"]


@pytest.mark.parametrize("name", ["decoder", "density"])
def test_what_ships_is_small(name):
    assert (DIGITS / f"{name}.onnx").stat().st_size < 300_000


def test_the_density_knows_digits_from_shuffled_ones(held):
    density = Session((DIGITS / "density.onnx").read_bytes())
    shuffled = np.random.default_rng(0).permuted(held.reshape(len(held), 64), axis=1).reshape(held.shape)

    assert density.run({"x": held})["log_p"].min() > density.run({"x": shuffled})["log_p"].max()


def test_decoded_codes_are_likely_digits():
    codes = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
    images = Session((DIGITS / "decoder.onnx").read_bytes()).run({"code": codes})["image"]

    assert images.min() >= 0
    assert images.max() <= 1
    assert np.median(Session((DIGITS / "density.onnx").read_bytes()).run({"x": images})["log_p"]) > 40


def test_the_comparison_is_one_command_and_one_figure(tmp_path):
    picture = tmp_path / "prototypes.png"
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "prototypes.py", picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {
        way: (float(least), float(likely))
        for way, least, likely in re.findall(
            r"^ *(simple|expert|code, from \S+(?: \S+)?) +(\S+) +(\S+)", done.stdout, re.MULTILINE
        )
    }
    assert len(rows) == 4
    assert all(least > np.log(0.9) for least, _ in rows.values())
    assert all(likely > rows["simple"][1] + 50 for way, (_, likely) in rows.items() if way != "simple")
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 1000
