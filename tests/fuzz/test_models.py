"""Models, broken in their bytes and made up of parts that do not fit: each is described or refused, by a runner that lives on."""

from __future__ import annotations

from pathlib import Path

import onnx
from hypothesis import strategies as st
from onnx import TensorProto, defs, helper
from reference import hostile_models as hostile

from explainers.types import Card

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = sorted({s.name for s in defs.get_all_schemas() if s.domain == "" and not s.deprecated})
NAMES = st.sampled_from(["x", "w", "a", "b", "c", "", "y"])
DIMS = st.lists(st.integers(-1, 4) | st.sampled_from([2**31, 2**40, 2**62, 0]), max_size=4)
TYPES = st.integers(0, 24)
VALUES = st.one_of(
    st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1), st.floats(width=32), st.text(max_size=4),
    st.lists(st.integers(-3, 9), max_size=5),
    st.lists(st.floats(width=32), max_size=4),
)  # fmt: skip


@st.composite
def tensors(draw: st.DrawFn, name: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=draw(TYPES), dims=draw(DIMS))
    if draw(st.booleans()):
        tensor.raw_data = draw(st.binary(max_size=64))
    else:
        tensor.float_data.extend(draw(st.lists(st.floats(width=32), max_size=8)))
        tensor.int64_data.extend(draw(st.lists(st.integers(-4, 9), max_size=4)))
    return tensor


@st.composite
def nodes(draw: st.DrawFn, depth: int = 1) -> onnx.NodeProto:
    kind = draw(st.sampled_from(OPERATORS))
    known = defs.get_schema(kind)
    node = helper.make_node(
        kind, draw(st.lists(NAMES, max_size=4)), draw(st.lists(NAMES, min_size=1, max_size=2))
    )
    for name, attribute in known.attributes.items():
        if attribute.type == defs.OpSchema.AttrType.GRAPH and depth:
            node.attribute.append(helper.make_attribute(name, draw(graphs(depth - 1))))
        elif draw(st.booleans()):
            value = draw(VALUES)
            if value != []:
                node.attribute.append(helper.make_attribute(name, value))
    return node


@st.composite
def graphs(draw: st.DrawFn, depth: int = 1) -> onnx.GraphProto:
    body = draw(st.lists(nodes(depth), min_size=1, max_size=4))

    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, draw(st.sampled_from([1, 6, 7, 9, 10, 11])), draw(DIMS))

    weights = [draw(tensors(name)) for name in draw(st.lists(st.sampled_from(["w", "a", "x"]), max_size=2))]
    return helper.make_graph(body, "g", [value("x")], [value("y")], weights)


@st.composite
def models(draw: st.DrawFn) -> bytes:
    opset = draw(st.sampled_from([21]) | st.integers(1, 30))
    return helper.make_model(
        draw(graphs()), opset_imports=[helper.make_opsetid("", opset)]
    ).SerializeToString()


def look(scanner, refusing, folder):
    file = folder / "model.onnx"

    def scan(data: bytes) -> None:
        file.write_bytes(data)
        with file.open("rb") as source:
            found = refusing(lambda: scanner.scan(source, Card()))
        assert found is None or found.outputs

    return scan


def test_broken_bytes(fuzz, broken, scanner, refusing, tmp_path):
    digits = (ROOT / "examples" / "digits" / "digits.onnx").read_bytes()
    good = [
        hostile.plain().SerializeToString(),
        digits,
        digits[-800:],
        *[data for _, data in hostile.circles()][:3],
    ]
    assert fuzz(look(scanner, refusing, tmp_path), broken(good)) > 20


def test_models_of_parts_that_do_not_fit(fuzz, scanner, refusing, tmp_path):
    assert fuzz(look(scanner, refusing, tmp_path), models()) > 20
