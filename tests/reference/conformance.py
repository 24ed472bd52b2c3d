"""ONNX's own node tests as gradient checks: which leave, with the reason, and how the others are checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from explainers.graph.prepare import prepare
from explainers.graph.table import NO_DERIVATIVE
from explainers.testing import GradientCheck, compare, lift, reference

RTOL = 1e-6
LEFT_OUT = Path(__file__).with_name("left_out.txt")

# float inputs that steer where values go, by operator; everything else is explained
FIXED = {
    "Resize": (1, 2),
    "Dropout": (1,),
    "RoiAlign": (1,),
    "MaxRoiPool": (1,),
    "Upsample": (1,),
    "Range": (1,),
    "OneHot": (0, 1),
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "DynamicQuantizeLinear": (),
    "NonMaxSuppression": (0, 1, 3, 4),
    "CastLike": (1,),
    "Where": (0,),
    "STFT": (),
    "BatchNormalization": (),
    "Pow": (),
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


@cache
def all_cases() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        # the tests' own values overflow and divide by zero on purpose
        warnings.simplefilter("ignore")
        return list(collect_testcases(None))


@cache
def sorted_out() -> tuple[dict[str, Any], dict[str, str]]:
    """The cases to check by name, and why each of the others leaves."""
    reasons = {c.name: reason_to_leave(c) for c in all_cases()}
    return {c.name: c for c in all_cases() if not reasons[c.name]}, {n: r for n, r in reasons.items() if r}


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
    uses = [
        (n, i in FIXED.get(node.op_type, ()))
        for node in nodes_of(model.graph)
        for i, n in enumerate(node.input)
    ]
    steering = {n for n, _ in uses} - {n for n, fixed in uses if not fixed}
    feeds = {}
    for value, a in zip(list(model.graph.input), inputs, strict=False):
        if is_real(a) and value.name not in steering and any(n == value.name for n, _ in uses):
            feeds[value.name] = np.asarray(a)
        elif isinstance(a, np.ndarray | np.generic):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(a), value.name))
            model.graph.input.remove(value)
        else:
            feeds[value.name] = a
    return cut(Conformance(case.name, model, feeds, outputs))


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for a in node.attribute:
            if a.HasField("g"):
                yield from nodes_of(a.g)


def cut(case: Conformance) -> Conformance:
    """Pool 9 cells per axis where the test has 32: the reference evaluator takes 20 s for those."""
    if case.name not in LARGE:
        return case
    for name, a in case.feeds.items():
        case.feeds[name] = a[:, :, :9, :9, :9]
        for value in case.model.graph.input:
            value.type.tensor_type.shape.CopyFrom(
                onnx.helper.make_tensor_type_proto(1, case.feeds[name].shape).tensor_type.shape
            )
    for value in case.model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return case


def reason_to_leave(case: Any) -> str:
    """Why a case has no derivative to check, empty where it has one."""
    inputs, outputs = arrays(case)
    nodes = list(nodes_of(case.model.graph))
    for node in nodes:
        if reason := TRAINING.get(key(node), lambda _: "")(node):
            return reason
    if any(is_narrow(a) for a in [*inputs, *outputs]):
        return "rounding: carries floats of 8 or 4 bits"
    if not any(is_real(a) for a in outputs):
        return "no float output"
    if not any(is_real(a) for n, a in with_constants(case).feeds.items()):
        return "no float input, or only such that steer: ratios, scales, regions, steps of a quantiser"
    named = [key(n) for n in nodes if key(n) in NO_DERIVATIVE and key(n) not in UNROLLED]
    if named and (len(nodes) == 1 or case.name in DECIDED):
        return f"{named[0]}: {NO_DERIVATIVE[named[0]]}"
    return ROUNDING.get(key(nodes[0]), "") if len(nodes) == 1 or "quantize" in case.name else ""


def is_narrow(a: Any) -> bool:
    return (
        isinstance(a, np.ndarray | np.generic)
        and a.dtype.name.startswith("float")
        and a.dtype.name[5:6] in "468"
        and "_" in a.dtype.name
    )


def _on(name: str, reason: str) -> Any:
    return lambda node: reason if any(a.name == name and a.i for a in node.attribute) else ""


TRAINING = {
    "BatchNormalization": _on("training_mode", "training: updates the moments it keeps"),
    "Dropout": lambda node: "training: draws a mask" if len(node.input) > 2 and node.input[2] else "",
}
ROUNDING = dict.fromkeys(
    ("QuantizeLinear", "DynamicQuantizeLinear"),
    "rounding: the derivative is a convention, checked in the laws",
)
UNROLLED = {"Loop", "Scan", "LSTM", "GRU", "RNN"}
DECIDED = {f"test_bernoulli{kind}_expanded" for kind in ("", "_double", "_seed")}
LARGE = {"test_averagepool_3d_default", "test_lppool_3d_default", "test_maxpool_3d_default"}


# their reference implementations compute in float32
SINGLE = {"LinearAttention"}
# a product of hats is neither convex nor concave: where cells meet, the slope of the cell above is none of the two sides'
SADDLES = {"GridSample", "DeformConv"}


# ----- the check -----


def verdict(case: Any) -> str:
    """Say what is wrong with a case's gradient, empty where it is right: at the test's values, or beside a kink of them."""
    given = with_constants(case)
    try:
        return _verdict(given)
    except Exception as e:  # noqa: BLE001 - the refusal is the finding
        return f"{type(e).__name__}: {str(e)[:200]}"


def _verdict(given: Conformance) -> str:
    explained = [n for n, a in given.feeds.items() if is_real(a)]
    forward = written_out if computes_in_single(given) else None
    try:
        first = compare(given.model, given.feeds, wrt=explained, forward=forward)
    except ValueError as e:
        # the length of a Range changes at its test's values
        if "broadcast" not in str(e) or given.operator != "Range":
            raise
        first = GradientCheck(0.0, 0.0, 0.0, 0.0, np.inf, False, {})
    if first.error <= RTOL:
        return ""
    # a tie, a border of the domain, or a jump: there the slope may be one side's; beside it, it is the difference
    if first.kink and not first.is_subgradient and given.operator not in SADDLES:
        return f"no subgradient: {first.slope} of {first.behind} and {first.ahead}"
    rng = np.random.default_rng(1)
    moved = {n: _beside(rng, a) if n in explained else a for n, a in given.feeds.items()}
    second = compare(given.model, moved, wrt=explained, forward=forward)
    return (
        ""
        if second.error <= RTOL
        else f"off by {second.error:.1e}: {second.slope} for {second.central} (at the values: {first.error:.1e})"
    )


def computes_in_single(given: Conformance) -> bool:
    return given.operator in SINGLE or any(
        a.name == "softmax_precision" for n in given.model.graph.node for a in n.attribute
    )


def written_out(proto: onnx.ModelProto) -> Any:
    """Evaluate the function body of an operator that the reference evaluator computes in float32."""
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in proto.graph.input}
    return reference(lift(ir.to_proto(prepare(proto, shapes))))


def _beside(rng: np.random.Generator, a: np.ndarray) -> np.ndarray:
    return a.astype(np.float64) + rng.uniform(2e-3, 9e-3, a.shape) * np.maximum(
        1.0, np.abs(np.nan_to_num(a.astype(np.float64), posinf=1.0, neginf=1.0))
    )


if __name__ == "__main__":
    # rewrites the list of what leaves; read the difference before it is committed
    LEFT_OUT.write_text("".join(f"{n}: {r}\n" for n, r in sorted_out()[1].items()))
