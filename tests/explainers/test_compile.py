"""A compiled explanation is one plain ONNX file that bare onnxruntime runs, for any batch."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import explainers
from explainers.errors import InvalidRequest


def bare(graph):
    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("method", ["gradient", "sensitivity", "input_x_gradient"])
@pytest.mark.parametrize("items", [1, 4])
def test_the_graph_alone_gives_what_explain_gives(digits, digit_images, method, items):
    x = digit_images[:items]
    weights = np.zeros((items, 10), np.float32)
    weights[:, 7] = 1
    session = bare(explainers.compile(digits, method))
    found = session.run(["attribution.input", "logits"], {"input": x, "target_weights": weights})
    result = explainers.explain(digits, x, method, target=7)

    np.testing.assert_allclose(found[0], result.attributions["input"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], result.outputs["logits"], rtol=1e-5, atol=1e-5)


def test_it_takes_the_models_inputs_and_weights_and_gives_its_outputs_and_attributions(digits):
    graph = explainers.compile(digits, "gradient").graph

    assert [i.name for i in graph.input] == ["input", "target_weights"]
    assert [o.name for o in graph.output] == ["logits", "attribution.input"]


def test_it_holds_standard_operators_only_and_passes_the_checker(digits):
    graph = explainers.compile(digits, "gradient")
    onnx.checker.check_model(graph, full_check=True)

    assert {n.domain for n in graph.graph.node} <= {"", "ai.onnx"}


def test_two_compilations_are_the_same_file(digits):
    first, second = (
        explainers.compile(digits, "gradient").SerializeToString(deterministic=True) for _ in range(2)
    )
    assert first == second


def test_a_method_that_asks_from_outside_has_no_graph(digits):
    with pytest.raises(InvalidRequest, match="use explain"):
        explainers.compile(digits, "occlusion")


def test_a_half_precision_model_is_explained_in_float32(digits, digit_images):
    half, rounded = (
        explainers.load(as_float16(digits.proto)),
        explainers.load(rounded_to_float16(digits.proto)),
    )
    x = digit_images.astype(np.float16)
    result = explainers.explain(half, x, "gradient", target=2)
    wide = explainers.explain(rounded, x.astype(np.float32), "gradient", target=2)

    assert result.attributions["input"].dtype == np.float32
    assert result.outputs["logits"].dtype == np.float16
    np.testing.assert_allclose(result.attributions["input"], wide.attributions["input"], rtol=1e-4, atol=1e-5)


def rounded_to_float16(proto):
    """The model in float32 with weights that float16 holds."""
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    for tensor in out.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return out


def as_float16(proto):
    """The model with every float32 turned into float16."""
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    for tensor in out.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(
                onnx.numpy_helper.from_array(
                    onnx.numpy_helper.to_array(tensor).astype(np.float16), tensor.name
                )
            )
    for value in [*out.graph.input, *out.graph.output, *out.graph.value_info]:
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    return out
