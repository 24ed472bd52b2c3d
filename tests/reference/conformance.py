"""ONNX's own node tests as gradient checks: which leave, with the reason, and how the others are checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from explainers.graph.table import NO_DERIVATIVE

# float inputs that steer where values go, by operator; everything else is explained
FIXED = {
    "Resize": (1, 2), "Dropout": (1,), "RoiAlign": (1,), "MaxRoiPool": (1,), "Upsample": (1,), "Range": (1,), "OneHot": (0, 1),
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "DynamicQuantizeLinear": (), "NonMaxSuppression": (0, 1, 3, 4),
    "CastLike": (1,), "Where": (0,), "STFT": (), "BatchNormalization": (), "Pow": (),
}


@dataclass(frozen=True)
class Conformance:
    """One case: the model with its test inputs, those that carry no gradient made constants."""

    name: str
    model: onnx.ModelProto
    feeds: dict[str, np.ndarray]
    outputs: list[Any]

    @property
    def operator(self) -> str:
        node = self.model.graph.node[0]
        return f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type


def cases() -> Iterator[Any]:
    from onnx.backend.test.case.node import collect_testcases

    yield from collect_testcases(None)


@cache
def all_cases() -> list[Any]:
    return list(cases())


def key(node: onnx.NodeProto) -> str:
    return f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type


def is_real(a: Any) -> bool:
    return isinstance(a, np.ndarray | np.generic) and (a.dtype.kind == "f" or a.dtype.name == "bfloat16")


def arrays(case: Any) -> tuple[list[Any], list[Any]]:
    """The inputs and outputs of a case as arrays; sequences, optionals and the like as they are."""
    def plain(v: Any) -> Any:
        return numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v

    inputs, outputs = case.data_sets[0]
    return [plain(v) for v in inputs], [plain(v) for v in outputs]


def with_constants(case: Any) -> Conformance:
    """Make every input that is not explained an initializer, as it is in exported models."""
    inputs, outputs = arrays(case)
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    uses = [(n, i in FIXED.get(node.op_type, ())) for node in model.graph.node for i, n in enumerate(node.input)]
    steering = {n for n, _ in uses} - {n for n, fixed in uses if not fixed}
    explained = {v.name for v, a in zip(model.graph.input, inputs, strict=False) if is_real(a) and v.name not in steering}
    feeds = {}
    for value, a in zip(list(model.graph.input), inputs, strict=False):
        if value.name in explained:
            feeds[value.name] = np.asarray(a)
        elif isinstance(a, np.ndarray | np.generic):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(a), value.name))
            model.graph.input.remove(value)
        else:
            feeds[value.name] = a
    return Conformance(case.name, model, feeds, outputs)


def reason_to_leave(case: Any) -> str:
    """Why a case has no derivative to check, empty where it has one."""
    inputs, outputs = arrays(case)
    nodes = [key(n) for n in case.model.graph.node]
    named = [n for n in nodes if n in NO_DERIVATIVE]
    if not any(is_real(a) for a in inputs):
        return "no float input"
    if not any(is_real(a) for a in outputs):
        return "no float output"
    if len(nodes) == 1 and named:
        return f"{named[0]}: {NO_DERIVATIVE[named[0]]}"
    return ""
