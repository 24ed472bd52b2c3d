"""The engine that asks: in the order asked; budgets, tolerances, groups and fills."""

from __future__ import annotations

import numpy as np
import pytest

import explainers
from explainers.asking.blocks import MOST_EVALUATIONS, Asker
from explainers.asking.groups import GroupParams, find_groups, grid
from explainers.errors import Cancelled, InvalidRequest, ResourceLimit
from explainers.explainer import Place
from explainers.layout import Shapes
from explainers.run import Run
from explainers.signature import evaluations, read_request
from explainers.types import InputCard

PICTURE = InputCard(kind="image", layout="NCHW")


@pytest.fixture
def run(digits, digit_images):
    return Run(
        digits, read_request({"method": "occlusion"}), {"input": digit_images}, 6, Place(), lambda *_: None
    )


def test_scores_come_in_the_order_of_the_rows(run, digit_images):
    shades = np.linspace(0, 1, 301, dtype=np.float32)[:, None, None, None]
    make = lambda b, e: {"input": shades[b:e] * digit_images[2]}  # noqa: E731
    found = Asker(run, 301).scores(2, 301, make)

    alone = [run.scores({"input": s * digit_images[2:3]}, [2])[0] for s in shades[::50]]
    np.testing.assert_allclose(found[::50], alone, rtol=1e-5, atol=1e-5)


def test_a_progress_that_raises_ends_the_run(digits, digit_images):
    def stop(done, total, unit):
        assert unit == "evaluations"
        assert done <= total
        if done > 100:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        explainers.explain(digits, digit_images, "rise", {"masks": 1000}, progress=stop)


def test_more_than_the_engine_s_limit_is_refused_with_the_cost(run):
    with pytest.raises(ResourceLimit) as refused:
        Asker(run, MOST_EVALUATIONS)

    assert refused.value.extra["evaluations"] == 6 * MOST_EVALUATIONS
    assert run.evaluations == 0


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("occlusion", {"budget": 20}),
        ("feature_ablation", {"budget": 20}),
        ("rise", {"budget": 20}),
        ("kernel_shap", {"budget": 200}),
        ("shapley_sampling", {"budget": 140}),
    ],
)
def test_a_budget_is_kept_and_what_remained_is_said(digits, digit_images, method, params):
    found = explainers.explain(digits, digit_images[:1], method, params)

    # the unperturbed item is asked once besides
    assert found.account.model_evaluations <= params["budget"] + 1
    assert found.account.per_item["remaining"][0] > 0
    assert any("budget" in w for w in found.account.warnings)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("occlusion", {"window": 1, "background": np.zeros((400, 1, 8, 8))}),
        ("feature_ablation", {"groups": "features", "background": np.zeros((400, 1, 8, 8))}),
        ("rise", {"masks": 900_000}),
        ("lime", {"samples": 100_000, "count": 40}),
        ("kernel_shap", {"samples": 200_000, "segments": 40}),
        ("shapley_sampling", {"samples": 20_000, "segments": 40}),
    ],
)
def test_the_time_ends_an_item_with_what_is_known_by_then(digits, digit_images, method, params):
    found = explainers.explain(digits, digit_images[:1], method, {**params, "seconds": 1e-4})

    assert found.account.per_item["remaining"][0] > 0
    assert any("the time of 0.0001 s ended some items" in w for w in found.account.warnings)
    assert np.isfinite(found.attributions["input"]).all()


def test_time_that_suffices_changes_nothing_but_the_order(digits, digit_images):
    params = {"groups": "features"}
    hurried = explainers.explain(digits, digit_images[:1], "feature_ablation", {**params, "seconds": 600.0})
    calm = explainers.explain(digits, digit_images[:1], "feature_ablation", params)

    np.testing.assert_allclose(hurried.attributions["input"], calm.attributions["input"], atol=1e-5)
    assert hurried.account.per_item["remaining"] == [0]


def test_the_tolerance_ends_each_item_when_it_is_reached(digits, digit_images):
    found = explainers.explain(digits, digit_images[:3], "rise", {"masks": 20_000, "tolerance": 0.1}).account

    assert max(found.per_item["standard_error"]) <= 0.1
    assert len(set(found.per_item["samples"])) > 1
    assert max(found.per_item["samples"]) < 20_000
    assert found.per_item["remaining"] == [0, 0, 0]


def test_a_tolerance_out_of_reach_is_said(digits, digit_images):
    found = explainers.explain(digits, digit_images[:1], "rise", {"masks": 50, "tolerance": 1e-6}).account

    assert any("tolerance was not reached" in w for w in found.warnings)


def test_equal_coalitions_are_asked_once(digits, digit_images):
    params = {"segments": 4, "samples": 1000}
    account = explainers.explain(digits, digit_images[:1], "shapley_sampling", params).account

    assert account.model_evaluations == 2**4


def test_a_grid_covers_all_with_patches_of_like_size():
    ids = grid((3, 30, 20), (1, 2), 24)
    sizes = np.bincount(ids.ravel())

    assert len(sizes) == 24
    assert sizes.max() <= 2 * sizes.min()
    assert (ids[0] == ids[2]).all()


@pytest.mark.parametrize(
    ("shape", "card", "count"),
    [
        ((3, 32, 32), PICTURE, 16),
        ((40,), InputCard(kind="tabular"), 40),
        ((12,), InputCard(kind="tokens"), 12),
        ((100, 3), InputCard(kind="series", layout="NTC"), 16),
        ((1, 8, 8, 8), InputCard(kind="volume", layout="NCDHW"), 16),
    ],
)
def test_the_kind_of_data_says_what_goes_together(shape, card, count):
    groups = find_groups(GroupParams(segments=16), Shapes({"input": shape}, {"input": card}))

    assert groups.count == count
    assert np.array_equal(np.unique(groups.ids["input"]), np.arange(count))


@pytest.mark.parametrize(
    ("shape", "card"),
    [
        ((3, 24, 24), PICTURE),
        ((1, 24, 24), PICTURE),
        ((24, 24), InputCard(kind="image", layout="NHW")),
        ((1, 6, 24, 24), InputCard(kind="volume", layout="NCDHW")),
    ],
)
@pytest.mark.parametrize("most", [4, 16, 25])
def test_slic_segments_follow_the_picture(shape, card, most):
    x = np.zeros(shape, np.float32)
    x[..., 9:] = 1
    shapes = Shapes({"input": x.shape}, {"input": card})
    groups = find_groups(GroupParams(groups="slic", segments=most), shapes, {"input": x})

    assert 2 <= groups.count <= most
    left, right = (np.unique(groups.ids["input"][..., half]) for half in (slice(0, 9), slice(9, 24)))
    assert not set(left) & set(right)


def test_slic_segments_are_those_of_the_picture_as_it_looks():
    """However the model takes it: channels turned, normalised each by its own numbers, or last."""
    rgb = np.random.default_rng(0).random((4, 4, 3)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    mean, std = [104.0, 117.0, 123.0], [10.0, 60.0, 200.0]
    bgr = ((rgb[..., ::-1] * 255 - mean) / std).astype(np.float32).transpose(2, 0, 1)

    def segments(x, card):
        shapes = Shapes({"input": x.shape}, {"input": InputCard(kind="image", **card)})
        params = GroupParams(groups="slic", segments=40)
        return find_groups(params, shapes, {"input": x}).ids["input"]

    plain = segments(rgb, {"layout": "NHWC", "low": 0, "high": 1})[..., 0]
    assert plain.max() > 10
    turned = segments(bgr, {"layout": "NCHW", "channels": "BGR", "mean": mean, "std": std})[0]
    np.testing.assert_array_equal(turned, plain)


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"groups": [0, 1, 2]}, "/params/groups"),
        ({"groups": [[-1] * 8] * 8}, "/params/groups"),
        ({"groups": [[0.5] * 8] * 8}, "/params/groups"),
        ({"groups": {"pixels": "grid"}}, "/params/groups/pixels"),
        ({"background": [[1.0, 2.0]]}, "/params/background"),
        ({"samples": 20}, "/params/samples"),
    ],
)
def test_what_does_not_cover_the_input_is_refused_before_work(digits, digit_images, params, pointer):
    request = read_request({"method": "kernel_shap", "params": params})
    with pytest.raises(InvalidRequest) as refused:
        evaluations(request, {"input": digit_images}, digits.description)

    assert refused.value.pointer == pointer


@pytest.mark.parametrize(("samples", "refused"), [(40_000, False), (50_000, True), (None, True)])
def test_a_regression_too_large_for_memory_is_refused_with_its_size(samples, refused):
    groups = 3000 if samples else 20_000
    params = {"groups": "features", "samples": samples}
    request = read_request({"method": "kernel_shap", "params": params})
    x = {"input": np.zeros((1, groups), np.float32)}
    if not refused:
        assert evaluations(request, x) == samples + 2
        return
    with pytest.raises(InvalidRequest, match=rf"of {groups} groups are held at a time, \d+ cells") as found:
        evaluations(request, x)

    assert found.value.pointer == "/params/samples"


@pytest.mark.parametrize(
    ("method", "params", "values", "pointer"),
    [
        ("lime", {"segments": "features", "samples": 100_000}, 2000, "/params/samples"),
        ("shapley_sampling", {"groups": "features", "samples": 8}, 9000, "/params/segments"),
    ],
)
def test_coalitions_that_memory_does_not_hold_are_refused_with_their_number(method, params, values, pointer):
    request = read_request({"method": method, "params": params})
    with pytest.raises(InvalidRequest, match="cells; the limit is 134217728") as found:
        evaluations(request, {"input": np.zeros((1, values), np.float32)})

    assert found.value.pointer == pointer
    assert evaluations(request, {"input": np.zeros((1, values // 2), np.float32)})


def test_too_many_groups_for_all_coalitions_are_refused_with_their_number(digits, digit_images):
    request = read_request({"method": "exact_shapley", "params": {"groups": "features"}})
    with pytest.raises(InvalidRequest, match=r"2\^64"):
        evaluations(request, {"input": digit_images})
