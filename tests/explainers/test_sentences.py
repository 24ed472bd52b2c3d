"""Figures of the account in plain words."""

from __future__ import annotations

import numpy as np

import explainers
from explainers import sentences


def said(model: bytes, method: str, x: np.ndarray, **params) -> dict[str, str]:
    found = explainers.explain(explainers.load(model), {"input": x}, method=method, params=params)
    return {f.name: f.text for f in sentences.figures(found.account.model_dump(mode="json"), 0, "class 1")}


def test_a_method_that_completes_says_what_share_is_distributed(mlp_bytes):
    x = np.ones((1, 4), np.float32)
    text = said(mlp_bytes, "exact_shapley", x)["attribution_sum"]
    assert text == "100 % of the score's difference to the baseline is distributed over the inputs."


def test_where_the_score_is_that_of_the_baseline_there_is_nothing_to_distribute(mlp_bytes):
    x = np.zeros((1, 4), np.float32)
    text = said(mlp_bytes, "exact_shapley", x)["attribution_sum"]
    assert text == "The score's difference to the baseline is 0: there is nothing to distribute."


def test_what_lies_about_a_score_of_its_own_has_no_sum(mlp_bytes):
    told = said(mlp_bytes, "rise", np.ones((1, 4), np.float32), masks=16)
    assert "attribution_sum" not in told
    assert told["masked_score"].startswith("The mean score of the masked copies: a value above it speaks for")


def test_a_mask_that_was_found_says_what_it_leaves(mlp_bytes):
    told = said(mlp_bytes, "meaningful_perturbation", np.ones((1, 4), np.float32), steps=2)
    assert told["masked_score"] == "The score that is left under the mask that was found; lower is better."
    assert told["area"] == "Which share of the input the mask that was found covers."


def test_a_search_says_what_its_objective_is(mlp_bytes):
    text = said(mlp_bytes, "activation_maximization", np.zeros((1, 4), np.float32), steps=2)["objective"]
    assert text == "What the search was to make great, when it ended."
