"""What looks inside a model works behind the walls, with parameters that make it load all that it needs."""

from __future__ import annotations

import numpy as np
import pytest
from reference.small_models import small_inputs, small_model

from workers.runner.process import Limits, Runner, Watch

CASES = {
    "tsne": ("embedding_map", {"perplexity": 5}, "map"),
    "pca": ("embedding_map", {"method": "pca", "layer": "input"}, "map"),
    "top": ("top_activations", {"layer": "active", "project": "lrp"}, "projection.input"),
    "activations": ("activations", {"layer": "pooled"}, "activation.pooled"),
}


@pytest.fixture(scope="module")
def runner():
    runner = Runner(Limits(4 << 30))
    yield runner
    runner.close()


@pytest.mark.parametrize("case", CASES)
def test_it_needs_no_file(runner, tmp_path, case):
    path = tmp_path / "image.onnx"
    path.write_bytes(small_model("image").SerializeToString())
    method, params, wanted = CASES[case]
    order = {
        "op": "explain", "model": "m", "card": {}, "method": method, "params": params, "target": {}, "seed": 0,
        "provider": "cpu", "threads": 1,
    }  # fmt: skip
    with path.open("rb") as file:
        answer = runner.call(order, small_inputs("image", items=40), [file.fileno()], watch=Watch(60))

    assert np.isfinite(answer.arrays[wanted]).all()
