"""What can be searched for: targets, bounds, experts, regularisers; and searches that end early."""

from __future__ import annotations

import numpy as np
import pytest
from reference.prototypes import HEAD, METHOD, digit_network, parsed
from reference.second_opinions import all_digits
from reference.small_models import CARDS, small_inputs, small_model
from reference.tables import with_weights
from sklearn.neural_network import MLPRegressor

import explainers
from explainers.errors import Cancelled, InvalidRequest
from explainers.optimising.mixture import mixture_model


@pytest.fixture(scope="module")
def cnn():
    return digit_network()


# ----- targets -----


def test_a_neuron_and_a_channel_are_driven_by_value(cnn):
    neuron = explainers.explain(
        cnn, None, METHOD, {"steps": 60}, {"output": "conv1", "index": {"at": [5, 1, 2]}}
    )
    channel = explainers.explain(cnn, None, METHOD, {"steps": 60}, {"output": "conv1", "index": {"at": [5]}})

    assert neuron.account.facts["objective"] == channel.account.facts["objective"] == "value"
    for found, part in ((neuron, np.s_[:, 5, 1, 2]), (channel, np.s_[:, 5])):
        session = cnn.forward(
            {"input": found.arrays["prototype.input"]}, explainers.explainer.Place(), ("conv1",)
        )
        maps = session.run({"input": found.arrays["prototype.input"]}, ["conv1"])["conv1"]
        np.testing.assert_allclose(found.account.score, [maps[part].sum()], rtol=1e-4)
        assert found.arrays["curve"][-1, 0] > found.arrays["curve"][0, 0] + 1


def test_every_class_has_its_turn_where_none_is_named(cnn):
    assert explainers.explain(cnn, None, METHOD, {"steps": 2}).account.index == list(range(10))


def test_a_final_sigmoid_is_climbed_by_its_logarithm():
    model = parsed("""yes (float[N, 2] input) => (float[N, 1] output) <float[2, 1] w = {1, -2}> {
        z = MatMul (input, w)
        output = Sigmoid (z)
    }""")
    found = explainers.explain(model, None, METHOD, {"l2": 0.05, "steps": 500})
    x = found.arrays["prototype.input"][0].astype(np.float64)
    z = x @ [1, -2]

    assert found.account.facts["objective"] == "log_sigmoid"
    np.testing.assert_allclose(found.arrays["score"], -np.log1p(np.exp(-z)) - 0.05 * x @ x, rtol=1e-5)
    # where the slope is zero: σ(-z) w = 2 λ x
    np.testing.assert_allclose(np.array([1, -2]) / (1 + np.exp(z)), 2 * 0.05 * x, atol=1e-4)


def test_contrasts_and_weights_are_targets_too(cnn):
    contrast = explainers.explain(cnn, None, METHOD, {"steps": 30}, {"contrast": [3, 8]})
    rows = np.eye(10)[[2, 6]].tolist()
    weights = explainers.explain(
        cnn, None, METHOD, {"steps": 30, "count": 2, "noise": 0.2}, {"weights": rows}
    )

    assert contrast.arrays["prototype.input"].shape == (1, 1, 8, 8)
    assert contrast.account.score[0] > 5
    assert weights.arrays["score"].shape == (4,)


def test_time_may_come_first():
    model = explainers.load(
        small_model("series"),
        {"inputs": {"input": {**CARDS["series"]["inputs"]["input"], "low": -1, "high": 1}}},
    )
    found = explainers.explain(model, small_inputs("series"), METHOD, {"steps": 40})

    assert found.arrays["prototype.input"].shape == (3, 4, 2)
    assert (found.arrays["score"] > found.arrays["curve"][0]).all()


def test_what_cannot_be_searched_for_is_held_at_the_first_item():
    model = parsed("""gated (float[N, 3] x, float[N, 3] gate, int64[N] length) => (float[N, 1] output) <int64[1] one = {1}> {
        both = Mul (x, gate)
        output = ReduceSum <keepdims = 1> (both, one)
    }""")
    inputs = {
        "x": np.zeros((2, 3), "f4"),
        "gate": np.array([[1, 2, 3], [9, 9, 9]], "f4"),
        "length": np.array([3, 3]),
    }
    params = {"explain_inputs": ["x"], "low": 0, "high": 1}
    found = explainers.explain(model, inputs, METHOD, params)

    np.testing.assert_allclose(found.arrays["prototype.x"], 1)
    np.testing.assert_allclose(found.account.score, [6])
    assert set(found.account.held_fixed) == {"gate", "length"}
    with pytest.raises(InvalidRequest, match=r"gate .float32., length .int64. cannot be searched for"):
        explainers.explain(model, None, METHOD, params)


def test_a_model_of_one_item_runs_row_by_row():
    model = parsed("""one (float[1, 3] input) => (float[1, 2] output) <float[3, 2] w = {1, 0, 0, 1, 2, -1}> {
        output = MatMul (input, w)
    }""")
    found = explainers.explain(model, None, METHOD, {"steps": 500, "l2": 0.5, "objective": "value"})

    np.testing.assert_allclose(found.arrays["prototype.input"], [[1, 0, 2], [0, 1, -1]], atol=1e-3)


# ----- regularisers at work -----


@pytest.mark.parametrize(
    "params", [{"total_variation": 0.05}, {"blur": 0.6, "every": 4}, {"parametrisation": "fourier"}]
)
def test_neighbours_become_alike(cnn, params):
    def roughness(more):
        x = explainers.explain(cnn, None, METHOD, {"steps": 64, **more}).arrays["prototype.input"]
        return (np.abs(np.diff(x, axis=2)).sum() + np.abs(np.diff(x, axis=3)).sum()) / x.std()

    assert roughness(params) < 0.9 * roughness({})


def test_clearing_leaves_few_places(cnn):
    found = explainers.explain(
        cnn,
        None,
        METHOD,
        {"contribution_percentile": 60, "norm_percentile": 20, "every": 1, "steps": 40, "start": "zeros"},
    )
    # the middle of the bounds, 0.5, is what a cleared place becomes
    assert (found.arrays["film.input"][-1] == 0.5).reshape(10, -1).mean(1).min() > 0.5


def test_prototypes_stay_within_the_card_s_bounds(cnn):
    for params in ({}, {"parametrisation": "fourier", "jitter": 2}, {"optimizer": "ascent", "rate": 5.0}):
        x = explainers.explain(cnn, None, METHOD, {"steps": 30, **params}).arrays["prototype.input"]
        assert x.min() >= 0
        assert x.max() <= 1


# ----- experts -----


@pytest.mark.parametrize("kind", ["gaussian", "rbm"])
def test_a_fitted_expert_is_returned_and_serves_again(cnn, kind, tmp_path):
    images, _ = all_digits()
    params = {"steps": 20, "start": "mean"}
    first = explainers.explain(cnn, images[:500], METHOD, {**params, "expert": kind})
    path = tmp_path / "expert.onnx"
    path.write_bytes(first.arrays["expert"].tobytes())
    again = explainers.explain(cnn, images[:500], METHOD, {**params, "expert": str(path)})

    assert "expert" not in again.arrays
    np.testing.assert_allclose(again.arrays["score"], first.arrays["score"], rtol=1e-4)
    np.testing.assert_allclose(again.account.per_item["log_p"], first.account.per_item["log_p"], rtol=1e-4)


def test_models_may_come_as_bytes_under_their_names(cnn):
    density = mixture_model(
        (1, 8, 8), np.ones(1), np.full((1, 64), 0.5), 3 * np.eye(64)[None]
    ).SerializeToString()
    found = explainers.explain(
        cnn, None, METHOD, {"expert": "mine", "steps": 200, "expert_weight": 100.0}, models={"mine": density}
    )

    np.testing.assert_allclose(found.arrays["prototype.input"], 0.5, atol=0.02)
    with pytest.raises(
        InvalidRequest, match="no model 'other' came with the request; there are: mine"
    ) as refused:
        explainers.explain(cnn, None, METHOD, {"expert": "other"}, models={"mine": density})
    assert refused.value.pointer == "/params/expert"


# ----- the molecule, in small -----


@pytest.fixture(scope="module")
def molecules():
    """Descriptors of made-up molecules: mass, rings, polar surface, charge; and a solubility that they determine."""
    rng = np.random.default_rng(0)
    low, high = np.array([50.0, 0, 0, -2]), np.array([500.0, 6, 150, 2])
    x = rng.uniform(low, high, (1500, 4))
    unit = (x - low) / (high - low)
    y = 2 * unit[:, 2] - 3 * (unit[:, 0] - 0.4) ** 2 - unit[:, 1] + 0.5 * unit[:, 3] ** 2
    net = MLPRegressor(
        hidden_layer_sizes=(24,), activation="tanh", solver="lbfgs", max_iter=400, random_state=0
    ).fit(unit, y)
    text = f"""{HEAD} solubility (float[N, 4] descriptors) => (float[N, 1] output) {{
        away = Sub (descriptors, low)
        unit = Mul (away, scale)
        first = Gemm (unit, w, b)
        hidden = Tanh (first)
        output = Gemm (hidden, v, c)
    }}"""
    (w, v), (b, c) = net.coefs_, net.intercepts_
    proto = with_weights(text, {"low": low, "scale": 1 / (high - low), "w": w, "b": b, "v": v, "c": c})
    names = ["mass", "rings", "polar surface", "charge"]
    card = {"kind": "tabular", "feature_names": names, "low": low.tolist(), "high": high.tolist()}
    return explainers.load(proto, {"inputs": {"descriptors": card}}), x.astype(np.float32), low, high


def test_the_extreme_molecule_is_found_within_its_bounds(molecules):
    model, x, low, high = molecules
    found = explainers.explain(model, None, METHOD, {"count": 4, "diversity": 0.0, "noise": 0.3})
    grid = np.stack(
        np.meshgrid(*(np.linspace(a, b, 13) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    session = model.forward({"descriptors": x[:1]}, explainers.explainer.Place())
    most = session.run({"descriptors": grid.reshape(-1, 4).astype(np.float32)})["output"].max()

    best = found.arrays["prototype.descriptors"]
    assert (best >= low - 1e-4).all()
    assert (best <= high + 1e-4).all()
    assert max(found.account.score) > session.run({"descriptors": x})["output"].max()
    assert max(found.account.score) > most - 0.01
    # the same output is explained for one molecule
    one = explainers.explain(model, x[:1], "integrated_gradients", {"baseline": best[0].tolist()})
    account = one.account
    np.testing.assert_allclose(
        account.attribution_sum[0], account.score[0] - account.per_item["baseline_score"][0], atol=1e-3
    )


# ----- anytime -----


def test_who_cancels_keeps_the_best_so_far(cnn):
    def progress(done, total, unit):
        assert (total, unit) == (256, "steps")
        if done == 20:
            raise Cancelled("enough")

    found = explainers.explain(cnn, None, METHOD, progress=progress)
    whole = explainers.explain(cnn, None, METHOD)

    assert found.account.facts["cancelled"].startswith("after 20 of 256 steps")
    assert found.arrays["curve"].shape == (20, 10)
    np.testing.assert_allclose(found.arrays["curve"], whole.arrays["curve"][:20], atol=1e-4)
    assert (found.arrays["score"] >= found.arrays["curve"].max(0) - 1e-4).all()


def test_a_budget_ends_the_search_with_the_best_so_far(cnn):
    found = explainers.explain(cnn, None, METHOD, {"budget": 15})

    assert found.arrays["curve"].shape == (15, 10)
    assert "after 15 of 256 steps" in found.account.warnings[0]


# ----- more rows than one batch -----


def test_more_rows_than_a_batch_holds_are_what_they_are_alone(cnn):
    index = [i % 10 for i in range(280)]
    params = {"steps": 12, "frames": 1}
    many = explainers.explain(cnn, None, METHOD, params, {"index": index}).arrays
    ten = explainers.explain(cnn, None, METHOD, params).arrays

    assert many["prototype.input"].shape == (280, 1, 8, 8)
    np.testing.assert_allclose(
        many["prototype.input"], np.tile(ten["prototype.input"], (28, 1, 1, 1)), atol=1e-3
    )
    np.testing.assert_allclose(many["curve"], np.tile(ten["curve"], (1, 28)), atol=1e-3)


def test_rows_in_several_batches_may_have_time_first():
    model = explainers.load(
        small_model("series"),
        {"inputs": {"input": {**CARDS["series"]["inputs"]["input"], "low": -1, "high": 1}}},
    )
    data, params = small_inputs("series"), {"steps": 12, "frames": 1}
    many = explainers.explain(model, data, METHOD, params, {"index": [0, 1, 2] * 90}).arrays[
        "prototype.input"
    ]
    three = explainers.explain(model, data, METHOD, params).arrays["prototype.input"]

    np.testing.assert_allclose(many, np.tile(three, (90, 1, 1)), atol=1e-3)
