"""What looks inside a model, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from reference.attending import SelfAttention

import explainers
from benchmarks.networks import to_onnx
from explainers.cli import main
from explainers.types import Explanation

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, HELD = str(DIGITS / "digits.onnx"), str(DIGITS / "heldout.npz")

CASES = {
    "top_activations": (
        ["layer=relu1", "top=2", "project=lrp"],
        {"layer": "relu1", "top": 2, "project": "lrp"},
    ),
    "activations": (['layer=["relu0", "pool1"]'], {"layer": ["relu0", "pool1"]}),
    "embedding_map": (["method=pca", "layer=input"], {"method": "pca", "layer": "input"}),
}


def explain(model, file, method, out, *words):
    words = ("explain", model, "--method", method, "--out", out, "--input", file, *words)
    return CliRunner().invoke(main, [str(w) for w in words])


@pytest.mark.parametrize("method", CASES)
def test_the_arrays_are_those_of_python(method, tmp_path):
    words, params = CASES[method]
    done = explain(MODEL, HELD, method, tmp_path / "x.npz", *(w for p in words for w in ("--param", p)))
    assert done.exit_code == 0, done.output

    wanted = explainers.explain(explainers.load(MODEL), np.load(HELD)["input"], method, params).arrays
    found = Explanation.load(tmp_path / "x.npz").arrays
    assert found.keys() == wanted.keys()
    for name, a in wanted.items():
        np.testing.assert_allclose(found[name], a, rtol=1e-5, atol=1e-6, err_msg=name)


def test_attention_and_its_rollout_are_written(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8)
    (tmp_path / "m.onnx").write_bytes(to_onnx(SelfAttention().eval(), x))
    np.save(tmp_path / "x.npy", x.numpy())
    done = explain(
        tmp_path / "m.onnx", tmp_path / "x.npy", "attention", tmp_path / "x.npz", "--param", "gradient=true"
    )
    assert done.exit_code == 0, done.output

    found = Explanation.load(tmp_path / "x.npz").arrays
    assert found["attention./Softmax_1"].shape == (2, 2, 4, 4)
    assert found["weighted_rollout"].shape == found["rollout"].shape == (2, 4, 4)


@pytest.mark.parametrize("method", ["top_activations", "activations", "embedding_map"])
def test_a_layer_that_does_not_exist_ends_with_those_that_do(method, tmp_path):
    done = explain(MODEL, HELD, method, tmp_path / "x.npz", "--param", "layer=relu9")

    assert done.exit_code == 2
    assert "near it: relu1, relu0; its layers with weights give: relu0, relu1, logits" in done.stderr
    assert "Traceback" not in done.stderr


def test_weights_need_no_input(tmp_path):
    words = ["explain", MODEL, "--method", "filters", "--param", "layer=conv1", "--out", tmp_path / "x.npz"]
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output

    assert list(Explanation.load(tmp_path / "x.npz").arrays) == ["filter.conv1"]
    assert "operator Conv, tensor conv1" in done.output
    assert "sum of attributions" not in done.output


def test_what_makes_no_attributions_tells_no_sum_of_them(tmp_path):
    done = explain(MODEL, HELD, "activations", tmp_path / "x.npz", "--param", "layer=conv1")
    assert done.exit_code == 0, done.output

    assert "score" in done.stdout
    assert "sum of attributions" not in done.stdout
    assert Explanation.load(tmp_path / "x.npz").account.attribution_sum == []


def test_what_explains_inputs_wants_them(tmp_path):
    words = ["explain", MODEL, "--method", "activations", "--out", str(tmp_path / "x.npz")]
    done = CliRunner().invoke(main, words)

    assert done.exit_code == 2
    assert "give --input" in done.stderr
