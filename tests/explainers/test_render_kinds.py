"""Every kind of picture: its words, its scale, its size; no two words cover each other."""

from __future__ import annotations

import io
import itertools

import pytest
from matplotlib.text import Text
from PIL import Image
from reference.scenes import MORE, SCENES, figure, of_images

from explainers.render import picture
from explainers.render.painter import painters


def texts(figure):
    """Every word that is drawn, with the box that it takes, in pixels."""
    figure.canvas.draw()
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    # ticks beyond the end of their axis are there, but not drawn
    shown = {id(label) for axes in figure.axes if axes.get_visible() for label in _drawn(axes)}
    ticks = {id(label) for axes in figure.axes for label in _ticks(axes)}
    return [(t, t.get_window_extent()) for t in found if id(t) not in ticks or id(t) in shown]


def _ticks(axes):
    every = [
        *axes.xaxis.get_major_ticks(),
        *axes.yaxis.get_major_ticks(),
        *axes.xaxis.get_minor_ticks(),
        *axes.yaxis.get_minor_ticks(),
    ]
    return [label for tick in every for label in (tick.label1, tick.label2)]


def _drawn(axes):
    if not axes.axison:
        return []
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            inside = low - 1e-9 * (high - low) <= tick.get_loc() <= high + 1e-9 * (high - low)
            found += [label for label in (tick.label1, tick.label2) if inside and label.get_visible()]
    return found


def test_every_painter_has_a_scene():
    assert {n for n, p in painters().items() if not p.page} == SCENES.keys()


@pytest.mark.parametrize("name", [*SCENES, *MORE])
def test_no_word_covers_another_or_leaves_the_picture(name):
    drawn = figure(name)
    width, height = drawn.canvas.get_width_height()
    found = texts(drawn)
    assert len(found) >= 3
    outside = [
        t.get_text() for t, b in found if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1
    ]
    assert outside == []
    pairs = itertools.combinations(found, 2)
    over = [(a.get_text(), b.get_text()) for (a, x), (b, y) in pairs if _area(x, y) > 2]
    assert over == []


def _area(a, b):
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(a.y1, b.y1) - max(a.y0, b.y0)
    return wide * high if wide > 0 and high > 0 else 0


@pytest.mark.parametrize("name", ["image", "segments", "series", "volume", "matrix", "words", "filters"])
def test_signed_colours_have_a_scale_that_is_centred_on_zero(name):
    bars = [a for a in figure(name).axes if a.get_label() == "<colorbar>" or hasattr(a, "_colorbar")]
    (bar,) = [a._colorbar for a in bars]
    assert bar.vmin == -bar.vmax
    words = bar.ax.get_xlabel() or bar.ax.get_ylabel()
    assert words.startswith(("attribution (logits)", "weight"))


@pytest.mark.parametrize("name", SCENES)
def test_every_picture_is_small_and_the_same_every_time(name):
    s = SCENES[name]()
    first, second = (picture(s.explanation, s.inputs, s.item, s.card, view=name) for _ in range(2))
    assert first == second
    assert len(first) < 200_000
    assert max(Image.open(io.BytesIO(first)).size) < 1100


def test_a_picture_can_be_had_as_svg():
    s = of_images()
    found = picture(s.explanation, s.inputs, 0, s.card, format="svg").decode()
    assert found.startswith("<?xml")
    assert found == picture(s.explanation, s.inputs, 0, s.card, format="svg").decode()
