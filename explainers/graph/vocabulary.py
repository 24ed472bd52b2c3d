"""Tokenizers in a model: kept in its metadata, and held against the embeddings that its tokens pick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from .. import words
from ..types import Card, TensorSpec
from ..words import KEY, Words

MOST = 64 << 20
"""Bytes of a tokenizer."""
_CARRY = frozenset({"Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Cast"})


def put_in(proto: onnx.ModelProto, files: Mapping[str, Path]) -> bool:
    """Put tokenizers that lie in files into the model's metadata; a file that is not there is left out; say if any was."""
    there = {n: path for n, path in files.items() if path.is_file() and path.stat().st_size <= MOST}
    for name, path in there.items():
        keep(proto, name, path.read_bytes())
    return bool(there)


def keep(proto: onnx.ModelProto, name: str, data: bytes) -> None:
    """Keep one tokenizer in the model's metadata, in place of one of the same name."""
    others = {p.key: p.value for p in proto.metadata_props if p.key != KEY + name}
    onnx.helper.set_model_props(proto, others | {KEY + name: data.decode("utf-8", "replace")})


def tokenizers(proto: onnx.ModelProto, card: Card, specs: Sequence[TensorSpec]) -> dict[str, Words]:
    """Return the tokenizer of each input of text, or refuse one that is missing or does not fit the model."""
    found = words.find({p.key: p.value for p in proto.metadata_props}, card, specs)
    for name, own in found.items():
        if (rows := _embedding_rows(proto.graph, name)) is not None:
            words.check_size(own, rows, name)
    return found


def in_bytes(data: bytes, card: Card, specs: Sequence[TensorSpec]) -> dict[str, Words]:
    """Return the tokenizers of a model that was checked before."""
    return tokenizers(onnx.ModelProto.FromString(data), card, specs)


def _embedding_rows(graph: onnx.GraphProto, name: str) -> int | None:
    """Return how many tokens an input's embeddings know, the fewest of several; None where no table of them is seen."""
    tables = {t.name: t.dims[0] for t in graph.initializer if t.dims}
    rows, queue, seen = [], [name], set[str]()
    while queue:
        value = queue.pop()
        for node in graph.node:
            if value not in node.input or node.output[0] in seen:
                continue
            if node.op_type == "Gather" and node.input[1] == value and node.input[0] in tables:
                rows.append(tables[node.input[0]])
            elif node.op_type in _CARRY and node.input[0] == value:
                seen.add(node.output[0])
                queue.append(node.output[0])
    return min(rows) if rows else None
