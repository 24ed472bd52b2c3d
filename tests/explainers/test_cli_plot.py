"""--plot: the format by the file's ending, and the picture by what the result holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from reference import texts

from explainers.cli import main

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, CARD, HELD = (str(DIGITS / n) for n in ("digits.onnx", "digits.card.json", "heldout.npz"))


def opened(path):
    with Image.open(path) as image:
        return image.format, *image.size


@pytest.fixture
def explain(tmp_path):
    """Return a function that explains digits and plots to a file of that name."""

    def run(name, *words, method="occlusion"):
        out, plot = tmp_path / "out.npz", tmp_path / name
        given = [
            "explain",
            MODEL,
            "--card",
            CARD,
            "--input",
            HELD,
            "--method",
            method,
            "--out",
            out,
            "--plot",
            plot,
        ]
        return CliRunner().invoke(main, [str(w) for w in (*given, *words)]), plot

    return run


def test_the_ending_says_the_format(explain):
    done, plot = explain("p.svg")
    assert done.exit_code == 0, done.output
    assert plot.read_text().startswith("<?xml")
    done, plot = explain("p.png", "--item", "3")
    assert opened(plot)[0] == "PNG"


def test_an_ending_that_says_nothing_is_refused_before_the_work(explain):
    done, plot = explain("p.pdf")
    assert (done.exit_code, plot.exists()) == (2, False)
    assert "ends in none of .png, .svg, .html" in done.output


def test_what_has_no_single_items_is_drawn_as_a_whole(explain):
    done, plot = explain(
        "p.png", "--param", "metric=score", "--param", "groups=grid", method="permutation_importance"
    )
    assert done.exit_code == 0, done.output
    assert opened(plot)[0] == "PNG"


def test_a_view_is_asked_for_by_name(explain):
    done, plot = explain("p.png", "--view", "items")
    assert done.exit_code == 0, done.output
    whole = opened(plot)
    done, plot = explain("q.png")
    assert whole[2] > opened(plot)[2]
    done, plot = explain("r.png", "--view", "pie")
    assert (done.exit_code, plot.exists()) == (2, False)
    assert "no view is called 'pie'; there are: " in done.output


def test_images_have_no_words(explain):
    done, plot = explain("p.html")
    assert (done.exit_code, plot.exists()) == (2, False)
    assert "HTML is for words" in done.output


def test_words_are_written_as_a_page(tmp_path):
    model = texts.bundle(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(texts.CARD))
    np.save(tmp_path / "x.npy", np.array(["a great film", "not a film"]))
    words = [
        "explain", model, "--card", tmp_path / "card.json", "--input", f"input_ids={tmp_path / 'x.npy'}", "--method",
        "feature_ablation", "--target", 1, "--out", tmp_path / "o.npz", "--plot", tmp_path / "p.html",
    ]  # fmt: skip
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    assert ">great</span>" in (tmp_path / "p.html").read_text()
