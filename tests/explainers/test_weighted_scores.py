"""Sums of masks by their cells against the masks themselves, one by one in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from explainers.asking.mask_parts import ByCells, Whole
from explainers.asking.masks import DRAWN_AT_ONCE, Masks
from explainers.asking.weighted_scores import WeightedScores

SHAPES = {
    "picture": ((1, 28, 28), (1, 2), 8),
    "channels last, cells of two widths": ((23, 17, 3), (0, 1), 5),
    "one cell along an axis": ((30, 1, 9), (0, 1, 2), 4),
    "series": ((64, 2), (0,), 7),
    "volume": ((9, 12, 11), (0, 1, 2), 3),
    "a cell for each value": ((6, 5), (0, 1), 16),
    "table": ((11,), (), 8),
}


def drawn_and_scored(masks, rng, number=300):
    drawn = masks.draw(rng, number)
    # as after a table's equal masks were counted
    drawn.counts[:] = rng.integers(1, 4, len(drawn.counts))
    return drawn, rng.normal(1, 2, len(drawn.counts))


def slowly(masks, rounds):
    every = []
    for drawn, scores in rounds:
        for i, (score, count) in enumerate(zip(scores, drawn.counts, strict=True)):
            every += [score * masks.render(drawn, i, i + 1)[0].astype(np.float64) / masks.keep] * count
    return np.mean(every, 0), np.std(every, 0, ddof=1) / np.sqrt(len(every))


@pytest.mark.parametrize("size", [1, 7, 300])
@pytest.mark.parametrize("name", SHAPES)
def test_the_sums_are_those_of_the_masks_one_by_one(name, size):
    shape, space, cells = SHAPES[name]
    masks, rng = Masks(shape, space, cells, 0.3), np.random.default_rng(3)
    # two rounds, as where a tolerance is asked for
    rounds = [drawn_and_scored(masks, rng) for _ in range(2)]

    sums = WeightedScores(masks)
    for drawn, scores in rounds:
        cuts = [(b, min(b + size, len(scores))) for b in range(0, len(scores), size)]
        for begin, end in cuts:
            sums.render(drawn, begin, end)
        sums.add(drawn, [(begin, scores[begin:end]) for begin, end in cuts])
    mean, error = slowly(masks, rounds)
    found = sums.estimate()
    assert found[0].shape == found[1].shape == masks.extent
    np.testing.assert_allclose(found[0], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], error, rtol=1e-4, atol=1e-5)
    every = [(s, c) for drawn, scores in rounds for s, c in zip(scores, drawn.counts, strict=True)]
    assert sums.count == sum(c for _, c in every)
    np.testing.assert_allclose(sums.level, sum(s * c for s, c in every) / sums.count, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "space", "cells", "by_cells"),
    [
        ((1, 28, 28), (1, 2), 8, True),
        ((3, 128, 128), (1, 2), 8, True),
        ((3, 1024, 1024), (1, 2), 8, False),
        ((1, 28, 28), (1, 2), 28, False),
        ((64,), (0,), 8, True),
        ((1_000,), (0,), 8, False),
        ((3, 300, 300), (1, 2), 1, False),
        ((250, 250), (0, 1), 1, False),
        ((12,), (), 8, False),
    ],
)
def test_cells_are_summed_where_they_are_few(shape, space, cells, by_cells):
    masks = Masks(shape, space, cells, 0.5)
    assert ByCells.fit(masks) == by_cells
    assert WeightedScores(masks).keeps != by_cells


def test_whole_masks_are_kept_until_their_scores_come_and_no_longer():
    masks = Masks((6, 5), (0, 1), 16, 0.5)
    drawn, _ = drawn_and_scored(masks, np.random.default_rng(0))
    parts = Whole(masks)
    m = parts.render(drawn, 4, 9).copy()
    _, numbers = parts.of(drawn, 4, 9)
    np.testing.assert_array_equal(numbers.T.reshape(m.shape), m)
    with pytest.raises(KeyError):
        parts.of(drawn, 4, 9)


@pytest.mark.parametrize("cells", [3, 8, 20])
def test_a_mask_is_its_cells_interpolated_and_shifted(cells):
    masks = Masks((2, 45, 33), (1, 2), cells, 0.5)
    drawn = masks.draw(np.random.default_rng(1), 12)
    for i, m in enumerate(masks.render(drawn, 0, 12)[:, 0]):
        grown = drawn.cells[i].astype(np.float64)
        for axis, length in enumerate(masks.shape[1:]):
            step = -(-length // cells)
            places = ((np.arange((cells + 1) * step) + 0.5) / ((cells + 1) * step) * cells) - 0.5
            grown = np.apply_along_axis(lambda c, at=places: np.interp(at, np.arange(cells), c), axis, grown)
            shift = drawn.shifts[i, axis]
            grown = np.take(grown, np.arange(shift, shift + length), axis)
        np.testing.assert_allclose(m, grown, atol=1e-6)


def test_masks_drawn_in_parts_are_those_drawn_at_one_go():
    masks, rng = Masks((3, 90, 90), (1, 2), 9, 0.4), np.random.default_rng(5)
    drawn = masks.draw(np.random.default_rng(5), 3000)
    assert drawn.cells.size > 3 * DRAWN_AT_ONCE
    np.testing.assert_array_equal(drawn.cells, rng.random((3000, 9, 9), np.float32) < 0.4)
    np.testing.assert_array_equal(drawn.shifts, rng.integers(0, [10, 10], (3000, 2)))
