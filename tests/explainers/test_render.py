from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from explainers import errors
from explainers.labels import label_of
from explainers.layout import axes_of
from explainers.render import Scene, contact_sheet, picture, settled, usual_item, views
from explainers.render.forms import form_of
from explainers.render.painter import painter
from explainers.render.raster import overlay, shown
from explainers.render.subject import limits, subject
from explainers.types import Account, Card, Explanation, InputCard, OutputCard

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
RNG = np.random.default_rng(0)


def explained(values, method="occlusion", **figures):
    items = len(values)
    given = {"explained": "logits", "score": [2.5] * items, "index": [1] * items, **figures}
    account = Account(
        method=method,
        params={},
        target={},
        seed=0,
        provider="cpu",
        versions={},
        model="m",
        items=items,
        **given,
    )
    return Explanation({"attribution.x": values}, account)


def cards(labels=None, **fields):
    return Card(inputs={"x": InputCard(**fields)}, outputs={"logits": OutputCard(labels=labels)})


def drawn(values, given, card=Card(), clip=100.0):  # noqa: B008
    return subject(Scene(explained(values), {"x": given}, card, 0, clip=clip))


def about(values, card, method="occlusion", **figures):
    return subject(Scene(explained(values, method, **figures), {}, card, 0))


def size(png):
    return Image.open(io.BytesIO(png)).size


FORMS = [
    (InputCard(), (1, 8, 8), "image"),
    (InputCard(), (32, 32, 3), "image"),
    (InputCard(kind="image"), (28, 28), "image"),
    (InputCard(kind="image", layout="NCHW"), (4, 8, 8), "image"),
    (InputCard(kind="volume", layout="NCDHW"), (1, 4, 8, 8), "volume"),
    (InputCard(kind="volume", layout="NTHWC"), (4, 8, 8, 3), "volume"),
    (InputCard(kind="tabular"), (300,), "features"),
    (InputCard(), (4,), "features"),
    (InputCard(), (286,), "series"),
    (InputCard(kind="series"), (28, 1), "series"),
    (InputCard(layout="NTC"), (28, 5), "series"),
    (InputCard(kind="tokens"), (128,), "words"),
    (InputCard(kind="text"), (9,), "words"),
    (InputCard(), (4, 5, 16, 33), "matrix"),
    (InputCard(), (), "features"),
]


@pytest.mark.parametrize(("card", "shape", "form"), FORMS)
def test_every_shape_has_its_form_and_its_picture(card, shape, form):
    values = RNG.normal(size=(2, *shape))
    assert form_of(card, axes_of(card, shape), shape) == form
    assert min(size(picture(explained(values), {"x": values}, 1, Card(inputs={"x": card})))) > 190


def test_the_same_explanation_gives_the_same_bytes():
    values = RNG.normal(size=(1, 1, 8, 8))
    first, second = (picture(explained(values), {"x": values}, 0, Card()) for _ in range(2))
    assert first == second


def test_red_is_for_blue_is_against_and_zero_shows_the_image():
    values = np.zeros((1, 1, 8, 8))
    values[0, 0, 0, :2] = 1, -1
    red, blue, zero = overlay(drawn(values, np.ones((1, 1, 8, 8))))[0, :3]
    assert red[0] > 2 * red[2]
    assert blue[2] > 2 * blue[0]
    np.testing.assert_allclose(zero, 1, atol=1e-12)


def test_the_scale_is_symmetric_and_can_be_clipped():
    values = np.array([[-1.0] * 999 + [50.0]])
    assert limits(values, 100) == (50.0, False)
    assert limits(values, 99) == (1.0, True)
    assert limits(np.zeros(3), 99) == (1.0, False)
    assert limits(np.arange(10.0), 99) == (9.0, False)  # few values are never clipped


def test_an_image_is_shown_as_it_was_before_normalisation():
    image = RNG.uniform(size=(6, 6, 3))
    fed = ((image - MEAN) / STD).transpose(2, 0, 1)[None]
    card = cards(kind="image", layout="NCHW", mean=MEAN, std=STD)
    np.testing.assert_allclose(shown(drawn(fed, fed, card)), image, atol=1e-9)


def test_low_and_high_span_black_and_white():
    fed = np.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    image = shown(drawn(fed, fed, cards(kind="image", low=-1, high=1)))
    np.testing.assert_allclose(image, np.linspace(0, 1, 64).reshape(8, 8))


def test_both_layouts_give_one_picture():
    values, given = RNG.normal(size=(1, 3, 8, 9)), RNG.uniform(size=(1, 3, 8, 9))
    first = drawn(values, given, cards(kind="image", layout="NCHW"))
    last = drawn(
        values.transpose(0, 2, 3, 1), given.transpose(0, 2, 3, 1), cards(kind="image", layout="NHWC")
    )
    np.testing.assert_array_equal(overlay(first), overlay(last))


def test_a_value_that_all_channels_carry_for_their_group_is_shown_once():
    card = cards(kind="image", layout="NCHW")
    alike, apart = np.ones((1, 3, 8, 8)), np.ones((1, 3, 8, 8))
    apart[0, 0] = 2
    assert (drawn(alike, alike, card).values == 1).all()
    assert drawn(alike, alike, card).summed == ""
    assert (drawn(apart, alike, card).values == 4).all()
    assert drawn(apart, alike, card).summed == "channels summed"


def test_the_words_name_method_class_and_score():
    card = cards(["cat", "dog"])
    one = about(np.ones((1, 3)), card, "kernel_shap", attribution_sum=[3.0])
    assert one.title == "kernel shap"
    assert one.subtitle == "item 0 · explains class dog = 2.5 · attributions sum to 3"
    assert one.unit == "attribution (logits)"


def test_a_gradient_has_another_unit():
    one = about(np.ones((1, 3)), Card(), "gradient")
    assert one.unit == "attribution (logits per unit of input)"


def test_a_class_without_a_label_is_a_number():
    assert label_of(explained(np.ones((1, 3))).account, 0, cards(["only one"])) == "class 1"


def test_a_strangers_words_are_drawn_as_they_are():
    card = cards(
        ["a", r"$\frac{1}{0$" + "\n" * 99], kind="tabular", feature_names=["$x", "\\undefined$", "n\n" * 60]
    )
    assert size(picture(explained(np.ones((1, 3))), {"x": np.ones((1, 3))}, 0, card))


def test_an_input_is_not_needed():
    assert size(picture(explained(np.ones((1, 1, 8, 8))), {}, 0, Card()))


def test_what_is_not_there_is_refused_by_name():
    with pytest.raises(errors.InvalidRequest, match="item 3 does not exist; there are 1"):
        picture(explained(np.ones((1, 3))), {}, 3, Card())
    with pytest.raises(
        errors.InvalidRequest, match=r"nothing of 'y' to draw under attribution; there is that of x"
    ):
        picture(explained(np.ones((1, 3))), {}, 0, Card(), "y")
    with pytest.raises(errors.InvalidRequest, match="no view is called 'pie'; there are: "):
        picture(explained(np.ones((1, 3))), {}, 0, Card(), view="pie")
    with pytest.raises(errors.InvalidRequest, match=r"'waterfall' .* does not fit .*; there are: bars"):
        picture(explained(np.ones((1, 3))), {}, 0, Card(), view="waterfall")


def test_what_has_no_picture_is_refused_with_what_there_is():
    account = explained(np.ones((1, 3))).account
    for arrays, item, words in (
        ({"prototype.x": np.ones((1, 3))}, 0, r"not about single items \(it holds prototype\.x\)"),
        ({"attribution.x": np.ones((1, 4, 12, 33))}, None, "no picture of all its items together"),
        ({"repeats.x": np.ones(3)}, 0, r"nothing in this explanation has a picture; it holds repeats\.x"),
    ):
        with pytest.raises(errors.InvalidRequest, match=words):
            picture(Explanation(arrays, account), {}, item, Card())
    with pytest.raises(errors.InvalidRequest, match="HTML is for words"):
        picture(explained(np.ones((1, 3))), {}, 0, Card(), format="html")


def test_the_views_are_listed_the_usual_one_first():
    values = np.ones((2, 3))
    found = explained(values, "exact_shapley", per_item={"baseline_score": [0.0, 0.0]})
    card = cards(kind="tabular")
    assert views(found, {}, card) == {"item": ["bars", "waterfall"], "all": ["beeswarm"], "html": []}
    assert usual_item(found, {}, card) == 0
    assert usual_item(found, {}, card, "beeswarm") is None
    assert views(explained(values), {}, cards(kind="text")) == {
        "item": ["words"],
        "all": [],
        "html": ["words_page"],
    }


def test_a_name_is_registered_once():
    with pytest.raises(RuntimeError, match="'image' is registered twice"):

        @painter(array="nothing.", level="item")
        def image(scene):
            """Nothing."""


def test_an_item_is_found_on_whichever_axis_the_card_or_the_model_has_it():
    values = np.zeros((4, 3))
    values[:, 2] = [1, 2, 3, 4]
    card = settled(Card(), {"x": 1})
    np.testing.assert_array_equal(Scene(explained(values), {}, card, 2).one("attribution.x"), [1, 2, 3, 4])


def test_an_input_that_all_items_share_has_its_attributions_items_first():
    card = settled(Card(), {"x": None})
    scene = Scene(explained(np.arange(6.0).reshape(2, 3)), {"x": np.ones(3)}, card, 1)
    np.testing.assert_array_equal(subject(scene).values, [3, 4, 5])
    np.testing.assert_array_equal(subject(scene).given, [1, 1, 1])


def test_a_sheet_grows_with_its_items():
    values = RNG.normal(size=(6, 1, 8, 8))
    two = {"gradient": explained(values), "occlusion": explained(values)}
    small = size(contact_sheet(two, {"x": values}, {0: "a"}, Card()))
    large = size(contact_sheet(two, {"x": values}, dict.fromkeys(range(6), "a"), Card(), title="six"))
    assert large[0] > small[0]
    assert large[1] > small[1]


def test_a_sheet_is_for_images():
    with pytest.raises(errors.InvalidRequest, match="draw other kinds one by one"):
        contact_sheet({"gradient": explained(np.ones((1, 3)))}, {"x": np.ones((1, 3))}, {0: ""}, Card())


def test_no_figure_is_shared():
    code = "import sys, explainers.render; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
