from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import explainers
from explainers.errors import ModelForbidden
from explainers.graph.limits import Limits
from explainers.graph.weights import digest, in_parts, without_weights
from explainers.runtime import Session

W = np.random.default_rng(0).normal(size=(200, 300)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(2, 200)).astype(np.float32)


def model() -> onnx.ModelProto:
    x, y = (
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", d]) for n, d in (("x", 200), ("y", 300))
    )
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="it")
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(W, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_weights_given_apart_are_those_of_the_whole_model(dtype: type) -> None:
    proto = model()
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(W.astype(dtype), "w"))
    for v in (*proto.graph.input, *proto.graph.output):
        v.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    data, apart = in_parts(proto, whole=1000)
    assert len(data) < 1000
    assert list(apart) == ["w"]
    parts = Session(proto, threads=1, whole=1000).run({"x": X.astype(dtype)})["y"]
    np.testing.assert_allclose(
        parts,
        Session(proto, threads=1).run({"x": X.astype(dtype)})["y"],
        atol=0.05 if dtype is np.float16 else 1e-4,
    )


def test_a_model_that_is_small_enough_stays_whole() -> None:
    data, apart = in_parts(model())
    assert not apart
    assert len(data) > W.nbytes


def test_the_digest_of_a_model_in_parts_covers_its_weights_and_its_graph() -> None:
    others = [model() for _ in range(3)]
    others[1].graph.initializer[0].raw_data = (W + 1).tobytes()
    others[2].graph.node[0].name = "another"
    assert len({digest(o, whole=1000) for o in (model(), *others)}) == 3
    assert digest(model()) == hashlib.sha256(model().SerializeToString()).hexdigest()


def test_the_graph_without_its_weights_is_checked_and_small() -> None:
    light, heavy = without_weights(model())
    onnx.checker.check_model(light)
    assert light.ByteSize() < 1000
    assert [t.name for t in heavy] == ["w"]


def test_weights_beside_the_model_are_read_and_differentiated(tmp_path: Path) -> None:
    onnx.save_model(
        model(), str(tmp_path / "m.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert (tmp_path / "m.onnx").stat().st_size < 1000
    found = explainers.explain(explainers.load(tmp_path / "m.onnx"), X, "gradient", target=7)
    np.testing.assert_allclose(found.attributions["x"], np.broadcast_to(W[:, 7], X.shape), rtol=1e-6)


def test_one_tensor_above_two_gigabytes_is_refused_by_name(tmp_path: Path) -> None:
    proto = model()
    t = proto.graph.initializer[0]
    t.ClearField("raw_data")
    t.dims[:] = [1 << 15, 1 << 15]
    t.data_location = TensorProto.EXTERNAL
    t.external_data.append(onnx.StringStringEntryProto(key="location", value="w.bin"))
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ModelForbidden, match=f"tensor 'w' .* the limit is {Limits().tensor_bytes}"):
        explainers.load(tmp_path / "m.onnx")
