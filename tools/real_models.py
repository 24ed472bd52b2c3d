"""Say of each real model at hand what its gradient answers: the last part of docs/operators.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import explainers
from explainers.errors import ExplainError
from explainers.model import Model

HEAD = """## Models that other people trained

What `gradient` answered to the first sample of each, with the models of `ONNXPLAIN_CASES` at hand
(`python tools/operators.py --cases FOLDER` makes this part anew).

| model | kind | opset | gradient | explained tensor | batch |
|---|---|---|---|---|---|
"""
TARGETS = {"g2p_arpabet_openutau": "537"}
"""Inner tensors to explain where no output holds real numbers."""


def section(folder: Path) -> str:
    """Return the table."""
    manifest: dict[str, dict[str, Any]] = json.loads((folder / "manifest.json").read_text())
    return HEAD + "\n".join(_row(folder, name, case) for name, case in sorted(manifest.items())) + "\n"


def _row(folder: Path, name: str, case: dict[str, Any]) -> str:
    opset = ", ".join(f"{d} {v}" for d, v in case["opset"].items())
    return "| " + " | ".join([f"`{name}`", case["kind"], opset, *_answer(folder, name)]) + " |"


def _answer(folder: Path, name: str) -> Iterator[str]:
    model = explainers.load(folder / "models" / f"{name}.onnx")
    output = TARGETS.get(name)
    try:
        account = explainers.explain(
            model, _sample(folder, name, model), "gradient", target={"output": output}
        ).account
    except ExplainError as e:
        nodes = e.extra.get("nodes", [])
        reasons = sorted({f"{n['operator'].rpartition('::')[2]}: {n['reason']}" for n in nodes})
        yield from (f"no ({'; '.join(reasons) or e.detail})", "", "")
        return
    yield from ("yes", f"`{account.explained}`", model.describe().batch)


def _sample(folder: Path, name: str, model: Model) -> dict[str, Any]:
    with np.load(folder / "inputs" / f"{name}.npz") as npz:
        return {s.name: npz[f"s0/in/{s.name}"] for s in model.inputs}
