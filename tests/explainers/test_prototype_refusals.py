"""What searches and inversions refuse: with the place in the request, and with all that there is instead."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from reference.prototypes import DIGITS, HEAD, METHOD, digit_network, parsed
from reference.small_models import small_model

import explainers
from explainers.errors import InvalidRequest, TensorUnknown


@pytest.fixture(scope="module")
def cnn():
    return digit_network()


@pytest.fixture(scope="module")
def dead():
    """Of three rectified units the second never fires between 0 and 1."""
    return explainers.load(
        onnx.parser.parse_model(f"""{HEAD} dead (float[N, 2] input) => (float[N, 3] output)
        <float[2, 3] w = {{1, 1, 0, 1, 1, 2}}, float[3] b = {{0, -9, 0}}> {{
            before = Gemm (input, w, b)
            output = Relu (before)
        }}"""),
        {"inputs": {"input": {"low": 0.0, "high": 1.0}}},
    )


def test_a_neuron_that_never_fires_is_named_with_those_that_do(dead):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(dead, None, METHOD, {"objective": "value"}, {"output": "output", "index": 1})

    detail = refused.value.detail
    assert "unit 1 of 'output' never fires" in detail
    assert "2 fire at the starts: 0, 2" in detail
    assert "'before'" in detail
    found = explainers.explain(dead, None, METHOD, {}, {"output": "before", "index": 1})
    np.testing.assert_allclose(found.arrays["prototype.input"], 1)


def decoder(of: str):
    return onnx.parser.parse_model(f"{HEAD} decoder {of}").SerializeToString()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(float[N, 3] z) => (float[N, 3] y) { y = Tanh (z) }", "z float32[N, 3] into y float32[N, 3]"),
        ("(float[N, 64] z, float[N, 1] k) => (float[N, 64] y) { y = Mul (z, k) }", "k float32[N, 1]"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused_with_both_sides(cnn, text, said):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(cnn, None, METHOD, {"generator": "g"}, models={"g": decoder(text)})

    assert refused.value.pointer == "/params/generator"
    assert said in refused.value.detail
    assert "takes input float32[N, 1, 8, 8]" in refused.value.detail


def test_an_expert_that_is_no_density_is_refused(cnn):
    other = decoder("(float[N, 1, 8, 8] z) => (float[N, 1, 8, 8] y) { y = Tanh (z) }")
    with pytest.raises(InvalidRequest, match="one number per item") as refused:
        explainers.explain(cnn, None, METHOD, {"expert": "e"}, models={"e": other})

    assert refused.value.pointer == "/params/expert"


@pytest.mark.parametrize(
    ("params", "target", "pointer", "said"),
    [
        ({"generator": "/nowhere.onnx"}, None, "/params/generator", "no file"),
        ({"generator": str(DIGITS / "train.py")}, None, "/params/generator", "no ONNX model"),
        (
            {"generator": str(DIGITS / "decoder.onnx"), "blur": 1.0},
            None,
            "/params/blur",
            "generator's code has none",
        ),
        ({"expert": "gaussian"}, None, "/inputs", "send inputs or data"),
        ({"start": "mean"}, None, "/params/start", "send inputs or data"),
        ({"start": [1, 2, 3]}, None, "/params/start", "shape [1, 8, 8]"),
        ({"data": [[1.0, 2.0]]}, None, "/params/data", "rows of shape [1, 8, 8]"),
        ({"data": {"dataset": "none"}, "start": "mean"}, None, "/params/data/dataset", "no data set"),
        ({}, "argmax", "/target/index", "name classes"),
        ({}, 12, "/target/index", "10 (0 to 9)"),
        ({}, {"output": "nolayer"}, "/target/output", "near it"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(cnn, params, target, pointer, said):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(cnn, None, METHOD, params, target)

    assert refused.value.pointer == pointer
    assert said in refused.value.detail


def test_tokens_have_no_prototypes():
    with pytest.raises(InvalidRequest, match=r"ids .int64."):
        explainers.explain(explainers.load(small_model("tokens")), None, METHOD)


def test_a_method_that_explains_inputs_wants_them(cnn):
    with pytest.raises(InvalidRequest, match="explains inputs") as refused:
        explainers.explain(cnn, None, "gradient")
    assert refused.value.pointer == "/inputs"


def test_an_axis_of_unknown_length_comes_from_data_or_a_start():
    model = parsed("""mean (float[N, T] input) => (float[N, 1] output) <int64[1] one = {1}> {
        output = ReduceMean <keepdims = 1> (input, one)
    }""")
    params = {"low": 0, "high": 1, "steps": 200}
    with pytest.raises(InvalidRequest, match="not known"):
        explainers.explain(model, None, METHOD, params)
    for inputs, more in ((np.zeros((1, 5), "f4"), {}), (None, {"start": np.zeros((5,))})):
        found = explainers.explain(model, inputs, METHOD, params | more)
        np.testing.assert_allclose(found.arrays["prototype.input"], np.ones((1, 5)))


def test_a_layer_that_does_not_exist_is_refused_with_those_that_do(cnn):
    with pytest.raises(TensorUnknown) as refused:
        explainers.explain(cnn, np.zeros((1, 1, 8, 8), "f4"), "feature_inversion", {"layer": "conv7"})

    assert refused.value.pointer == "/params/layer"
    assert "did you mean 'conv" in refused.value.detail
    assert "pool0" in refused.value.detail


def test_a_layer_that_is_silent_is_refused(dead):
    with pytest.raises(InvalidRequest, match="zero everywhere for item 1"):
        explainers.explain(dead, np.array([[1, 1], [0, 0]], "f4"), "feature_inversion", {"layer": "output"})
