"""Copies for many coalitions: made by one product as by choosing, equal ones asked once."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from explainers.asking.alone import ALONE
from explainers.asking.blocks import Asker
from explainers.asking.coalitions import Game
from explainers.asking.covers import Change, Copies, Shown
from explainers.asking.groups import Groups
from explainers.explainer import Place
from explainers.run import Run
from explainers.signature import read_request

IDS = np.array([[0, 1, 1], [2, 3, 0]])
"""Of three groups; 3 stands for what is in none, and always there."""
MASKS = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], bool)


@pytest.mark.parametrize("fill", [0.0, 0.7, -1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_hold_the_item_where_its_groups_are_and_the_fill_elsewhere(fill, dtype):
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(dtype)
    cover = Shown("x", x, np.full((1, 2, 3), fill, dtype))
    copies = Copies(Groups({"x": IDS}, {"x": 0}, 3), {"x": cover})
    expected = [
        [[x[i, j] if (g := IDS[i, j]) == 3 or m[g] else fill for j in range(3)] for i in range(2)]
        for m in MASKS
    ]

    assert (Change.of(cover, IDS, 3) is not None) == (dtype == np.float32)
    got = copies.show(MASKS, np.zeros(4, np.int64))["x"]
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.array(expected, dtype))


def test_a_matrix_that_would_be_large_or_hold_infinities_is_not_made():
    wide = np.zeros((1000, 1000), np.float32)
    ids = np.arange(wide.size).reshape(wide.shape)
    assert Change.of(Shown("x", wide, wide[None]), ids, wide.size) is None
    odd = np.array([[0, np.inf, 0], [0, 0, 0]], np.float32)
    assert Change.of(Shown("x", odd, np.zeros((1, 2, 3), np.float32)), IDS, 3) is None


@pytest.mark.parametrize("count", [9, 64])
def test_a_coalition_is_asked_once_however_many_groups_there_are(digits, digit_images, count):
    run = Run(
        digits, read_request({"method": "kernel_shap"}), {"input": digit_images}, 6, Place(), lambda *_: None
    )
    ids = np.arange(64).reshape(1, 8, 8) * count // 64
    cover = Shown("input", digit_images[0], np.zeros((1, 1, 8, 8), np.float32))
    # beyond 64 groups a name is more than one number: groups without a value make up the rest
    for groups in (count, count + 70):
        game = Game(
            Asker(run, 100), 0, Copies(Groups({"input": ids}, {"input": 0}, groups), {"input": cover})
        )
        masks = np.random.default_rng(1).random((12, groups)) < 0.5
        masks[-1] = masks[0] ^ (np.arange(groups) == groups - 1)
        before = run.evaluations
        first = game.values(masks[[0, 1, 2, 1, 0, 3]])
        again = game.values(np.concatenate([masks[::-1], np.ones((1, groups), bool)]))

        assert run.evaluations - before == len(masks)
        assert game.known == len(masks) + 1
        alone = [run.scores({"input": digit_images[:1] * m[ids]}, [0])[0] for m in masks]
        np.testing.assert_allclose(first, np.take(alone, [0, 1, 2, 1, 0, 3]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(again, [*alone[::-1], run.frozen[1][0]], rtol=1e-4, atol=1e-5)


def test_linear_algebra_gets_its_threads_back_when_the_last_one_leaves():
    def threads():
        return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

    before = threads()
    with ALONE:
        with ALONE:
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before
