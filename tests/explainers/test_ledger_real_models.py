"""The books of relevance close on every real model, those with tens of thousands of nodes among them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import explainers
from explainers.errors import ExplainError

CASES = Path(os.environ.get("ONNXPLAIN_CASES", "no cases"))
MODELS = json.loads((CASES / "manifest.json").read_text()) if (CASES / "manifest.json").exists() else {}
NAMES = sorted(p.stem for p in (CASES / "models").glob("*.onnx")) if MODELS else []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("composite", ["auto", "epsilon_alpha2_beta1"])
def test_the_ledger_closes_on_real_models(name, composite):
    model = explainers.load(CASES / "models" / f"{name}.onnx")
    samples = np.load(CASES / "inputs" / f"{name}.npz", allow_pickle=False)
    feeds = {s.name: samples[f"s0/in/{s.name}"] for s in model.inputs}
    try:
        account = explainers.explain(model, feeds, "lrp", {"composite": composite, "ledger": True}).account
    except ExplainError as e:
        assert e.detail  # noqa: PT017 - a refusal is an answer, if it says why
        return
    for entry in account.ledger:
        for gap, size in zip(entry.unexplained, entry.size, strict=True):
            assert abs(gap) <= 1e-5 * size + 1e-30, entry
