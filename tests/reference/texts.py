"""A text model whose answer is known: the sum of its words' marks, with a tokenizer that cuts plurals in two."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MARKS = {"a": 0.1, "great": 3.0, "film": 0.2, "##s": 0.05, "not": -1.0, "bad": -2.0, ",": 0.0, "this": 0.1}
WORDS = [*SPECIAL, *MARKS]
CARD = {
    "inputs": {
        "input_ids": {"kind": "text", "tokenizer": "tokenizer.json"},
        "attention_mask": {"kind": "tokens"},
    },
    "outputs": {"logits": {"labels": ["bad", "good"]}},
}


def tokenizer(*more: str) -> str:
    """Return a tokenizer.json of WordPiece as BERT has it, with words of its own and `more`."""
    own = {w: i for i, w in enumerate([*WORDS, *more])}
    made = Tokenizer(models.WordPiece(own, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(SPECIAL)
    ends = [(w, own[w]) for w in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    return str(made.to_str())


def model(length: int | str = "T") -> onnx.ModelProto:
    """Return `input_ids` and `attention_mask` (N, T) to `logits` (N, 2): minus and plus the sum of the marks."""
    graph = onnx.parser.parse_model(f"""
        <ir_version: 10, opset_import: ["" : 21]>
        marks (int64[N, {length}] input_ids, int64[N, {length}] attention_mask) => (float[N, 2] logits) {{
            found = Gather (table, input_ids)
            seen = Cast <to = 1> (attention_mask)
            column = Unsqueeze (seen, two)
            kept = Mul (found, column)
            logits = ReduceSum <keepdims = 0> (kept, one)
        }}
    """)
    marks = np.array([0.0] * len(SPECIAL) + list(MARKS.values()), np.float32)
    weights = {"table": np.stack([-marks, marks], 1), "one": np.array([1]), "two": np.array([2])}
    graph.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in weights.items())
    return graph


def bundle(folder, length: int | str = "T", *more: str):
    """Write a model with its tokenizer beside it; return the model's path."""
    (folder / "tokenizer.json").write_text(tokenizer(*more))
    onnx.save(model(length), folder / "model.onnx")
    return folder / "model.onnx"
