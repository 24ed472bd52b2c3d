"""Kinds of data at the command line: lines of text, tables with a column for each input, arrays for parameters."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from reference import pipelines, texts
from reference.games import linear_model

from explainers.cli.group import main
from explainers.words import token_texts


def explain(folder, *words):
    done = CliRunner().invoke(main, ["explain", *map(str, words), "--out", str(folder / "out.npz")])
    assert done.exit_code == 0, done.output
    return dict(np.load(folder / "out.npz"))


REVIEWS = ["a great film", "not bad", "bad films, this bad bad film"]
SUMS = [3.3, -3.0, -5.2]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_lines_of_a_text_file_are_items(tmp_path, count):
    """Lines of words are no rows of a table, however many they are and however long each is."""
    model = texts.bundle(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(texts.CARD))
    (tmp_path / "reviews.txt").write_text("\n".join(REVIEWS[:count]) + "\n")
    found = explain(
        tmp_path, model, "--card", tmp_path / "card.json", "--input", tmp_path / "reviews.txt", "--method",
        "feature_ablation", "--param", "fill=remove", "--target", 1,
    )  # fmt: skip

    assert token_texts(found, "input_ids", 0)[:5] == ["[CLS]", " a", " great", " film", " [SEP]"]
    np.testing.assert_allclose(found["attribution.input_ids"].sum(1), SUMS[:count], atol=1e-5)


def test_lines_of_text_for_one_of_several_columns_ask_for_its_name(tmp_path):
    onnx.save(pipelines.titanic(), tmp_path / "model.onnx")
    (tmp_path / "t.txt").write_text("\n".join(REVIEWS))
    words = ["explain", tmp_path / "model.onnx", "--input", tmp_path / "t.txt", "--method", "lime"]
    done = CliRunner().invoke(main, [*map(str, words), "--out", str(tmp_path / "o.npz")])

    assert done.exit_code == 2
    assert "write NAME=t.txt" in done.stderr


def test_a_table_fills_one_input_for_each_column(tmp_path):
    onnx.save(pipelines.titanic(), tmp_path / "model.onnx")
    (tmp_path / "a.csv").write_text("sex,fare,age\nfemale,10,30\nmale,2,60\n")
    found = explain(
        tmp_path, tmp_path / "model.onnx", "--input", tmp_path / "a.csv", "--method", "exact_shapley", "--target", 1
    )  # fmt: skip

    assert found["attribution.sex"].shape == (2, 1)
    assert found["attribution.sex"][0, 0] > 0 > found["attribution.sex"][1, 0]


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_a_background_comes_from_a_file(tmp_path, kind):
    w, rows = np.float32([1, -2, 3]), np.arange(12.0).reshape(4, 3)
    onnx.save(linear_model(w), tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 3), np.float32))
    np.save(tmp_path / "rows.npy", rows)
    np.savez(tmp_path / "rows.npz", input=rows)
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",")
    found = explain(
        tmp_path, tmp_path / "model.onnx", "--input", tmp_path / "x.npy", "--method", "kernel_shap", "--param",
        f"background=@{tmp_path / 'rows'}.{kind}",
    )  # fmt: skip

    np.testing.assert_allclose(found["attribution.input"][0], w * (1 - rows.mean(0)), atol=1e-5)


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_labels_come_from_the_column_of_a_file(tmp_path, kind):
    x, labels = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.arange(6.0)
    onnx.save(linear_model(np.float32([1, -2, 3])), tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", labels[:, None])
    (tmp_path / "y.csv").write_text("price\n" + "\n".join(map(str, labels)) + "\n")
    words = [tmp_path / "model.onnx", "--input", tmp_path / "x.npy", "--method"]
    method = ["permutation_importance", "--param", "metric=mse", "--param", "groups=features", "--param"]
    of_file = explain(tmp_path, *words, *method, f"labels=@{tmp_path / 'y'}.{kind}")
    listed = explain(tmp_path, *words, *method, f"labels={labels.tolist()}")
    np.testing.assert_array_equal(of_file["repeats.input"], listed["repeats.input"])
    assert of_file["importance.input"].any()

    drawn = ["embedding_map", "--param", "layer=input", "--param", "perplexity=2", "--param"]
    shown = explain(tmp_path, *words, *drawn, f"labels=@{tmp_path / 'y'}.{kind}")
    np.testing.assert_array_equal(shown["label"], labels)


def test_a_file_that_is_not_there_is_named(tmp_path):
    onnx.save(linear_model(np.ones(3)), tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 3), np.float32))
    words = ["explain", tmp_path / "model.onnx", "--input", tmp_path / "x.npy", "--method", "kernel_shap"]
    done = CliRunner().invoke(
        main, [*map(str, words), "--param", "background=@nowhere.npy", "--out", str(tmp_path / "o.npz")]
    )

    assert done.exit_code == 2
    assert "nowhere.npy" in done.stderr


def test_a_column_of_texts_is_one_item_a_row(tmp_path):
    model = texts.bundle(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(texts.CARD))
    (tmp_path / "reviews.csv").write_text("review\n" + "\n".join(f'"{r}"' for r in REVIEWS) + "\n")
    words = [
        model,
        "--card",
        tmp_path / "card.json",
        "--method",
        "feature_ablation",
        "--param",
        "fill=remove",
    ]
    found = explain(tmp_path, *words, "--input", tmp_path / "reviews.csv", "--target", 1)

    np.testing.assert_allclose(found["attribution.input_ids"].sum(1), SUMS, atol=1e-5)

    (tmp_path / "two.csv").write_text("review,stars\nnot bad,4\n")
    asked = ["explain", *words, "--input", tmp_path / "two.csv", "--out", tmp_path / "out.npz"]
    done = CliRunner().invoke(main, list(map(str, asked)))
    assert done.exit_code == 2
    assert "two.csv has 2 columns (review, stars)" in done.stderr


def test_rows_of_a_background_go_by_their_columns_names(tmp_path):
    """As the inputs do: a table may have its columns in another order, words for numbers, and others besides."""
    w = np.float32([1, -2, 3])
    onnx.save(linear_model(w), tmp_path / "model.onnx")
    own = {"kind": "tabular", "feature_names": ["a", "b", "c"], "categories": {"b": ["no", "yes"]}}
    (tmp_path / "card.json").write_text(json.dumps({"inputs": {"input": own}}))
    (tmp_path / "x.csv").write_text("c,name,b,a\n7,one,yes,5\n")
    (tmp_path / "rows.csv").write_text("c,b,a,price\n1,no,2,9\n3,yes,4,9\n")
    words = [
        "--card",
        tmp_path / "card.json",
        "--input",
        tmp_path / "x.csv",
        "--method",
        "kernel_shap",
        "--param",
    ]
    found = explain(tmp_path, tmp_path / "model.onnx", *words, f"background=@{tmp_path / 'rows.csv'}")

    expected = w * (np.float32([5, 1, 7]) - [3, 0.5, 2])
    np.testing.assert_allclose(found["attribution.input"][0], expected, atol=1e-5)


def test_of_a_long_parameter_its_lengths_are_printed(tmp_path):
    onnx.save(linear_model(np.float32([1, -2, 3])), tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 3), np.float32))
    np.save(tmp_path / "rows.npy", np.arange(120.0).reshape(40, 3))
    words = [
        "explain",
        tmp_path / "model.onnx",
        "--input",
        tmp_path / "x.npy",
        "--method",
        "kernel_shap",
        "--param",
    ]
    asked = [
        *words,
        f"background=@{tmp_path / 'rows.npy'}",
        "--param",
        "groups=[0, 1, 1]",
        "--out",
        tmp_path / "o.npz",
    ]
    said = CliRunner().invoke(main, list(map(str, asked))).output

    assert "40 x 3 values" in said
    assert "118, 119" not in said
    assert "0, 1, 1" in said


def test_columns_of_a_background_go_to_the_inputs_of_their_names(tmp_path):
    onnx.save(pipelines.titanic(), tmp_path / "model.onnx")
    (tmp_path / "a.csv").write_text("sex,fare,age\nfemale,10,30\n")
    found = []
    for rows in ("age,fare,sex\n60,2,male\n20,5,female\n", "fare,sex,age\n2,male,60\n5,female,20\n"):
        (tmp_path / "rows.csv").write_text(rows)
        words = [tmp_path / "model.onnx", "--input", tmp_path / "a.csv", "--method", "exact_shapley"]
        found.append(
            explain(tmp_path, *words, "--target", 1, "--param", f"background=@{tmp_path / 'rows.csv'}")
        )

    for name in ("age", "fare", "sex"):
        assert found[0][f"attribution.{name}"] == found[1][f"attribution.{name}"] != 0
