"""Bytes that are no runnable model get one clear refusal; nothing reads a file it was not given."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, parser

import explainers
from explainers.errors import ModelForbidden, ModelRefused, ModelUnparseable
from explainers.graph.limits import Limits

PLAIN = """<ir_version: 10, opset_import: ["" : 21]> g (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }"""


def model(text=PLAIN):
    return parser.parse_model(text)


@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n", bytes(100), b"not a model at all"])
def test_bytes_that_are_no_model(data):
    with pytest.raises(ModelUnparseable):
        explainers.load(data)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_model(digits, part):
    data = digits.proto.SerializeToString()
    with pytest.raises(ModelUnparseable):
        explainers.load(data[: int(len(data) * part)])


def test_the_runtimes_own_format_is_named():
    with pytest.raises(ModelForbidden, match="ort"):
        explainers.load(b"\x00\x00\x00\x00ORTM" + bytes(100))


def test_an_unknown_domain_is_named():
    proto = model()
    proto.opset_import.append(helper.make_opsetid("evil.ops", 1))
    proto.graph.node[0].domain = "evil.ops"
    with pytest.raises(ModelForbidden, match=r"evil\.ops"):
        explainers.load(proto)


@pytest.mark.parametrize("opset", [1, 6, 9999])
def test_an_opset_that_is_not_run(opset):
    proto = model()
    proto.opset_import[0].version = opset
    with pytest.raises(ModelForbidden, match=f"opset {opset}"):
        explainers.load(proto)


@pytest.mark.parametrize(
    "location",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "a/../../x",
        "%2e%2e/x",
        "a\0b",
        "x" * 10_000,
        "",
        ".",
        "*/_ORT_MEM_ADDR_/*",
    ],
)
def test_data_in_another_file_is_refused_in_bytes(location):
    proto = with_weight()
    onnx.external_data_helper.set_external_data(proto.graph.initializer[0], location=location)
    proto.graph.initializer[0].ClearField("raw_data")
    with pytest.raises(ModelForbidden):
        explainers.load(proto.SerializeToString())


def with_weight():
    proto = model(
        """<ir_version: 10, opset_import: ["" : 21]> g (float[N, 2] x) => (float[N, 2] y) { y = Add(x, w) }"""
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(2, np.float32), "w"))
    return proto


def test_data_beside_the_model_is_read(tmp_path):
    onnx.save_model(
        with_weight(), tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    result = explainers.explain(
        explainers.load(tmp_path / "m.onnx"), np.ones((1, 2), np.float32), "gradient", target=0
    )

    np.testing.assert_array_equal(result.outputs["y"], [[2, 2]])


def test_the_digest_covers_data_beside_the_model(tmp_path):
    onnx.save_model(
        with_weight(), tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    first = explainers.load(tmp_path / "m.onnx").id
    assert explainers.load(tmp_path / "m.onnx").id == first
    (tmp_path / "w.bin").write_bytes(np.full(2, 3, np.float32).tobytes())
    assert explainers.load(tmp_path / "m.onnx").id != first


def test_data_outside_the_models_folder_is_not_read(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(8))
    proto = with_weight()
    onnx.external_data_helper.set_external_data(proto.graph.initializer[0], location="../w.bin")
    proto.graph.initializer[0].ClearField("raw_data")
    (tmp_path / "inner" / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ModelForbidden):
        explainers.load(tmp_path / "inner" / "m.onnx")


@pytest.mark.parametrize("dims", [[-1], [2**31, 2**31], [3]])
def test_a_tensor_that_lies_about_its_size(dims):
    proto = with_weight()
    proto.graph.initializer[0].ClearField("dims")
    proto.graph.initializer[0].dims.extend(dims)
    with pytest.raises(ModelRefused):
        explainers.load(proto)


def test_limits_hold():
    proto = model()
    with pytest.raises(ModelForbidden, match="bytes"):
        explainers.load(proto.SerializeToString(), limits=Limits(bytes=10))
    with pytest.raises(ModelForbidden, match="nodes"):
        explainers.load(proto, limits=Limits(nodes=0))


def test_a_graph_that_contradicts_itself():
    proto = model()
    proto.graph.node[0].input[0] = "z"
    with pytest.raises(ModelUnparseable, match="checker"):
        explainers.load(proto)


def test_a_missing_path_says_so(tmp_path):
    with pytest.raises(ModelUnparseable, match="no file"):
        explainers.load(tmp_path / "none.onnx")


def sparse(dims, values, at, name="w"):
    values, at = np.array(values, np.float32), np.array(at, np.int64)
    return helper.make_sparse_tensor(
        onnx.numpy_helper.from_array(values, name), onnx.numpy_helper.from_array(at, "at"), dims
    )


def multiplied(w=None, node=None):
    """y = x w with a weight of 2 x 3, sparse or from a node."""
    proto = parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]> g (float[N, 2] x) => (float[N, 3] y) { y = MatMul(x, w) }"""
    )
    proto.graph.sparse_initializer.extend([w] if w is not None else [])
    if node is not None:
        proto.graph.node.insert(0, node)
    return proto


SPARSE = {"flat": [1, 5], "by axes": [[0, 1], [1, 2]]}


@pytest.mark.parametrize("at", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("constant", [False, True])
def test_sparse_weights_are_weights(at, constant):
    w = sparse([2, 3], [2.0, -3.0], at)
    node = helper.make_node("Constant", [], ["w"], sparse_value=w)
    loaded = explainers.load(multiplied(None, node) if constant else multiplied(w))

    x = np.array([[1.0, 4.0]], np.float32)
    for method in ("input_x_gradient", "feature_ablation"):
        found = explainers.explain(loaded, x, method, target=2)
        np.testing.assert_allclose(found.attributions["x"], [[0.0, -12.0]])
        np.testing.assert_array_equal(found.arrays["output.y"], [[0.0, 2.0, -12.0]])


def test_sparse_weights_in_a_branch():
    branches = [
        helper.make_graph(
            [helper.make_node("Mul", ["x", "w"], ["out"])], "branch", [],
            [helper.make_tensor_value_info("out", 1, ["N", 2])], sparse_initializer=[sparse([2], [value], [1])],
        )
        for value in (2.0, 5.0)
    ]  # fmt: skip
    proto = model()
    proto.graph.node[0].CopyFrom(
        helper.make_node("If", ["yes"], ["y"], then_branch=branches[0], else_branch=branches[1])
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(False), "yes"))
    found = explainers.explain(explainers.load(proto), np.ones((1, 2), np.float32), "gradient", target=1)
    np.testing.assert_array_equal(found.attributions["x"], [[0.0, 5.0]])


def test_sparse_weights_that_are_large_written_out():
    with pytest.raises(ModelForbidden, match=r"'w' of shape \[200000, 3000\] needs 2400000000 bytes"):
        explainers.load(multiplied(sparse([200_000, 3000], [1.0], [5])))
    several = multiplied(sparse([2, 3], [1.0], [5]))
    several.graph.sparse_initializer.extend(sparse([10, 1000], [1.0], [i], f"w{i}") for i in range(3))
    with pytest.raises(
        ModelForbidden, match="sparse tensors need 120024 bytes written out, the limit is 100000"
    ):
        explainers.load(several, limits=Limits(bytes=100_000))
    words = onnx.numpy_helper.from_array(np.array(["a"], object), "w")
    at = onnx.numpy_helper.from_array(np.array([5]), "at")
    with pytest.raises(ModelForbidden, match="'w' is sparse and holds strings; write it out whole"):
        explainers.load(multiplied(helper.make_sparse_tensor(words, at, [2, 3])))
    with pytest.raises(ModelRefused, match="negative length"):
        explainers.load(multiplied(sparse([-2, 3], [1.0], [0])))
