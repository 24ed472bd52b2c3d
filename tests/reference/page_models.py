"""What a reader of the page uploads: a table's model, a model of words, and files that are odd or broken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from reference import texts

FEATURES = ["age", "income", "tenure", "visits"]
STEPS = 60
WORDS = ["<pad>", "the", "film", "was", "bad", "great", "not", "boring"]
NASTY = "<script>window.pwned=1</script>"
QUOTED = 'it\'s "quoted" & <img src=x onerror=window.pwned=1>'


def write(folder: Path) -> Path:
    """Write every file into the folder."""
    table = {
        "inputs": {"x": {"kind": "tabular", "feature_names": FEATURES}},
        "outputs": {"risk": {"labels": ["stays", "leaves"]}},
    }
    _model(folder / "table.onnx", _table("x", "risk"), table)
    _model(
        folder / "series.onnx", _table("signal", "risk", STEPS), {"inputs": {"signal": {"kind": "series"}}}
    )
    _model(folder / "column.onnx", _column(), {"inputs": {}})
    _model(folder / "bare.onnx", _picture(), {"inputs": {}})
    words = {
        "inputs": {"ids": {"kind": "tokens", "categories": {"ids": WORDS}}},
        "outputs": {"logits": {"labels": ["no", "yes"]}},
    }
    _model(folder / "words.onnx", _words(), words)
    odd = {
        "inputs": {NASTY: {"kind": "tabular", "feature_names": [NASTY, QUOTED, "a\nline", "x" * 300]}},
        "outputs": {QUOTED: {"labels": [NASTY, "two\nlines"]}},
    }
    _model(folder / "odd.onnx", _table(NASTY, QUOTED), odd)
    rows = np.random.default_rng(0).normal(size=(40, 4))
    lines = [",".join(FEATURES), *(",".join(f"{v:.3f}" for v in row) for row in rows)]
    (folder / "rows.csv").write_text("\n".join(lines))
    onnx.save(texts.model(), folder / "texts.onnx")
    (folder / "texts.json").write_text(json.dumps(texts.CARD))
    (folder / "tokenizer.json").write_text(texts.tokenizer())
    (folder / "broken.onnx").write_bytes(b"this is no model")
    Image.new("RGB", (60, 40), (200, 200, 200)).save(folder / "photo.png")
    return folder


def _model(path: Path, graph: onnx.GraphProto, card: dict) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    path.with_suffix(".json").write_text(json.dumps(card))


def _picture() -> onnx.GraphProto:
    weights = [numpy_helper.from_array(np.random.default_rng(2).normal(size=(768, 2)).astype("f4"), "w")]
    nodes = [
        helper.make_node("Flatten", ["photo"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["kind"]),
    ]
    photo = helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["N", 3, 16, 16])
    kind = helper.make_tensor_value_info("kind", TensorProto.FLOAT, ["N", 2])
    return helper.make_graph(nodes, "picture", [photo], [kind], weights)


def _column() -> onnx.GraphProto:
    weights = [numpy_helper.from_array(np.random.default_rng(3).normal(size=(STEPS, 2)).astype("f4"), "w")]
    nodes = [
        helper.make_node("Flatten", ["days"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["season"]),
    ]
    days = helper.make_tensor_value_info("days", TensorProto.FLOAT, ["N", STEPS, 1])
    season = helper.make_tensor_value_info("season", TensorProto.FLOAT, ["M", 2])
    return helper.make_graph(nodes, "column", [days], [season], weights)


def _table(name: str, output: str, width: int = 4) -> onnx.GraphProto:
    rng = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array(rng.normal(size=s).astype("f4"), n)
        for n, s in {"w": (width, 8), "v": (8, 2)}.items()
    ]
    nodes = [
        helper.make_node("MatMul", [name, "w"], ["hidden"], name=f"first {name}"),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "v"], [output]),
    ]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", d]) for n, d in ((name, width), (output, 2))
    ]
    return helper.make_graph(nodes, "table", ends[:1], ends[1:], weights)


def _words() -> onnx.GraphProto:
    marks = np.array([0, 0.1, 0.2, 0.0, -2.0, 3.0, -1.0, -1.5], np.float32)
    weights = [
        numpy_helper.from_array(np.stack([-marks, marks], 1), "table"),
        numpy_helper.from_array(np.array([1]), "axes"),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["found"]),
        helper.make_node("ReduceSum", ["found", "axes"], ["logits"], keepdims=0),
    ]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", "T"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])
    return helper.make_graph(nodes, "words", [ids], [logits], weights)
