from __future__ import annotations

import math

import numpy as np

from explainers.labels import label_of
from explainers.types import Account, Card, Explanation


def account(**figures):
    return Account(
        method="gradient",
        params={},
        target={},
        seed=0,
        provider="cpu",
        versions={},
        model="m",
        items=2,
        **figures,
    )


def test_an_explanation_survives_its_file_with_items_that_failed(tmp_path):
    figures = {"score": [1.5, math.nan], "index": [3, -1], "per_item": {"error": [math.nan, 0.5]}}
    arrays = {"attribution.x": np.array([[1.0], [math.nan]])}
    Explanation(arrays, account(**figures)).save(tmp_path / "e.npz")
    found = Explanation.load(tmp_path / "e.npz")
    np.testing.assert_array_equal(found.arrays["attribution.x"], arrays["attribution.x"])
    assert str(found.account) == str(account(**figures))


def test_an_item_that_failed_has_no_class():
    assert [label_of(account(score=[1.5, math.nan], index=[3, -1]), i, Card()) for i in range(2)] == [
        "class 3",
        "",
    ]
