"""Kernel SHAP's regression and draws against their formulas written out, coalition by coalition."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest

from explainers.asking.shapley import ROWS, Regression, draw_pairs, of_size, size_weights

GAMES = ["bent", "additive", "constant", "high", "even", "saturated"]
HIGH = 2.0**20
# groups, drawn pairs, sizes taken whole
CASES = [
    (2, 0, [1]),
    (2, 1, []),
    (2, 5, []),
    (3, 1, []),
    (4, 40, [1, 3]),
    (5, 0, [1, 2, 3, 4]),
    (7, 1, []),
    (7, 2, []),
    (9, 2, [1, 8]),
    (9, 70, [1, 8, 2, 7]),
    (16, 400, [1, 15]),
    (30, 20, []),
    (49, 2 * ROWS + 3, []),
    (200, 900, [1, 199]),
    (520, 2300, []),
]


def worth_of(game, members):
    """What coalitions are worth, in steps so coarse that adding HIGH loses nothing."""
    count = members.shape[1]
    rng = np.random.default_rng(count)
    w, other = rng.normal(size=(2, count))
    z, size = members.astype(float), members.sum(1)
    half = np.minimum(size, count - size) / count
    if game == "saturated":
        # one group counts, and otherwise in middle sizes than in outer ones: the drawn moments have a mean, and may not vary
        return np.where((size == 1) | (size == count - 1), 2.0, 1.0) * members[:, 0]
    plain = {"additive": z @ w, "constant": np.zeros(len(z)), "even": np.cos(9 * half)}
    found = plain.get(game, np.tanh(z @ w) + (z @ other) ** 2)
    return np.round(found * HIGH) / HIGH + (HIGH if game in ("high", "constant") else 0)


def drawn(count, pairs, whole):
    """Coalitions of the sizes that are not taken whole, with the part of the weight that they stand for."""
    loose = np.setdiff1d(np.arange(1, count), whole)
    if not pairs:
        return np.zeros((0, count), bool), 0.0
    weight = float(size_weights(count)[loose - 1].sum())
    return draw_pairs(np.random.default_rng(pairs), count, loose, pairs), weight


def regressed(game, count, pairs, whole):
    nothing, everything = worth_of(game, np.stack([np.zeros(count, bool), np.ones(count, bool)]))
    members, weight = drawn(count, pairs, whole)
    regression = Regression(count, float(nothing), float(everything), weight)
    for size in whole:
        regression.take(of_size(count, size), worth_of(game, of_size(count, size)))
    for part in np.split(members, [pairs // 3]) if pairs else []:
        regression.draw(part, worth_of(game, part), worth_of(game, ~part))
    return regression.values()


def written_out(game, count, pairs, whole):
    """Covert & Lee's A, b and solution under the constraint, a coalition at a time; then the sandwich, a pair at a time."""
    game = {"high": "bent"}.get(game, game)
    nothing = worth_of(game, np.zeros((1, count), bool))[0]

    def worth(z):
        return worth_of(game, z[None])[0] - nothing

    members, weight = drawn(count, pairs, whole)
    asked = [(z, size_weights(count)[s - 1] / math.comb(count, s)) for s in whole for z in of_size(count, s)]
    asked += [(z, weight / (2 * pairs)) for pair in members for z in (pair, ~pair)]
    rows = np.array([math.sqrt(w) * z for z, w in asked])
    sought = np.array([math.sqrt(w) * worth(z) for z, w in asked])
    root = np.linalg.pinv(rows, rcond=1e-10)
    inverse, one = root @ root.T, root @ root.T @ np.ones(count)
    free = root @ sought
    values = free + one * (worth(np.ones(count, bool)) - free.sum()) / one.sum()
    project = inverse - np.outer(one, one) / one.sum()
    if not pairs:
        return values, np.zeros(count)
    halves = [[z * (worth(z) - z @ values) for z in (pair, ~pair)] for pair in members]
    moved = np.array([project @ (a + b) * weight / 2 for a, b in halves])
    gram = sum(np.outer(z, z) for pair in members for z in (pair, ~pair)) * (weight / (2 * pairs))
    spare = max(pairs - 1 - np.trace(project @ gram), 1)
    return values, np.sqrt(((moved - moved.mean(0)) ** 2).sum(0) / spare / pairs)


@pytest.mark.parametrize(("count", "pairs", "whole"), CASES)
@pytest.mark.parametrize("game", GAMES)
def test_values_and_errors_are_the_formulas(game, count, pairs, whole):
    found, error = regressed(game, count, pairs, whole)
    values, errors = written_out(game, count, pairs, whole)
    scale = max(np.abs(values).max(), 1)

    np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(error, errors, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize(("count", "pairs", "whole"), CASES)
def test_a_constant_score_has_no_values_and_no_errors(count, pairs, whole):
    found, error = regressed("constant", count, pairs, whole)

    assert not found.any()
    assert not error.any()


def test_a_height_of_the_score_changes_nothing():
    low, high = (regressed(game, 49, 600, [1, 48]) for game in ("bent", "high"))

    np.testing.assert_array_equal(low, high)


def test_pairs_are_not_copied():
    members = draw_pairs(np.random.default_rng(0), 49, np.arange(1, 49), 40_000)
    regression = Regression(49, 0.0, 1.0, 1.0)
    regression.draw(members, *np.random.default_rng(1).normal(size=(2, len(members))))
    tracemalloc.start()
    regression.values()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 5 * ROWS * 49 * 8 < members.nbytes * 8 / 2


def test_the_groups_with_the_smallest_lots_are_drawn():
    sizes = np.array([2, 3, 9])
    found = draw_pairs(np.random.default_rng(5), 11, sizes, ROWS + 7)

    rng = np.random.default_rng(5)
    weight = size_weights(11)[sizes - 1]
    size = rng.choice(sizes, ROWS + 7, p=weight / weight.sum())
    for row, n in zip(found, size, strict=True):
        assert set(np.flatnonzero(row)) == set(rng.random(11).argsort()[:n])


def test_coalitions_of_a_size_are_drawn_alike():
    found = draw_pairs(np.random.default_rng(0), 5, np.array([2, 3]), 40_000)
    times = {z: 0 for s in (2, 3) for z in itertools.combinations(range(5), s)}
    for row in found:
        times[tuple(np.flatnonzero(row))] += 1

    expected = len(found) / len(times)
    # chi-squared of 19 degrees of freedom: beyond 43.8 once in a thousand
    assert sum((n - expected) ** 2 / expected for n in times.values()) < 43.8
