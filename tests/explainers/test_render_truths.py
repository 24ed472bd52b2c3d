"""What each kind of picture shows: the numbers in the figure are those of the explanation."""

from __future__ import annotations

import numpy as np
import pytest
from reference.scenes import (
    LABELS,
    figure,
    normal,
    of_a_table,
    of_columns_of_words,
    of_curves,
    of_inversions,
    of_patches,
    of_weights,
    scene,
)  # fmt: skip

from explainers import errors
from explainers.render import Scene, draw


def test_bars_have_whiskers_as_long_as_the_errors():
    s = of_a_table(0, 4)
    (axes,) = draw(s, "bars").axes
    (whiskers,) = [c for c in axes.containers if type(c).__name__ == "ErrorbarContainer"]
    spans = [float(np.ptp(seg[:, 0])) / 2 for seg in whiskers.lines[2][0].get_segments()]
    values = np.abs(s.explanation.arrays["attribution.x"][0])
    np.testing.assert_allclose(sorted(spans), sorted(0.1 * values), rtol=1e-6)
    assert axes.get_xlabel().endswith("± one standard error")


@pytest.mark.parametrize(("pixels", "title"), [(16, "each segment"), (4, "the 8 strongest of 16")])
def test_segments_have_the_colours_of_the_scale_beside_their_input(pixels, title):
    numbers = np.arange(64).reshape(1, 1, 8, 8) // pixels
    worth = normal(64 // pixels)
    arrays = {"attribution.x": worth[numbers], "segment.x": numbers}
    given = np.linspace(0, 1, 64).reshape(1, 1, 8, 8)
    card = {"kind": "image", "layout": "NCHW", "low": 0, "high": 1}
    seen, cut, strongest, scale = draw(scene(arrays, card, {"x": given}), "segments").axes
    np.testing.assert_allclose(seen.get_images()[0].get_array(), given[0, 0])
    bar = scale._colorbar
    want = bar.cmap(bar.norm(worth[numbers[0, 0]]))[..., :3]
    np.testing.assert_allclose(cut.get_images()[0].get_array(), want)
    assert (strongest.get_title(), len(strongest.patches)) == (title, min(len(worth), 8))


def test_a_waterfall_falls_from_the_baseline_to_the_score():
    s = of_a_table()
    (axes,) = draw(s, "waterfall").axes
    steps = [p for p in axes.patches if p.get_height() > 0.5]
    np.testing.assert_allclose(steps[0].get_x(), 0.5)
    np.testing.assert_allclose(
        steps[-1].get_x() + steps[-1].get_width(), s.explanation.account.score[0], rtol=1e-6
    )


def test_a_waterfall_says_what_was_not_shared_out():
    s = of_a_table(0, 4)
    s.explanation.account.score[0] += 1.0
    labels = [t.get_text() for t in draw(s, "waterfall").axes[0].get_yticklabels()]
    assert labels[-1] == "not shared out"


def test_what_is_no_share_of_the_score_has_no_waterfall():
    s = of_a_table(0, 4)
    s.explanation.account.method = "meaningful_perturbation"
    with pytest.raises(errors.InvalidRequest, match="there are: bars"):
        draw(s, "waterfall")


def test_groups_are_one_bar_each():
    card = {"kind": "tabular", "feature_names": ["a", "b", "c"]}
    values = np.array([[2.0, 2.0, -1.0]])
    s = scene({"attribution.x": values}, card, {"x": normal(1, 3)}, params={"groups": [7, 7, 3]})
    assert [t.get_text().split(" =")[0] for t in draw(s).axes[0].get_yticklabels()] == ["a + b", "c"]


def rows_of(drawn):
    """What the rows of a picture are called, without what the item has there."""
    return [t.get_text().split(" =")[0] for t in drawn.axes[0].get_yticklabels()]


@pytest.mark.parametrize("params", [{"groups": "grid", "segments": 2}, {"segments": "windows", "count": 2}])
def test_patches_of_a_table_are_one_bar_each(params):
    card = {"kind": "tabular", "feature_names": list("abcd")}
    figures = {"method": "kernel_shap", "score": [4.5] * 3, "per_item": {"baseline_score": [0.5] * 3}}
    arrays = {"attribution.x": np.array([[5.0, 5.0, -1.0, -1.0]])}
    s = scene(arrays, card, {"x": normal(1, 4)}, params=params, **figures)

    assert rows_of(draw(s)) == ["a + b", "c + d"]
    # each patch is one step: nothing is left that was not shared out
    assert rows_of(draw(s, "waterfall")) == ["a + b", "c + d"]


def test_columns_that_go_together_are_one_bar():
    arrays = {f"attribution.{n}": np.array([[v]]) for n, v in (("age", 1.0), ("height", -2.0), ("fare", 1.0))}
    inputs = {n: np.array([[40]]) for n in ("age", "height", "fare")}
    drawn = draw(scene(arrays, inputs=inputs, params={"groups": [1, 0, 1]}))
    assert rows_of(drawn) == ["height", "age + fare"]


def test_the_importance_of_features_that_go_together_is_one_bar():
    card = {"kind": "tabular", "feature_names": list("abc")}
    arrays = {"importance.x": np.array([2.0, 2.0, 1.0]), "repeats.x": np.array([[1.5, 0.5], [2.5, 1.5]])}
    s = scene(arrays, card, {"x": normal(3, 3)}, None, params={"groups": [0, 0, 1]})
    drawn = draw(s, "importance")
    assert rows_of(drawn) == ["a + b", "c"]
    dots = [c.get_offsets()[:, 0].tolist() for c in drawn.axes[0].collections if len(c.get_offsets()) == 2]
    assert dots == [[1.5, 2.5], [0.5, 1.5]]


def test_a_line_of_importances_is_called_so():
    arrays = {"importance.x": normal(40), "repeats.x": normal(2, 4)}
    drawn = draw(scene(arrays, {"kind": "series", "layout": "NT"}, item=None))
    assert drawn.axes[0].get_ylabel() == "importance"


def test_columns_of_their_own_are_one_table():
    arrays = {f"attribution.{n}": np.array([[v]]) for n, v in (("age", 1.0), ("height", -2.0))}
    s = scene(arrays, inputs={"age": np.array([[40]]), "height": np.array([[1.8]])})
    assert [t.get_text() for t in draw(s).axes[0].get_yticklabels()] == ["height = 1.8", "age = 40"]


def test_a_series_runs_on_its_clock():
    *panels, _ = figure("series").axes
    assert panels[-1].get_xlabel() == "time in s, 50 samples per second"
    assert panels[0].get_xlim() == pytest.approx((-0.01, 1.99))
    assert [a.get_ylabel() for a in panels] == ["left", "right"]


def test_a_video_shows_when_each_frame_was():
    card = {"kind": "volume", "layout": "NTHWC", "rate": 10.0}
    drawn = draw(scene({"attribution.x": normal(3, 4, 8, 8, 3)}, card))
    assert [a.get_title() for a in drawn.axes[:4]] == ["0 s", "0.1 s", "0.2 s", "0.3 s"]


def test_the_strongest_slice_is_always_shown():
    values = np.zeros((3, 1, 100, 8, 8))
    values[0, 0, 41] = 1
    drawn = draw(scene({"attribution.x": values}, {"kind": "volume", "layout": "NCDHW"}))
    assert "slice 41" in [a.get_title() for a in drawn.axes]


def test_a_beeswarm_has_a_dot_for_every_item_and_feature():
    s = of_a_table(None, 4)
    swarm, bar = draw(s).axes
    assert [len(c.get_offsets()) for c in swarm.collections] == [3] * 4
    assert swarm.get_xlim()[0] == -swarm.get_xlim()[1]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["low", "high"]


def test_items_whose_inputs_did_not_come_along_are_left_out():
    s = of_a_table(None, 4)
    s.inputs["x"] = s.inputs["x"][:2]
    assert [len(c.get_offsets()) for c in draw(s).axes[0].collections] == [2] * 4


def test_items_that_failed_are_no_dots_at_zero():
    s = of_a_table(None, 4)
    s.explanation.arrays["attribution.x"][1] = np.nan
    found = draw(s)
    assert [len(c.get_offsets()) for c in found.axes[0].collections] == [2] * 4
    assert "2 of them are drawn" in found._supxlabel.get_text()


def test_the_mean_curve_is_drawn_over_the_items():
    s = of_curves()
    panel = draw(s).axes[0]
    assert len(panel.get_lines()) == 41
    mean = s.explanation.arrays["ice.x"].mean(0)
    widest = np.ptp(mean, axis=1).argmax()
    np.testing.assert_allclose(panel.get_lines()[-1].get_ydata(), mean[widest])
    assert panel.get_xlabel() == f"name {2 * widest}"


def test_curves_write_powers_of_ten_at_their_ticks():
    arrays = {"ice.x": 1e7 * normal(3, 2, 4), "grid.x": 1e-7 * np.sort(normal(2, 4))}
    drawn = draw(
        scene(arrays, {"kind": "tabular"}, {"x": normal(3, 2)}, None, facts={"features": {"x": [0, 1]}})
    )
    drawn.canvas.draw()
    corners = [axis.get_offset_text().get_text() for a in drawn.axes for axis in (a.xaxis, a.yaxis)]
    assert set(corners) == {""}
    assert "e+0" in drawn.axes[0].get_yticklabels()[0].get_text()


def test_prototypes_say_their_class_and_score():
    titles = [a.get_title() for a in figure("prototype").axes]
    assert titles == ["zero: -0.1", "one: -0.2", "two: -0.3"]


def test_a_film_runs_from_the_first_frame_to_the_last():
    titles = [a.get_title() for a in figure("film").axes if a.get_title()]
    assert (titles[0], titles[-1], len(titles)) == ("frame 0", "frame 11", 9)


def test_what_lies_outside_of_an_item_is_no_black_pixel():
    drawn = figure("patches").axes[0].get_images()[0].get_array()
    np.testing.assert_array_equal(drawn[:2], 0.85)
    np.testing.assert_array_equal(drawn[:, 3:], 0.85)
    assert not (drawn[2:, :3] == 0.85).any()


def test_an_inversion_stands_behind_its_item():
    titles = [a.get_title() for a in draw(of_inversions()).axes]
    assert titles[:3] == ["item 0", "from item 0: 0.1", "from item 0: 0.2"]
    assert len(titles) == 6


def test_curves_of_what_is_no_table_say_where_they_are():
    arrays = {"ice.x": normal(3, 2, 4), "grid.x": np.sort(normal(2, 4))}
    card = {"kind": "series", "layout": "NTC", "feature_names": ["left", "right"]}
    s = scene(arrays, card, {"x": normal(3, 10, 2)}, None, facts={"features": {"x": [0, 7]}})
    assert {a.get_xlabel() for a in draw(s).axes} == {"T 0, C 0", "T 3, C 1"}


def test_weights_are_shown_by_their_mean_size():
    s = of_weights()
    (axes,) = draw(s, "magnitude").axes
    sizes = s.explanation.arrays["importance.x"].mean(0)
    np.testing.assert_allclose([p.get_width() for p in axes.patches], sorted(sizes, reverse=True))
    assert axes.get_xlabel() == "size of the weight, mean over 3 outputs"


def test_curves_of_columns_have_the_columns_names_and_their_words():
    panels = {a.get_xlabel(): a for a in draw(of_columns_of_words()).axes}
    assert panels.keys() == {"colour", "age"}
    assert [t.get_text() for t in panels["colour"].get_xticklabels()] == ["blue", "green", "red"]


def test_channels_are_those_of_the_layer():
    held = np.zeros((1, 6, 6, 3))
    held[..., 1] = 1
    s = scene({"activation.c": held}, items=1, facts={"unit_axis": {"c": 3}})
    maps = [a.get_images()[0].get_array().mean() for a in draw(s).axes[:3]]
    assert maps == [0, 1, 0]


def test_patches_name_activation_and_item():
    s = of_patches()
    numbers = s.explanation.arrays
    assert draw(s).axes[0].get_title() == f"{numbers['activation'][0, 0]:.3g} ({numbers['item'][0, 0]})"


def test_a_map_has_labels_in_the_legend_and_images_in_place():
    (axes,) = figure("embedding").axes
    assert [t.get_text() for t in axes.get_legend().get_texts()] == LABELS
    assert len([a for a in axes.artists if type(a).__name__ == "AnnotationBbox"]) > 10


def test_attention_has_tokens_at_its_sides():
    panels = figure("attention").axes
    words = [t.get_text() for t in panels[0].get_yticklabels()]
    assert words == ["the", "film", "was", "not", "so", "very", "bad", "."]
    assert [a.get_title() for a in panels[:4]] == ["head 0", "head 1", "head 2", "head 3"]


def test_one_of_several_layers_is_asked_for_by_name():
    s = scene({"filter.a": normal(4, 1, 3, 3), "filter.b": normal(6, 1, 3, 3)}, item=None)
    tiles = {of: draw(Scene(s.explanation, {}, s.card, None, of)).axes for of in ("a", "b")}
    assert [len(t) - 1 for t in tiles.values()] == [4, 6]
    with pytest.raises(errors.InvalidRequest, match="'c' to draw under filter; there is that of a, b"):
        draw(Scene(s.explanation, {}, s.card, None, "c"))


@pytest.mark.parametrize(
    ("index", "words"),
    [([1, 1, 1], "explains class CLASS"), ([0, 1, 1], "explains each item's own class"), ([], None)],
)
def test_curves_say_which_class_they_are_of(index, words):
    s = of_curves()
    s.explanation.account.index = index
    line = draw(s, "dependence")._supxlabel.get_text()

    assert (words.replace("CLASS", LABELS[1]) in line) if words else "explains" not in line
