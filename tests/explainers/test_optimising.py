"""Parts of the search: slopes against differences, Adam against PyTorch's, densities against SciPy's and sums over states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from explainers.baselines import subject
from explainers.errors import InvalidRequest
from explainers.optimising.adam import OPTIMIZERS, falling
from explainers.optimising.bounds import Box, box_of, open_box
from explainers.optimising.diversity import Likeness
from explainers.optimising.experts import FITTED, Fit, fit_expert
from explainers.optimising.mixture import mixture_model
from explainers.optimising.parametrisation import Fourier, Pixels
from explainers.optimising.rbm import rbm_model
from explainers.optimising.regularisers import Blur, Clipping, Jitter, SquaredNorm, TotalVariation
from explainers.runtime import Session
from explainers.types import InputCard

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 2, 5, 6))


@pytest.mark.parametrize(
    "penalty",
    [SquaredNorm(0.3), TotalVariation(0.2, 2.0, (2, 3)), TotalVariation(0.2, 3.0, (3,)), Likeness(0.7, 2)],
)
def test_a_penalty_s_slope_is_that_of_the_sum(penalty):
    def total(x):
        value = np.zeros(4)
        penalty.take(x, value, np.zeros_like(x))
        return value.sum()

    way, slope, h = RNG.normal(size=X.shape), np.zeros_like(X), 1e-6
    penalty.take(X, np.zeros(4), slope)
    np.testing.assert_allclose(
        (slope * way).sum(), (total(X + h * way) - total(X - h * way)) / (2 * h), rtol=1e-6
    )


def test_adam_is_pytorch_s():
    start, slopes = RNG.normal(size=(3, 4)), RNG.normal(size=(20, 3, 4))
    theirs = torch.tensor(start.copy(), requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.05, maximize=True)
    ours = start.copy()
    adam = OPTIMIZERS["adam"](ours)
    for g in slopes:
        theirs.grad = torch.tensor(g)
        optimizer.step()
        adam.step(ours, g.copy(), 0.05)

    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9)


def test_the_rate_falls_from_all_to_nothing():
    rates = [falling(i, 100) for i in range(101)]

    assert rates[0] == 1
    assert abs(rates[-1]) < 1e-12
    assert (np.diff(rates) < 0).all()


@pytest.mark.parametrize("box", [open_box((2, 5, 6)), Box(np.full((2, 5, 6), -1.0), np.full((2, 5, 6), 3.0))])
def test_fourier_coefficients_give_back_the_image_and_its_slope(box):
    image = np.clip(X, -0.9, 2.9)
    moved = Fourier(image, box, (1, 2))
    np.testing.assert_allclose(moved.image(), image, atol=1e-9)

    weight, way, h = RNG.normal(size=X.shape), RNG.normal(size=X.shape), 1e-6
    slope = (moved.slope(weight.copy()) * way).sum()
    moved.values += h * way
    ahead = (moved.image() * weight).sum()
    moved.values -= 2 * h * way
    behind = (moved.image() * weight).sum()
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-5)


def test_low_frequencies_move_further():
    moved = Fourier(np.zeros((1, 1, 16, 16)), open_box((1, 16, 16)), (1, 2))
    moved.values += RNG.normal(size=moved.values.shape)
    power = np.abs(np.fft.fft2(moved.image()[0, 0])) ** 2

    assert power[:3, :3].mean() > 3 * power[6:10, 6:10].mean()


def test_bounds_clip_pixels_and_hold_coefficients():
    box = Box(np.zeros((2, 5, 6)), np.ones((2, 5, 6)))
    pixels, coefficients = Pixels(X, box), Fourier(np.clip(X, 0, 1), box, (1, 2))
    for moved in (pixels, coefficients):
        moved.values += 100 * RNG.normal(size=X.shape)
        moved.settle()
        assert moved.image().min() >= 0
        assert moved.image().max() <= 1


def test_a_bound_may_be_a_number_one_per_channel_or_one_per_value():
    of = subject("input", (2, 3, 3), InputCard(layout="NCHW"))
    card = InputCard(layout="NCHW", low=-1.0, high=[1.0, 2.0])
    box = box_of(of, card, None, {"input": [3.0, 4.0]})

    assert box.closed
    np.testing.assert_array_equal(box.low, -1)
    np.testing.assert_array_equal(box.high[:, 0, 0], [3, 4])
    with pytest.raises(InvalidRequest, match=r"shape \[2, 3, 3\]"):
        box_of(of, card, None, [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(InvalidRequest, match="low is above high"):
        box_of(of, card, 9.0, None)


def test_weak_places_are_cleared():
    x = np.arange(1.0, 9.0).reshape(1, 2, 4)
    by_norm = Clipping(50, None, np.zeros((2, 4)), "norm").made(x, np.ones_like(x))
    slope = np.array([8.0, 7, 6, 5, 0, 0, 0, 1]).reshape(1, 2, 4)
    by_contribution = Clipping(50, 1, np.zeros((2, 4)), "contribution").made(x, slope)

    np.testing.assert_array_equal(by_norm, [[[0, 0, 0, 0], [5, 6, 7, 8]]])
    # per column |x · slope| is 8, 14, 18, 28
    np.testing.assert_array_equal(by_contribution, [[[0, 0, 3, 4], [0, 0, 7, 8]]])


def test_a_blur_smooths_the_space_alone():
    blurred = Blur(1.0, (2, 3)).made(X, X)

    assert np.abs(np.diff(blurred, axis=2)).sum() < np.abs(np.diff(X, axis=2)).sum() / 2
    np.testing.assert_allclose(blurred[:, 0], Blur(1.0, (1, 2)).made(X[:, 0], X), rtol=1e-9)


def test_what_is_rolled_comes_back():
    jitter = Jitter(2, (2, 3), np.random.default_rng(1))
    ways = set()
    for _ in range(20):
        rolled = jitter.rolled(X)
        np.testing.assert_array_equal(jitter.back(rolled), X)
        ways.add(rolled.tobytes())
    assert len(ways) > 5


def test_a_mixture_is_scipy_s():
    rng, d = np.random.default_rng(1), 3
    means, shares = rng.normal(size=(2, d)), np.array([0.3, 0.7])
    factors = rng.normal(size=(2, d, d))
    covariances = factors @ factors.transpose(0, 2, 1) + 0.2 * np.eye(d)
    roots = np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances])
    x = rng.normal(size=(50, d)).astype(np.float32)
    found = Session(mixture_model((d,), shares, means, roots).SerializeToString()).run({"x": x})["log_p"]

    parts = [
        np.log(s) + multivariate_normal(m, c).logpdf(x)
        for s, m, c in zip(shares, means, covariances, strict=True)
    ]
    np.testing.assert_allclose(found, np.logaddexp.reduce(parts), rtol=1e-4)


def test_a_machine_is_the_sum_over_its_hidden_states():
    rng, d, hidden = np.random.default_rng(2), 4, 5
    mean, deviation, b, c = (
        rng.normal(size=d),
        rng.uniform(0.5, 2, d),
        rng.normal(size=d),
        rng.normal(size=hidden),
    )
    w, x = rng.normal(size=(d, hidden)), rng.normal(size=(6, d)).astype(np.float32)
    model = rbm_model((d,), mean, deviation, w, b, c)
    found = Session(model.SerializeToString()).run({"x": x})["log_p"]

    v = (x - mean) / deviation
    states = np.array(list(itertools.product([0, 1], repeat=hidden)))
    energies = -((v - b) ** 2).sum(1)[:, None] / 2 + states @ c + v @ w @ states.T
    np.testing.assert_allclose(found, np.logaddexp.reduce(energies, axis=1), rtol=1e-4)


@pytest.mark.parametrize("kind", FITTED)
def test_a_fitted_expert_takes_the_data_for_likelier_than_noise(kind):
    from reference.second_opinions import all_digits

    images, _ = all_digits()
    model = fit_expert(kind, images[:1200], Fit(components=5, hidden=32, floor=0.2, seed=0))
    density = Session(model.SerializeToString())
    shuffled = np.random.default_rng(0).permuted(images[1200:].reshape(-1, 64), axis=1).reshape(-1, 1, 8, 8)

    assert np.percentile(density.run({"x": images[1200:]})["log_p"], 5) > np.percentile(
        density.run({"x": shuffled})["log_p"], 95
    )
    again = fit_expert(kind, images[:1200], Fit(components=5, hidden=32, floor=0.2, seed=0))
    assert again.SerializeToString() == model.SerializeToString()


def test_an_expert_needs_data():
    with pytest.raises(InvalidRequest, match="at least 2 items"):
        fit_expert("gaussian", None, Fit(1, 1, 0.1, 0))
    with pytest.raises(InvalidRequest, match="the same"):
        fit_expert("gaussian", np.ones((5, 3)), Fit(1, 1, 0.1, 0))
