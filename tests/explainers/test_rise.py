"""RISE against its own masks one by one, against all masks there are, and in bounded memory."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import onnx.parser
import pytest

import explainers
from explainers.asking.masks import Drawn, Masks
from explainers.types import InputCard

IMAGE = InputCard(kind="image", layout="NCHW")


def masks_over(x, cells, keep=0.5):
    return Masks.over("input", x, IMAGE, cells, keep)


@pytest.mark.parametrize(("fill", "cells"), [(0.0, 4), (0.5, 4), ("mean", 4), ("mean", 28)])
def test_the_map_is_the_loop_over_its_own_masks(digits, digit_images, fill, cells):
    x, keep = digit_images[0], 0.4
    params = {"masks": 60, "cells": cells, "keep": keep, "fill": fill}
    found = explainers.explain(digits, x[None], "rise", params, target=3, seed=7)

    masks = masks_over(x, cells, keep)
    drawn = masks.draw(np.random.default_rng(7), 60)
    shown = x.mean() if fill == "mean" else fill
    total, scores = np.zeros(x.shape), []
    for i in range(len(drawn.counts)):
        m = masks.render(drawn, i, i + 1)[0]
        copy = (x * m + shown * (1 - m)).astype(np.float32)
        score = explainers.explain(
            digits, copy[None], "feature_ablation", {"budget": 1}, target=3
        ).account.score[0]
        total += drawn.counts[i] * score * m
        scores += [score] * drawn.counts[i]
    np.testing.assert_allclose(found.attributions["input"][0], total / (60 * keep), atol=1e-4)
    np.testing.assert_allclose(found.account.per_item["masked_score"], [np.mean(scores)], atol=1e-4)


def test_masks_show_each_value_as_often_as_asked():
    masks = masks_over(np.zeros((3, 20, 14), np.float32), 5, 0.3)
    drawn = masks.draw(np.random.default_rng(0), 20_000)
    shown = masks.render(drawn, 0, len(drawn.counts))

    assert shown.shape[1:] == (1, 20, 14)
    assert 0 <= shown.min() <= shown.max() <= 1 + 1e-6
    np.testing.assert_allclose(np.average(shown, 0, drawn.counts), 0.3, atol=0.02)
    # neighbours belong together
    assert np.abs(np.diff(shown[:50, 0], axis=1)).max() < 0.5


def test_of_few_values_all_masks_are_drawn_together():
    assert Masks((19,), (), 1, 0.5).at_once >= 1_000_000
    assert Masks((20,), (), 1, 0.5).at_once < 1_000_000


def every_mask(masks):
    cells = np.array(list(itertools.product([False, True], repeat=4))).reshape(-1, 2, 2)
    shifts = np.array(list(itertools.product(range(masks.steps[0]), range(masks.steps[1]))))
    i, j = np.divmod(np.arange(len(cells) * len(shifts)), len(shifts))
    return Drawn(cells[i], shifts[j], np.ones(len(i), int), np.zeros(len(i), int))


@pytest.fixture(scope="module")
def tiny():
    text = """<ir_version: 10, opset_import: ["" : 21]> tiny (float[N, 1, 4, 4] input) => (float[N, 1] output)
        <int64[2] space = {2, 3}> { bent = Sin(input)  all = ReduceSum <keepdims = 0> (bent, space)  output = Tanh(all) }"""
    return explainers.load(onnx.parser.parse_model(text), {"inputs": {"input": IMAGE.model_dump()}})


def test_standard_errors_are_true(tiny):
    x = np.random.default_rng(0).normal(size=(1, 4, 4)).astype(np.float32)
    masks = masks_over(x, 2)
    every = masks.render(every_mask(masks), 0, 64)
    truth = (np.tanh(np.sin(x * every).sum((1, 2, 3)))[:, None, None, None] * every).mean(0) / 0.5

    found = [
        explainers.explain(tiny, x[None], "rise", {"masks": 80, "cells": 2}, seed=s).arrays
        for s in range(100)
    ]
    share = np.array([(f["attribution.input"][0] - truth) / f["error.input"][0] for f in found])
    assert 0.90 <= (np.abs(share) <= 2).mean() <= 0.99
    assert 0.8 <= np.sqrt((share**2).mean()) <= 1.25


def test_tables_are_covered_value_by_value(two_inputs):
    a, b = np.random.default_rng(0).normal(size=(2, 1, 3)).astype(np.float32)
    found = explainers.explain(two_inputs, {"a": a, "b": b}, "rise", {"masks": 2000})

    # of an additive model the map is half of the whole, and half of the value's own part
    expected = a * b / 2 + (a * b).sum() / 2
    assert (np.abs(found.attributions["a"] - expected) <= 4 * found.arrays["error.a"] + 1e-6).all()
    # each input has masks of its own
    for name in "ab":
        level = found.account.per_item[f"masked_score.{name}"][0]
        assert abs(level - (a * b).sum() / 2) <= 4 * found.arrays[f"error.{name}"].max()
    # there are eight masks over three values
    assert found.account.model_evaluations == 1 + 2 * 8


MEMORY = """
import resource, numpy as np, onnx.parser, explainers
text = '''<ir_version: 10, opset_import: ["" : 21]> sums (float[N, 3, 224, 224] input) => (float[N, 1] output)
    <int64[3] space = {1, 2, 3}> { output = ReduceSum <keepdims = 0> (input, space) }'''
model = explainers.load(onnx.parser.parse_model(text))
x = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype("f4")
explainers.explain(model, x, "rise", {"masks": 16, "cells": CELLS})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
explainers.explain(model, x, "rise", {"masks": 1500, "cells": CELLS})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("cells", [8, 200])
def test_many_masks_over_a_large_picture_take_little_memory(pytestconfig, cells):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.replace("CELLS", str(cells))],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 300
