"""Models that nobody should accept, by the row of the table of threats that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

TEXT = '<ir_version: 10, opset_import: ["" : 21]> g (float[N, 2] x) => (float[N, 2] y) { y = Add (x, w) }'
ESCAPES = {
    "up": "../../etc/passwd", "absolute": "/etc/passwd", "backslashes": "..\\..\\x", "through": "a/../../x",
    "encoded": "%2e%2e/x", "zero": "a\0b", "long": "x" * 10_000, "empty": "", "here": ".", "above": "..",
    "memory": "*/_ORT_MEM_ADDR_/*", "url": "http://localhost/x", "file url": "file:///etc/passwd", "home": "~/x",
    "proc": "/proc/self/environ", "newline": "a\nb", "unicode dots": "\u2025/x", "hidden": ".ssh", "space": "a b",
    "plain": "weights.bin",
}  # fmt: skip


def plain() -> onnx.ModelProto:
    """Return a good model: y = x + w."""
    model = parser.parse_model(TEXT)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, "f4"), "w"))
    return model


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """Return the good model after a change."""
    model = plain()
    change(model)
    return model.SerializeToString()


def outside(tensor: TensorProto, location: str = "weights.bin", **more: str) -> TensorProto:
    """Say of a tensor that its data lies elsewhere."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.append(onnx.StringStringEntryProto(key=key, value=value))
    return tensor


def weight(name: str = "w") -> TensorProto:
    """Return a tensor of two numbers."""
    return numpy_helper.from_array(np.ones(2, "f4"), name)


def branch(
    name: str, *nodes: onnx.NodeProto, initializer: list[TensorProto] | None = None
) -> onnx.GraphProto:
    """Return a body that gives `z`."""
    out = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), name, [], [out], initializer or [])


def choice(then: onnx.GraphProto, otherwise: onnx.GraphProto) -> onnx.NodeProto:
    """Return an If."""
    return helper.make_node("If", ["c"], ["z"], then_branch=then, else_branch=otherwise)


def function(name: str, *nodes: onnx.NodeProto) -> onnx.FunctionProto:
    """Return a function of one input."""
    return helper.make_function("local", name, ["a"], ["z"], list(nodes), [helper.make_opsetid("", 21)])


def local(name: str) -> onnx.NodeProto:
    """Return a call."""
    return helper.make_node(name, ["a"], ["z"], domain="local")


def unparseable() -> Iterator[tuple[str, bytes]]:
    """Row 1 and 2: no model, or half of one."""
    good = plain().SerializeToString()
    yield from (
        ("empty", b""),
        ("one byte", b"x"),
        ("png", b"\x89PNG\r\n\x1a\n" + bytes(50)),
        ("zip", b"PK\x03\x04"),
    )
    yield from ((f"cut at {p} %", good[: max(1, len(good) * p // 100)]) for p in range(1, 100))
    yield "json", b'{"graph": {}}'
    yield "deep protobuf", _nested(5000)
    yield "no graph", changed(lambda m: m.ClearField("graph"))
    yield "no outputs", changed(lambda m: m.graph.ClearField("output"))
    yield "no opset", changed(lambda m: m.ClearField("opset_import"))
    yield "names twice", changed(lambda m: m.graph.node.append(m.graph.node[0]))
    yield "a circle of nodes", changed(lambda m: m.graph.node[0].input.__setitem__(1, "y"))
    yield "an unknown input", changed(lambda m: m.graph.node[0].input.__setitem__(1, "nobody"))
    yield "an output from nowhere", changed(lambda m: m.graph.output[0].__setattr__("name", "nobody"))


def _nested(depth: int) -> bytes:
    """Return groups within groups of an attribute's graph, by hand: protobuf would refuse to build them."""
    inner = b""
    for _ in range(depth):
        for tag in (0x32, 0x2A, 0x0A):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            inner = bytes([tag]) + _varint(len(inner)) + inner
    return b"\x08\x0a\x42\x02\x10\x15\x3a" + _varint(len(inner)) + inner


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def elsewhere() -> Iterator[tuple[str, bytes]]:
    """Rows 3, 5, 6 and 7: data in other files, wherever the model says so."""
    for name, location in ESCAPES.items():
        yield name, changed(lambda m, at=location: outside(m.graph.initializer[0], at))
    keys = {"offset": "-1", "length": str(2**60), "__class__": "x", "__dict__": "x", "basepath": "/etc"}
    for key, value in keys.items():
        yield f"key {key}", changed(lambda m, k=key, v=value: outside(m.graph.initializer[0], **{k: v}))
    many = {f"k{i}": "x" for i in range(100_000)}
    yield "100,000 keys", changed(lambda m: outside(m.graph.initializer[0], **many))
    yield (
        "address",
        changed(lambda m: outside(m.graph.initializer[0], "*/_ORT_MEM_ADDR_/*", offset="4096", length="8")),
    )
    yield "key twice", changed(_twice)
    yield "unmarked", changed(lambda m: outside(m.graph.initializer[0]).ClearField("data_location"))
    then = branch("t", helper.make_node("Identity", ["v"], ["z"]), initializer=[outside(weight("v"))])
    yield "in a branch", changed(lambda m: m.graph.node.append(choice(then, then)))
    constant = helper.make_node("Constant", [], ["z"], value=outside(weight("v")))
    yield "in an attribute", changed(lambda m: m.graph.node.append(constant))
    yield (
        "in a branch's attribute",
        changed(lambda m: m.graph.node.append(choice(branch("t", constant), then))),
    )
    yield "in a function", changed(lambda m: m.functions.append(function("f", constant)))
    yield "in a list of tensors", changed(_listed)
    yield "in a sparse weight", changed(_sparse)
    yield "in a sparse attribute", changed(_sparse_attribute)
    yield (
        "in training",
        changed(lambda m: m.training_info.add().algorithm.initializer.append(outside(weight()))),
    )
    yield "in a default", changed(_default)


def _twice(m: onnx.ModelProto) -> None:
    outside(m.graph.initializer[0], "a").external_data.append(
        onnx.StringStringEntryProto(key="location", value="b")
    )


def _listed(m: onnx.ModelProto) -> None:
    a = m.graph.node[0].attribute.add(name="many", type=onnx.AttributeProto.TENSORS)
    a.tensors.append(outside(weight()))


def _sparse(m: onnx.ModelProto) -> None:
    m.graph.sparse_initializer.add(dims=[2]).values.CopyFrom(outside(weight("s")))


def _sparse_attribute(m: onnx.ModelProto) -> None:
    a = m.graph.node[0].attribute.add(name="s", type=onnx.AttributeProto.SPARSE_TENSOR)
    a.sparse_tensor.values.CopyFrom(outside(weight("s")))


def _default(m: onnx.ModelProto) -> None:
    f = function("f", local("Identity"))
    f.node[0].domain = ""
    f.attribute_proto.add(name="d", type=onnx.AttributeProto.TENSOR).t.CopyFrom(outside(weight()))
    m.functions.append(f)


def foreign() -> Iterator[tuple[str, bytes]]:
    """Row 14: operators and versions that are not run here."""
    operators = {
        "evil": ("evil.ops", "Boom"), "EPContext": ("com.microsoft", "EPContext"), "PyOp": ("com.microsoft", "PyOp"),
        "extensions": ("com.microsoft.extensions", "PyOp"), "nchw": ("com.microsoft.nchwc", "Conv"),
        "unknown": ("", "NoSuchOperator"), "aten": ("org.pytorch.aten", "ATen"), "line": ("a\nb", "X"),
    }  # fmt: skip
    for name, (domain, operator) in operators.items():
        yield name, changed(lambda m, d=domain, o=operator: _becomes(m.graph.node[0], d, o))
    for version in (0, 6, 9999, -1):
        yield f"opset {version}", changed(lambda m, v=version: m.opset_import[0].__setattr__("version", v))
    yield "ml opset", changed(lambda m: m.opset_import.append(helper.make_opsetid("ai.onnx.ml", 9999)))
    for version in (9999, -1):
        yield f"IR {version}", changed(lambda m, v=version: m.__setattr__("ir_version", v))
    hidden = helper.make_node("Boom", ["x"], ["z"], domain="evil.ops")
    yield (
        "in a branch",
        changed(lambda m: m.graph.node.append(choice(branch("t", hidden), branch("e", hidden)))),
    )
    yield "in a function", changed(lambda m: m.functions.append(function("f", hidden)))
    yield "in training", changed(lambda m: m.training_info.add().algorithm.node.append(hidden))
    own = helper.make_function("com.microsoft", "EPContext", ["a"], ["z"], [], [helper.make_opsetid("", 21)])
    yield (
        "a function of its name",
        changed(lambda m: (m.functions.append(own), _becomes(m.graph.node[0], "com.microsoft", "EPContext"))),
    )


def _becomes(node: onnx.NodeProto, domain: str, operator: str) -> None:
    node.domain, node.op_type = domain, operator


def circles() -> Iterator[tuple[str, bytes]]:
    """Row 12: functions that call each other."""
    a, b = function("A", local("B")), function("B", local("A"))
    yield "A to B to A", changed(lambda m: m.functions.extend([a, b]))
    yield "A to A", changed(lambda m: m.functions.append(function("A", local("A"))))
    inner = choice(branch("t", local("A")), branch("e", helper.make_node("Identity", ["a"], ["z"])))
    yield "through a branch", changed(lambda m: m.functions.append(function("A", inner)))
    deeper = choice(branch("t", inner), branch("e", inner))
    yield (
        "through two branches",
        changed(lambda m: m.functions.extend([function("A", local("B")), function("B", deeper)])),
    )
    ring = [function(f"F{i}", local(f"F{(i + 1) % 3000}")) for i in range(3000)]
    yield "a ring of 3,000", changed(lambda m: m.functions.extend(ring))
    yield "one name twice", changed(lambda m: m.functions.extend([function("A"), function("A")]))


def swollen() -> Iterator[tuple[str, bytes]]:
    """Row 11: more than the limits allow."""
    node = helper.make_node("If", ["c"], ["z"])
    for _ in range(12):
        node = choice(branch("t", node), branch("e"))
    yield "twelve branches deep", changed(lambda m: m.graph.node.append(node))
    doubling = [function(f"F{i}", local(f"F{i + 1}"), local(f"F{i + 1}")) for i in range(40)] + [
        function("F40")
    ]
    doubling[-1].node.append(helper.make_node("Identity", ["a"], ["z"]))
    yield "functions that double", changed(lambda m: m.functions.extend(doubling))
    identity = helper.make_node("Identity", ["x"], ["z"])
    yield "200,000 nodes", changed(lambda m: m.graph.node.extend([identity] * 200_000))
    yield "a long name", changed(lambda m: m.graph.node[0].__setattr__("name", "n" * 1_000_000))
    yield "a long operator", changed(lambda m: m.graph.node[0].__setattr__("op_type", "n" * 1_000_000))
    yield "a long tensor name", changed(lambda m: m.graph.node[0].output.__setitem__(0, "n" * 1_000_000))
    yield "a long input name", changed(lambda m: m.graph.input[0].__setattr__("name", "n" * 1_000_000))
    yield "many axes", changed(lambda m: m.graph.initializer[0].dims.extend([1] * 1000))
    for dims in ([2**31, 2**31], [2**62, 4], [2**32, 2**32, 2**32], [2**40]):
        yield f"shape {dims}", changed(lambda m, d=dims: _shape(m.graph.initializer[0], d))


def _shape(tensor: TensorProto, dims: list[int]) -> None:
    tensor.ClearField("dims")
    tensor.dims.extend(dims)


def liars() -> Iterator[tuple[str, bytes]]:
    """Row 13: tensors whose data is not what their shape says."""
    for dims in ([-1], [3], [1], [2, -1, -1], [0], [2, 2]):
        yield f"shape {dims}", changed(lambda m, d=dims: _shape(m.graph.initializer[0], d))
    for kind in ("UNDEFINED", "DOUBLE", "INT64", "FLOAT16", "INT4", "BOOL", "COMPLEX128"):
        number = TensorProto.DataType.Value(kind)
        yield f"kind {kind}", changed(lambda m, n=number: m.graph.initializer[0].__setattr__("data_type", n))
    yield "kind 99", changed(lambda m: m.graph.initializer[0].__setattr__("data_type", 99))
    for count in (0, 1, 3):
        yield f"{count} floats", changed(lambda m, c=count: _floats(m.graph.initializer[0], c))
    packed = TensorProto(name="p", data_type=TensorProto.INT4, dims=[5], raw_data=b"\0\0")
    yield "five half bytes in two", changed(lambda m: m.graph.initializer.append(packed))


def _floats(tensor: TensorProto, count: int) -> None:
    tensor.ClearField("raw_data")
    tensor.float_data.extend([1.0] * count)
