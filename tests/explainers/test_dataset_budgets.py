"""What permutation importance and partial dependence give for a budget: whole permutations, whole curves, and what remained."""

from __future__ import annotations

import numpy as np
import pytest
from reference.tables import exported, iris, network

import explainers
from explainers.errors import InvalidRequest
from explainers.registry import find


@pytest.fixture(scope="module")
def flowers():
    return explainers.load(exported(network()))


def test_a_budget_buys_whole_permutations_and_says_what_remained(flowers):
    x, y = iris()
    whole = explainers.explain(flowers, x, "permutation_importance", {"labels": y})
    for more, taken in (({"budget": 15}, 3), ({"seconds": 1e-9}, 1)):
        found = explainers.explain(flowers, x, "permutation_importance", {"labels": y, **more})
        np.testing.assert_array_equal(found.arrays["repeats.input"], whole.arrays["repeats.input"][:taken])
        assert found.account.facts["remaining"] == 10 - taken
        assert any("before all permutations" in w for w in found.account.warnings)
        assert found.account.model_evaluations == len(x) * (4 * taken + 2)


def test_a_budget_buys_whole_curves_and_says_what_remained(flowers):
    x, _ = iris()
    whole = explainers.explain(flowers, x, "partial_dependence", {"grid": 5}, target=0).arrays
    for more, taken in (({"budget": 14}, 2), ({"seconds": 1e-9}, 1)):
        found = explainers.explain(flowers, x, "partial_dependence", {"grid": 5, **more}, target=0)
        for name in ("ice.input", "grid.input", "curve.input"):
            full = whole[name][:, :taken] if name == "ice.input" else whole[name][:taken]
            np.testing.assert_array_equal(found.arrays[name], full)
        assert found.account.facts["features"] == {"input": list(range(taken))}
        assert found.account.facts["remaining"] == 4 - taken
        assert any("before all curves" in w for w in found.account.warnings)


@pytest.mark.parametrize(("method", "least"), [("permutation_importance", 4), ("partial_dependence", 20)])
def test_a_budget_counts_in_the_cost_and_one_that_buys_nothing_is_refused(flowers, method, least):
    params = {"metric": "score"} if method.startswith("perm") else {}
    kind = find(method)
    assert kind.evaluations(kind.params(budget=7, **params), {"input": (4,)}) == 8
    with pytest.raises(InvalidRequest, match="pays for no") as e:
        explainers.explain(flowers, iris()[0], method, {"budget": least - 1, **params})
    assert e.value.pointer == "/params/budget"
