"""The books of relevance close on every real model, those with tens of thousands of nodes among them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import explainers
from explainers.errors import OperatorsWithoutDerivative

CASES = Path(os.environ.get("ONNXPLAIN_CASES", "no cases"))
MODELS = json.loads((CASES / "manifest.json").read_text()) if (CASES / "manifest.json").exists() else {}
NAMES = sorted(p.stem for p in (CASES / "models").glob("*.onnx")) if MODELS else []


TREES = {"coffee_ts_dianna", "rf_sklearn_ankane"}
"""They have no derivative: everything else keeps books."""
INNER = {"g2p_arpabet_openutau": "537"}
"""The tensor that is explained where no output holds numbers with a derivative."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("composite", ["auto", "epsilon_alpha2_beta1"])
def test_the_ledger_closes_on_real_models(name, composite):
    model = explainers.load(CASES / "models" / f"{name}.onnx")
    samples = np.load(CASES / "inputs" / f"{name}.npz", allow_pickle=False)
    feeds = {s.name: samples[f"s0/in/{s.name}"] for s in model.inputs}
    params, target = {"composite": composite, "ledger": True}, {"output": INNER.get(name)}
    if name in TREES:
        with pytest.raises(OperatorsWithoutDerivative):
            explainers.explain(model, feeds, "lrp", params, target)
        return
    account = explainers.explain(model, feeds, "lrp", params, target).account
    assert len(account.ledger) > 1
    for entry in account.ledger:
        for gap, size in zip(entry.unexplained, entry.size, strict=True):
            assert abs(gap) <= 1e-5 * size + 1e-30, entry
