from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper
from PIL import Image

import explainers
from explainers.cli import main
from explainers.cli.arguments import parameters
from explainers.types import Explanation

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, CARD, THREE, HELD = (
    str(DIGITS / n) for n in ("digits.onnx", "digits.card.json", "three.png", "heldout.npz")
)


def run(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


def explain(out, *words, model=MODEL, method="gradient"):
    return run("explain", model, "--method", method, "--out", out, *words)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.npz"


@pytest.fixture
def two_inputs(tmp_path):
    """A model of two inputs."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in ("a", "b=c", "y")]
    nodes = [
        helper.make_node("Round", ["b=c"], ["r"], "rounding"),
        helper.make_node("Add", ["a", "r"], ["y"], "sum"),
    ]
    graph = helper.make_graph(nodes, "two", values[:2], values[2:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "two.onnx")
    return tmp_path / "two.onnx"


def test_a_picture_is_explained_as_python_would(out):
    done = explain(out, "--card", CARD, "--input", THREE, "--target", "argmax")
    assert done.exit_code == 0, done.output
    with Image.open(THREE) as image:
        pixels = np.asarray(image, np.float32).reshape(1, 1, 8, 8) / 255
    wanted = explainers.explain(explainers.load(MODEL), {"input": pixels}, "gradient").attributions["input"]
    np.testing.assert_allclose(Explanation.load(out).attributions["input"], wanted, rtol=1e-5, atol=1e-7)
    assert "class 3" in done.stdout
    assert f"wrote {out}" in done.stdout


def test_the_plot_is_a_picture(out, tmp_path):
    done = explain(out, "--input", HELD, "--plot", tmp_path / "p.png", "--item", 5)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "left out label" in done.stderr
    assert "44 further items" in done.stdout


@pytest.mark.parametrize("ending", ["npy", "npz", "csv", "txt"])
def test_every_kind_of_file_gives_the_same_input(ending, out, tmp_path):
    items = np.load(HELD)["input"][:2]
    file = tmp_path / f"x.{ending}"
    {"npy": np.save, "npz": lambda f, a: np.savez(f, input=a)}.get(
        ending, lambda f, a: np.savetxt(f, a.reshape(2, 64), delimiter="," if ending == "csv" else " ")
    )(file, items)
    assert explain(out, "--input", file).exit_code == 0
    wanted = explainers.explain(explainers.load(MODEL), {"input": items}, "gradient")
    np.testing.assert_allclose(
        Explanation.load(out).attributions["input"], wanted.attributions["input"], rtol=1e-5
    )


def test_files_of_one_input_are_joined(out):
    done = explain(out, "--card", CARD, "--input", THREE, "--input", f"input={HELD}")
    assert done.exit_code == 0, done.output
    assert Explanation.load(out).attributions["input"].shape == (65, 1, 8, 8)


def test_parameters_and_target_reach_the_method(out):
    words = (
        "--param",
        "window=3",
        "--params",
        '{"stride": 2}',
        "--target",
        '{"contrast": [3, 5]}',
        "--seed",
        "7",
    )
    assert explain(out, "--card", CARD, "--input", THREE, *words, method="occlusion").exit_code == 0
    account = Explanation.load(out).account
    assert (account.params["window"], account.params["stride"], account.seed) == (3, 2, 7)
    assert account.target["contrast"] == [3, 5]


WRONG = [
    (["--method", "nope"], 2, "no method is called 'nope'; there are: activation_maximization"),
    (["--param", "atx=3"], 2, "gradient has no parameter 'atx'; did you mean 'at'?"),
    (["--param", "at"], 2, "'at' has no value; write it as NAME=VALUE"),
    (["--params", "[1]"], 2, "is no JSON object"),
    (["--params", "{,}"], 2, "is no JSON: "),
    (["--target", "x"], 2, "neither a class number, nor argmax, nor JSON"),
    (["--target", "99"], 2, "99 is no class of 'logits', which has 10 (0 to 9)"),
    (["--target", '{"inde": 1}'], 2, "--target inde: "),
    (["--input", "nofile.png"], 2, "there is no file 'nofile.png'"),
    (["--input", f"y={THREE}"], 2, "the model has no input 'y'; it has: input"),
    (["--input", CARD], 2, "of no kind that can be read; there are: npy"),
    (["--card", CARD, "--out", "no/folder/x.npz"], 2, "there is no folder 'no/folder'"),
    (["--card", MODEL], 2, "is no card: Invalid JSON"),
    (["--seed", "-1"], 2, "--seed"),
    ([], 2, "nobody said which numbers input 'input' takes"),
]


@pytest.mark.parametrize(("words", "status", "message"), WRONG)
def test_every_wrong_request_gets_one_message(words, status, message, out):
    done = explain(out, "--input", HELD if words else THREE, *words)
    assert message in done.stderr
    assert (done.exit_code, done.stdout) == (status, "")
    assert not out.exists()
    assert "Traceback" not in done.stderr


def test_a_card_of_another_model_is_refused(out, tmp_path):
    card = tmp_path / "card.json"
    card.write_text('{"inputs": {"nobody": {"kind": "image"}}}')
    done = explain(out, "--input", THREE, "--card", card)
    assert "--card inputs/nobody: the model has no input 'nobody'; it has: input" in done.stderr
    assert done.exit_code == 2
    assert not out.exists()


def test_a_picture_of_another_size_is_named_with_the_size_that_fits(out, tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "big.png")
    done = explain(out, "--card", CARD, "--input", tmp_path / "big.png")
    assert done.exit_code == 2
    assert "20 x 30 pixels, input 'input' takes 8 x 8" in done.stderr
    assert explain(out, "--card", CARD, "--input", tmp_path / "big.png", "--resize").exit_code == 0


def test_what_is_no_model_fails_with_the_reason(out):
    done = explain(out, "--input", HELD, model=CARD)
    assert done.exit_code == 1
    assert "no ONNX model" in done.stderr


def test_inputs_are_told_apart_by_name(two_inputs, out, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 2), np.float32))
    file = tmp_path / "x.npy"
    done = explain(
        out, "--input", f"a={file}", "--input", f"b=c={file}", model=two_inputs, method="occlusion"
    )
    assert done.exit_code == 0, done.output
    missing = explain(out, "--input", file, model=two_inputs)
    assert "the model has the inputs a, b=c; write NAME=x.npy" in missing.stderr


def test_compile_writes_a_model_that_explains(tmp_path):
    done = run("compile", MODEL, "--method", "gradient", "--out", tmp_path / "g.onnx")
    assert done.exit_code == 0, done.output
    graph = onnx.load(tmp_path / "g.onnx").graph
    assert [i.name for i in graph.input] == ["input", "target_weights"]
    assert "attribution.input" in [o.name for o in graph.output]


def test_a_method_without_a_graph_is_not_compiled(tmp_path):
    done = run("compile", MODEL, "--method", "occlusion", "--out", tmp_path / "g.onnx")
    assert done.exit_code == 2
    assert "occlusion" in done.stderr


@pytest.fixture
def trees(tmp_path):
    """A model that no derivative goes through."""
    attributes = {"n_targets": 1, "nodes_treeids": [0], "nodes_nodeids": [0], "nodes_featureids": [0],
                  "nodes_values": [0.0], "nodes_modes": ["LEAF"], "nodes_truenodeids": [0], "nodes_falsenodeids": [0],
                  "target_treeids": [0], "target_nodeids": [0], "target_ids": [0], "target_weights": [1.0]}  # fmt: skip
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], "forest", domain="ai.onnx.ml", **attributes
    )
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2]),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])]  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph([node], "trees", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "trees.onnx")
    return tmp_path / "trees.onnx"


def test_check_lists_every_node_in_the_way(trees):
    done = run("check", trees)
    assert done.exit_code == 0, done.output
    assert "forest" in done.stdout
    assert "TreeEnsembleRegressor" in done.stdout


def test_a_method_that_needs_a_derivative_fails_where_there_is_none(trees, out, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 2), np.float32))
    done = explain(out, "--input", tmp_path / "x.npy", model=trees)
    assert done.exit_code == 1
    assert "forest" in done.stderr
    assert "occlusion" in done.stderr
    assert explain(out, "--input", tmp_path / "x.npy", model=trees, method="occlusion").exit_code == 0


VALUES = [
    ("window=2", 2),
    ("window=[2,3]", [2, 3]),
    ('window={"input": 1}', {"input": 1}),
    ("channels=each", "each"),
]


@pytest.mark.parametrize(("pair", "value"), VALUES)
def test_a_parameter_is_read_as_its_schema_says(pair, value):
    assert parameters("occlusion", [pair], {}) == {pair.partition("=")[0]: value}


def test_a_word_that_looks_like_a_number_stays_a_word():
    assert parameters("gradient", ["at=12"], {}) == {"at": "12"}


def test_progress_goes_to_stderr_and_only_to_a_terminal(out):
    assert explain(out, "--card", CARD, "--input", THREE).stderr == ""


def test_names_with_markup_are_shown_as_they_are(out, tmp_path):
    card = json.loads(Path(CARD).read_text())
    card["outputs"]["logits"]["labels"] = ["[red]x[/red]"] * 10
    (tmp_path / "c.json").write_text(json.dumps(card))
    assert "class [red]x[/red]" in explain(out, "--card", tmp_path / "c.json", "--input", THREE).stdout


def test_no_server_is_one_message():
    done = run("status", "--server", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "no service answers at http://127.0.0.1:9" in done.stderr
    assert "onnxplain serve" in done.stderr


def test_submit_wants_inputs_or_a_data_set():
    done = run("submit", MODEL, "--method", "gradient", "--server", "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert "give one of --input, --dataset and --inputs-of" in done.stderr
