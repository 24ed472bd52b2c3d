"""Top activations against a brute-force search; patches and projections against what they are cut from."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from reference.small_models import CARDS, small_inputs, small_model
from sklearn.datasets import load_digits

import explainers
from explainers.errors import InvalidRequest, OperatorsWithoutDerivative, TensorUnknown
from explainers.inside.receptive import BLOCK

EVERY = {"layer": "maps", "top": 4}


@pytest.fixture(scope="module")
def images():
    return (load_digits().images[:300, None] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def shallow():
    """A model with a hidden neuron that is always off."""
    proto = small_model("image")
    weights = {t.name: t for t in proto.graph.initializer}
    bias = numpy_helper.to_array(weights["b"]).copy()
    bias[2] = -100
    weights["b"].CopyFrom(numpy_helper.from_array(bias, "b"))
    return explainers.load(proto)


def read(model, name, x):
    """The layer's values by bare onnxruntime, one item at a time."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    proto.graph.output.append(onnx.ValueInfoProto(name=name))
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run([name], {"input": x[i : i + 1]})[0] for i in range(len(x))])


def brute(values, top):
    """Per channel: the items in order of their greatest value, and the place of that value."""
    found = []
    for channel in range(values.shape[1]):
        best = [(-values[i, channel].max(), i) for i in range(len(values))]
        order = [i for _, i in sorted(best)][:top]
        where = [np.unravel_index(values[i, channel].argmax(), values.shape[2:]) for i in order]
        found.append((order, [values[i, channel].max() for i in order], where))
    return found


@pytest.mark.parametrize("layer", ["relu0", "relu1", "pool1", "logits"])
def test_the_items_are_those_of_a_brute_force_search(digits, images, layer):
    arrays = explainers.explain(digits, images, "top_activations", {"layer": layer, "top": 5}).arrays

    for row, (items, values, where) in enumerate(brute(read(digits, layer, images), 5)):
        np.testing.assert_allclose(arrays["activation"][row], values, rtol=1e-5)
        np.testing.assert_array_equal(arrays["item"][row], items)
        if "position" in arrays:
            np.testing.assert_array_equal(arrays["position"][row], where)


def test_a_patch_is_the_box_cut_out_of_its_item(digits, images):
    arrays = explainers.explain(digits, images, "top_activations", {"layer": "relu1", "top": 6}).arrays
    assert arrays["patch.input"].shape == (32, 6, 1, 7, 7)

    seen = set()
    for unit in range(32):
        for k in range(6):
            top, left, bottom, right = arrays["box"][unit, k]
            patch, item = arrays["patch.input"][unit, k], images[arrays["item"][unit, k]]
            part = item[:, top:bottom, left:right]
            at = [n - (b - a) if a == 0 and b < 8 else 0 for n, a, b in ((7, top, bottom), (7, left, right))]
            inside = patch[:, at[0] : at[0] + bottom - top, at[1] : at[1] + right - left]
            np.testing.assert_array_equal(inside, part)
            assert np.isclose(np.abs(patch).sum(), np.abs(part).sum(), rtol=1e-5)
            seen.add((bottom - top, right - left))
    assert len(seen) > 1


def test_only_the_box_drives_the_unit(digits, images):
    arrays = explainers.explain(digits, images, "top_activations", {"layer": "relu1", "top": 3}).arrays
    rng = np.random.default_rng(0)
    for unit in range(0, 32, 5):
        for k in range(3):
            top, left, bottom, right = arrays["box"][unit, k]
            other = rng.random((1, 1, 8, 8), np.float32)
            other[..., top:bottom, left:right] = images[arrays["item"][unit, k], :, top:bottom, left:right]
            y, x = arrays["position"][unit, k]
            np.testing.assert_allclose(
                read(digits, "relu1", other)[0, unit, y, x], arrays["activation"][unit, k], rtol=1e-4
            )


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop", "lrp"])
def test_a_projection_is_the_method_s_own_answer_cut_to_the_box(digits, images, method):
    params = {"layer": "relu1", "top": 2, "units": [4, 9], "project": method}
    arrays = explainers.explain(digits, images, "top_activations", params).arrays

    for row, unit in enumerate([4, 9]):
        for k in range(2):
            weights = np.zeros((32, 4, 4))
            weights[(unit, *arrays["position"][row, k])] = 1
            item = images[arrays["item"][row, k]][None]
            target = {"output": "relu1", "weights": weights.tolist()}
            whole = explainers.explain(digits, item, method, target=target).attributions["input"][0]
            top, left, bottom, right = arrays["box"][row, k]
            part = arrays["projection.input"][row, k]
            assert not whole[:, :top].any()
            assert not whole[:, :, right:].any()
            np.testing.assert_allclose(part.sum(), whole.sum(), rtol=1e-4)
            np.testing.assert_allclose(
                np.abs(part).max(), np.abs(whole[:, top:bottom, left:right]).max(), rtol=1e-5
            )


def test_projected_relevance_sums_to_the_activation(digits, images):
    params = {"layer": "norm1", "top": 3, "units": [1, 2, 3], "project": "lrp"}
    found = explainers.explain(digits, images, "top_activations", params).arrays

    assert found["projection.input"].any()
    assert (np.sign(found["projection.input"].sum((2, 3, 4))) == np.sign(found["activation"])).all()


def test_a_data_set_in_blocks_gives_what_it_gives_at_once(digits, images):
    once = explainers.explain(digits, images, "top_activations", EVERY | {"layer": "relu0"}).arrays
    twice = explainers.explain(
        digits, np.concatenate([images, images]), "top_activations", EVERY | {"layer": "relu0"}
    ).arrays

    # equals keep their order: each item comes again behind itself
    np.testing.assert_array_equal(twice["activation"][:, ::2], once["activation"][:, :2])
    assert {tuple(v) for v in twice["item"].reshape(-1, 2) % 300 if v[0] != v[1]} <= {
        tuple(v) for v in once["item"][:, :2]
    } | {(b, a) for a, b in once["item"][:, :2]}


def test_steps_first_or_tokens(images):
    del images
    series = explainers.load(small_model("series"), CARDS["series"])
    x = small_inputs("series", items=6)
    found = explainers.explain(series, x, "top_activations", {"layer": "hidden", "top": 2}).arrays
    values = np.tanh(x["input"].transpose(1, 0, 2) @ _weight("series", "w"))
    for unit in range(5):
        best = values[..., unit].max(1)
        np.testing.assert_array_equal(found["item"][unit], np.argsort(-best, kind="stable")[:2])
        np.testing.assert_allclose(found["activation"][unit], np.sort(best)[::-1][:2], rtol=1e-5)
        step = values[found["item"][unit], :, unit].argmax(1)
        np.testing.assert_array_equal(found["box"][unit], np.stack([step, step + 1], 1))
        np.testing.assert_array_equal(found["patch.input"][unit][:, 0], x["input"][step, found["item"][unit]])

    tokens = explainers.load(small_model("tokens"))
    ids = small_inputs("tokens", items=8)
    found = explainers.explain(tokens, ids, "top_activations", {"layer": "both", "top": 1}).arrays
    assert found["patch.ids"].shape == (5, 1, 1)
    assert (found["box"][..., 1] - found["box"][..., 0] == 1).all()


def _weight(model, name):
    return next(numpy_helper.to_array(t) for t in small_model(model).graph.initializer if t.name == name)


def test_a_neuron_that_never_fires_is_left_out_and_refused_by_name(shallow):
    x = small_inputs("image", items=5)
    found = explainers.explain(shallow, x, "top_activations", {"layer": "active"})
    np.testing.assert_array_equal(found.arrays["unit"], [0, 1, 3])
    assert found.account.facts["never_fired"] == [2]
    assert "never fire" in found.account.warnings[0]

    with pytest.raises(InvalidRequest, match=r"unit 2 of 'active' never fires .* these do: 1, 3") as e:
        explainers.explain(shallow, x, "top_activations", {"layer": "active", "units": [1, 2, 3]})
    assert e.value.pointer == "/params/units"


def test_a_layer_that_does_not_exist_is_refused_with_those_that_do(digits, images):
    with pytest.raises(
        TensorUnknown, match="near it: relu1, relu0; its layers with weights give: relu0, relu1, logits"
    ) as e:
        explainers.explain(digits, images[:2], "top_activations", {"layer": "relu7"})

    assert e.value.pointer == "/params/layer"
    assert e.value.extra["layers"] == ["relu0", "relu1", "logits"]


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"units": [32]}, "/params/units/0"),
        ({"axis": 4}, "/params/axis"),
        ({"layer": "input"}, "/params/layer"),
        ({"top": 0}, "/params/top"),
        ({"project": "gradient"}, "/params/project"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(digits, images, params, pointer):
    with pytest.raises(InvalidRequest) as e:
        explainers.explain(digits, images[:3], "top_activations", params)

    assert {f["pointer"] for f in e.value.to_json()["errors"]} == {pointer}


def test_only_the_projection_needs_a_derivative():
    proto = small_model("image")
    steps = [n for n in proto.graph.node if n.op_type == "Relu"]
    steps[0].op_type = "Ceil"
    model, x = explainers.load(proto), small_inputs("image", items=4)
    assert not model.description.families["backward"].supported
    found = explainers.explain(model, x, "top_activations", {"layer": "active", "top": 2}).arrays
    assert found["patch.input"].shape == (4, 2, 1, 3, 3)

    with pytest.raises(OperatorsWithoutDerivative, match="Ceil"):
        explainers.explain(model, x, "top_activations", {"layer": "pooled", "project": "deconvnet"})


def test_no_chunk_of_questions_is_lost(digits, images):
    every = {"layer": "pool0", "top": 20}
    found = explainers.explain(digits, images, "top_activations", every).arrays
    assert found["item"].size < BLOCK
    many = explainers.explain(digits, images, "top_activations", every | {"top": 90}).arrays

    assert many["item"].size > BLOCK
    np.testing.assert_array_equal(many["box"][:, :20], found["box"])
