"""Maps that lie about a score of their own are drawn about it: the same picture as of the differences alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from reference.scenes import (
    normal,
    of_a_table,
    of_columns,
    of_images,
    of_series,
    of_volumes,
    of_words,
    offset,
    scene,
)  # fmt: skip

from explainers.registry import methods
from explainers.render import Scene, draw, picture
from explainers.render.raster import overlay
from explainers.render.subject import about, subject
from explainers.types import Explanation

KINDS = {
    "image": of_images, "images": lambda: replace(of_images(), item=None), "table": of_a_table,
    "tables": lambda: of_a_table(None), "columns": of_columns, "words": of_words, "series": of_series,
    "volume": of_volumes, "matrix": lambda: scene({"attribution.x": normal(3, 12, 33)}),
}  # fmt: skip
WORDS = "above or below the mean score of masked copies"


def seen(figure):
    """What a figure shows but for its words: pixels, bars, dots."""
    images = [np.asarray(i.get_array(), float) for a in figure.axes for i in a.get_images()]
    bars = [np.array([p.get_width() for p in a.patches if isinstance(p, Rectangle)]) for a in figure.axes]
    dots = [np.asarray(c.get_offsets()) for a in figure.axes[:1] for c in a.collections]
    colours = [np.array(p.get_facecolor()) for p in figure.artists]
    scales = [np.array(a.get_xlim() + a.get_ylim()) for a in figure.axes]
    return images + bars + dots + colours + scales


def labels(figure):
    return [w for a in figure.axes for w in (a.get_xlabel(), a.get_ylabel()) if w]


@pytest.mark.parametrize("kind", KINDS)
def test_an_offset_changes_no_colour_and_no_bar(kind):
    plain = KINDS[kind]()
    moved = offset(plain)
    first, second = seen(draw(plain)), seen(draw(moved))
    assert sum(a.size for a in first) > 5
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_says_what_white_is(kind):
    figure = draw(offset(KINDS[kind]()))
    (said,) = [w.replace("\n", " ") for w in labels(figure) if w.startswith("above")]
    value = "" if kind in ("images", "tables") else ", -7.5"
    assert said in (WORDS + value, f"{WORDS}{value}, ± one standard error; 10 smaller left out")


def test_inputs_with_masks_of_their_own_have_centres_of_their_own():
    drawn = offset(of_columns(), names=(".age", ".fare"))
    drawn.explanation.account.per_item["masked_score.fare"] = [1.0, 2.0, 3.0]
    raw = drawn.explanation.arrays
    np.testing.assert_allclose(drawn.one("attribution.age"), raw["attribution.age"][0] + 7.5)
    np.testing.assert_allclose(drawn.whole("attribution.fare"), raw["attribution.fare"] - [[1], [2], [3]])
    # one scale for both says no value
    assert WORDS in labels(draw(drawn))


def test_items_are_where_the_card_says():
    values = normal(4, 3)
    account = scene({}).explanation.account
    account = account.model_copy(update={"method": "rise", "per_item": {"masked_score": [1.0, 2.0, 3.0]}})
    drawn = scene({}, {"batch_axis": 1}, item=2)
    drawn = replace(drawn, explanation=Explanation({"attribution.x": values}, account))
    np.testing.assert_allclose(drawn.one("attribution.x"), values[:, 2] - 3)


def test_padding_that_no_mask_covers_is_left_out_of_the_words():
    words = np.array([["a", "film", "[PAD]", "[PAD]"]])
    values = np.array([[1.0, -1.0, 0.0, 0.0]])
    drawn = offset(scene({"attribution.x": values}, {"kind": "text"}, {"x": words}, items=1))
    page = picture(drawn.explanation, drawn.inputs, 0, drawn.card, format="html").decode()
    assert page.count("[PAD]") == 1
    assert f"{WORDS}, -7.5; underlined: against" in page
    assert 'title="-1"' in page


def test_a_hidden_picture_is_seen_again():
    values = np.full((1, 1, 8, 8), -7.5)
    values[0, 0, 0, 0] = -7.0
    given = scene(
        {"attribution.x": values}, {"kind": "image", "low": 0, "high": 1}, {"x": normal(1, 1, 8, 8)}, items=1
    )
    drawn = offset(
        replace(given, explanation=Explanation({"attribution.x": values + 7.5}, given.explanation.account))
    )
    pixels = overlay(subject(drawn))
    assert np.ptp(pixels[1:], axis=-1).max() < 1e-9, "what is the mean has the ground's grey"
    assert np.ptp(pixels[0, 0]) > 0.3


@pytest.mark.parametrize("method", methods())
def test_a_sum_is_said_where_the_method_shares_the_score_out(method):
    drawn = of_a_table()
    for params, kept in (({}, methods()[method].completes), ({"ledger": False}, True)):
        account = drawn.explanation.account.model_copy(update={"method": method, "params": params})
        words = about(Scene(Explanation(drawn.explanation.arrays, account), {}, drawn.card, 0))
        assert ("attributions sum to" in words) == kept
