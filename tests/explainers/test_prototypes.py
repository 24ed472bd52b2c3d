"""Prototypes against closed forms, against every digit there is, and against a classifier trained apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference.second_opinions import all_digits, mlp_of_digits, second_opinion
from reference.tables import linear

import explainers
from explainers.client import Explanation
from explainers.optimising.data import data_of
from explainers.optimising.encoding import encoded
from explainers.run import Run
from explainers.runtime import Session

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
DECODER, DENSITY = str(DIGITS / "decoder.onnx"), str(DIGITS / "density.onnx")
CARD = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}
METHOD = "activation_maximization"
NORM = 0.01
VARIANTS = {
    "simple": {"l2": NORM},
    "expert": {"expert": DENSITY, "start": "class_mean"},
    "code": {"generator": DECODER, "l2": NORM, "start": "class_mean"},
}


@pytest.fixture(scope="module")
def data():
    return all_digits()


@pytest.fixture(scope="module")
def networks():
    mlp = mlp_of_digits()
    return {"cnn": explainers.load(DIGITS / "digits.onnx", CARD), "mlp": explainers.load(mlp, CARD)}


@pytest.fixture(scope="module")
def found(networks, data):
    """The prototypes of the ten classes, by network and variant."""
    kept: dict[tuple[str, str], Explanation] = {}

    def search(network, variant):
        if (network, variant) not in kept:
            params = VARIANTS[variant] | {"labels": data[1].tolist()}
            kept[network, variant] = explainers.explain(networks[network], data[0], METHOD, params)
        return kept[network, variant]

    return search


def log_probabilities(model, x):
    """Log softmax in float64 of the float32 logits, by a session of the test's own."""
    tensor = "logits"
    session = model.forward(
        {"input": x[:1]}, explainers.explainer.Place(), (tensor,) if tensor not in model.outputs else ()
    )
    z = session.run({"input": x}, [tensor])[tensor].astype(np.float64)
    return z - np.logaddexp.reduce(z, axis=1, keepdims=True)


def log_p(x):
    return Session(Path(DENSITY).read_bytes()).run({"x": x})["log_p"].astype(np.float64)


def squares(a):
    return (a.reshape(len(a), -1).astype(np.float64) ** 2).sum(1)


@pytest.mark.parametrize("optimizer", ["adam", "ascent"])
def test_of_a_linear_model_with_a_norm_it_is_the_closed_form(optimizer):
    w = np.array([3.0, -1.0, 0.25, 0.0, 1.5])
    params = {"l2": 0.5, "steps": 1000, "optimizer": optimizer, "count": 2, "diversity": 0.0}
    x = explainers.explain(explainers.load(linear(w)), None, METHOD, params).arrays["prototype.input"]

    np.testing.assert_allclose(x, np.tile(w / (2 * 0.5), (2, 1)), atol=1e-4)


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_a_simple_prototype_beats_every_digit(found, networks, data, network):
    x = found(network, "simple").arrays["prototype.input"]
    of_data = (log_probabilities(networks[network], data[0]) - NORM * squares(data[0])[:, None]).max(0)
    own = np.diagonal(log_probabilities(networks[network], x)) - NORM * squares(x)

    assert (own > of_data).all(), own - of_data
    np.testing.assert_allclose(found(network, "simple").arrays["score"], own, atol=1e-4)


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_an_expert_s_prototype_beats_every_digit(found, networks, data, network):
    x = found(network, "expert").arrays["prototype.input"]
    of_data = (log_probabilities(networks[network], data[0]) + log_p(data[0])[:, None]).max(0)
    own = np.diagonal(log_probabilities(networks[network], x)) + log_p(x)

    assert (own > of_data).all(), own - of_data
    np.testing.assert_allclose(found(network, "expert").arrays["score"], own, rtol=1e-4)


@pytest.fixture(scope="module")
def codes(data):
    """The codes that decode to what is nearest to each digit."""
    decoder = explainers.load(DECODER)
    run = Run(decoder, None, {}, 1, explainers.explainer.Place(), lambda *_: None)
    run.request = explainers.signature.read_request({"method": METHOD})
    return encoded(run, decoder, "image", data[0])


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_a_code_beats_every_digit(found, networks, data, codes, network):
    arrays = found(network, "code").arrays
    of_data = (log_probabilities(networks[network], data[0]) - NORM * squares(codes)[:, None]).max(0)
    own = np.diagonal(log_probabilities(networks[network], arrays["prototype.input"])) - NORM * squares(
        arrays["code"]
    )

    assert (own > of_data).all(), own - of_data
    np.testing.assert_allclose(arrays["score"], own, atol=1e-4)


def test_digits_are_encoded_and_decoded(codes, data):
    decoded = Session(Path(DECODER).read_bytes()).run({"code": codes})["image"]

    assert np.sqrt(((decoded - data[0]) ** 2).mean()) < 0.1


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_a_prototype_in_code_space_is_what_the_decoder_makes_of_its_code(found, network):
    arrays = found(network, "code").arrays
    decoded = Session(Path(DECODER).read_bytes()).run({"code": arrays["code"]})["image"]

    np.testing.assert_allclose(arrays["prototype.input"], decoded, atol=1e-6)


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_a_second_classifier_agrees_with_prototypes_in_code_space(found, network):
    x = found(network, "code").arrays["prototype.input"]

    assert (second_opinion().predict(x.reshape(10, 64)) == np.arange(10)).sum() >= 9


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_an_expert_s_prototypes_are_likelier_than_simple_ones(found, network):
    expert, simple = (log_p(found(network, v).arrays["prototype.input"]) for v in ("expert", "simple"))

    assert (expert > simple).all()
    np.testing.assert_allclose(found(network, "expert").account.per_item["log_p"], expert, rtol=1e-4)


def test_the_ten_classes_share_a_batch(found):
    explanation = found("cnn", "simple")
    arrays, account = explanation.arrays, explanation.account

    assert explanation.inputs is None
    assert not explanation.attributions
    assert account.one_by_one == ""
    assert account.items == 10
    assert account.index == list(range(10))
    assert arrays["prototype.input"].shape == (10, 1, 8, 8)
    assert arrays["curve"].shape == (256, 10)
    assert arrays["film.input"].shape == (12, 10, 1, 8, 8)
    # one row of the gradient graph for each step of each class, and one more to evaluate the best
    assert account.model_evaluations == 10 * 257


def test_the_objective_rises(found):
    curve = found("cnn", "simple").arrays["curve"]

    assert (curve[-1] > curve[0] + 0.1).all()
    assert (curve.max(0) <= found("cnn", "simple").arrays["score"] + 1e-5).all()


def test_the_film_ends_where_the_search_does(found):
    explanation = found("cnn", "simple")
    steps = explanation.account.facts["film_steps"]

    assert steps[0] == 0
    assert steps[-1] == 255
    np.testing.assert_allclose(
        explanation.arrays["film.input"][-1], explanation.arrays["prototype.input"], atol=0.01
    )


def test_the_seed_repeats(networks):
    params = {"steps": 8, "jitter": 1, "blur": 0.5, "every": 3}
    one, again, other = (
        explainers.explain(networks["cnn"], None, METHOD, params, target={"index": [1, 2]}, seed=s).arrays[
            "prototype.input"
        ]
        for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_alone_is_what_it_is_among_others(networks):
    both = explainers.explain(networks["cnn"], None, METHOD, {"steps": 50}, target={"index": [4, 7]}).arrays[
        "prototype.input"
    ]
    alone = explainers.explain(networks["cnn"], None, METHOD, {"steps": 50}, target=7).arrays[
        "prototype.input"
    ]

    np.testing.assert_allclose(both[1], alone[0], atol=1e-3)


def cosine(rows):
    """The mean cosine between different rows of each target."""
    unit = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    return ((unit @ unit.swapaxes(1, 2)).sum((1, 2)) - 3).mean() / 6


def test_several_prototypes_differ_and_the_account_says_how_far(networks):
    near, far = (
        explainers.explain(
            networks["cnn"], None, METHOD, {"count": 3, "diversity": d}, target={"index": [0, 8]}
        )
        for d in (0.0, 3.0)
    )
    x = far.arrays["prototype.input"].reshape(2, 3, 64)
    told = far.account.facts["pairwise_distances"]

    np.testing.assert_allclose(
        told[1], [np.linalg.norm(x[1, i] - x[1, j]) for i, j in ((0, 1), (0, 2), (1, 2))], rtol=1e-5
    )
    assert cosine(x) < 0.9 * cosine(near.arrays["prototype.input"].reshape(2, 3, 64))
    assert far.account.index == [0, 0, 0, 8, 8, 8]
    logs = log_probabilities(networks["cnn"], far.arrays["prototype.input"])
    np.testing.assert_array_equal(logs.argmax(1), far.account.index)
    # what keeps prototypes apart is no part of what each is worth
    np.testing.assert_allclose(far.arrays["score"], logs.max(1), atol=1e-5)


def test_data_may_come_as_a_parameter(networks, data):
    rows = data[0][:200]
    params = {"start": "mean", "steps": 1, "frames": 1}
    by_inputs = explainers.explain(networks["cnn"], rows, METHOD, params)
    by_params = explainers.explain(networks["cnn"], None, METHOD, {**params, "data": rows})

    np.testing.assert_allclose(by_inputs.arrays["film.input"][0, 0], rows.mean(0), atol=1e-6)
    np.testing.assert_allclose(by_params.arrays["film.input"], by_inputs.arrays["film.input"], atol=1e-6)


def test_class_means_are_means_of_classes(networks, data):
    params = {"start": "class_mean", "steps": 1, "labels": data[1].tolist()}
    begun = explainers.explain(networks["cnn"], data[0], METHOD, params, target={"index": [3, 5]}).arrays[
        "film.input"
    ][0]

    np.testing.assert_allclose(begun, [data[0][data[1] == c].mean(0) for c in (3, 5)], atol=1e-6)


def test_nothing_is_data_where_nothing_is_given(networks):
    run = Run(networks["cnn"], None, {}, 1, explainers.explainer.Place(), lambda *_: None)

    assert data_of(run, None, "input") is None
