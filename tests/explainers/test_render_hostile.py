"""Words that a stranger chose: names, labels, tokens and layers, drawn and written as what they are."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from explainers.render import Scene, draw, picture
from explainers.stylesheet import LEVELS, SOURCE, STYLE, ink, shade
from explainers.types import Account, Card, Explanation, InputCard, OutputCard

HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "line\nline\r\n\tline" * 20, "W" * 5000, "$\\frac{1}{0$",
    "\u202egnp.exe", "\x00\x1b[31m", "", " ", "_hidden", "</style><b>", "中文 שלום 🎉", "&amp;", "{0} %s",
]  # fmt: skip
RNG = np.random.default_rng(0)


def scene(arrays, card, inputs=None, item=0, name="x", **figures):
    account = Account(
        params={}, target={}, seed=0, provider="cpu", versions={}, model="m",
        **{"method": "some_method", "items": 1, "explained": HOSTILE[0] * 9, "score": [2.5], "index": [0], **figures},
    )  # fmt: skip
    cards = Card(inputs={name: InputCard(**card)}, outputs={"y": OutputCard(labels=HOSTILE)})
    return Scene(Explanation(arrays, account), inputs or {}, cards, item)


def table(item=0):
    values = RNG.normal(size=(1, len(HOSTILE)))
    card = {"kind": "tabular", "feature_names": HOSTILE, "categories": {HOSTILE[0]: HOSTILE}}
    return scene(
        {"attribution.x": values},
        card,
        {"x": np.zeros_like(values)},
        item,
        method="exact_shapley",
        per_item={"baseline_score": [0.0]},
    )


def text():
    tokens = np.array([HOSTILE])
    return scene({"attribution.x": RNG.normal(size=tokens.shape), "token.x": tokens}, {"kind": "text"})


def series():
    card = {"kind": "series", "layout": "NTC", "feature_names": HOSTILE}
    return scene({"attribution.x": RNG.normal(size=(1, 30, len(HOSTILE)))}, card)


def curves():
    card = {"kind": "tabular", "feature_names": HOSTILE, "categories": {HOSTILE[0]: HOSTILE}}
    grid = np.tile(np.arange(4.0), (4, 1))
    return scene({"ice.x": RNG.normal(size=(5, 4, 4)), "grid.x": grid}, card, item=None)


def layers():
    return scene({f"filter.{HOSTILE[0] * 99}": RNG.normal(size=(4, 1, 3, 3))}, {}, item=None)


def strange_input():
    name = HOSTILE[1] * 30
    return scene(
        {f"attribution.{name}": RNG.normal(size=(1, 1, 8, 8)), "attribution.b": np.ones((1, 2))},
        {},
        name=name,
    )


def prototypes():
    return scene(
        {"prototype.x": RNG.uniform(size=(14, 1, 8, 8))}, {}, item=None, items=1, index=list(range(14))
    )


def labelled():
    return scene({"map": RNG.normal(size=(40, 2)), "label": np.arange(40) % len(HOSTILE)}, {}, item=None)


def named():
    return scene({"map": RNG.normal(size=(40, 2)), "label": np.array(HOSTILE * 3)[:40]}, {}, item=None)


def looks():
    tokens = np.array([HOSTILE])
    size = len(HOSTILE)
    return scene({"attention.a": RNG.uniform(size=(1, 2, size, size)), "token.x": tokens}, {})


SCENES = {
    "bars": table, "waterfall": table, "beeswarm": lambda: table(None), "words": text, "series": series,
    "dependence": curves, "filters": layers, "image": strange_input, "prototype": prototypes, "embedding": labelled,
    "attention": looks,
}  # fmt: skip


@pytest.mark.parametrize("view", SCENES)
def test_a_strangers_words_are_drawn_as_they_are(view):
    s = SCENES[view]()
    found = picture(s.explanation, s.inputs, s.item, s.card, view=view)
    assert found.startswith(b"\x89PNG")


def test_labels_that_are_words_are_drawn_too():
    assert draw(named()).axes[0].get_legend() is not None


@pytest.mark.parametrize("view", SCENES)
def test_svg_holds_no_markup_of_a_stranger(view):
    s = SCENES[view]()
    found = picture(s.explanation, s.inputs, s.item, s.card, view=view, format="svg").decode()
    # what is drawn as letters stands beside them as a comment, and letters alone end one
    markup = re.sub(r"<!--.*?-->", "", found, flags=re.DOTALL)
    assert not re.search(r"<script|<img|<foreignObject|onerror=|-->", markup)
    assert not re.search(r'href="(?!#|data:image/png;base64,)', markup)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the words in them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page():
    s = text()
    return picture(s.explanation, s.inputs, 0, s.card, format="html").decode()


def test_a_page_holds_no_element_but_ours(page):
    seen = Page(page)
    assert {tag for tag, _ in seen.elements} == {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "p",
        "span",
    }
    assert {a for _, attrs in seen.elements for a in attrs} == {
        "lang",
        "charset",
        "name",
        "content",
        "class",
        "title",
    }
    assert not re.search(r"url\(|@import|https?:", page)


def test_a_page_says_every_word(page):
    words = Page(page).words
    assert "<script>alert(1)</script>" in words
    assert "&amp;" in words
    assert html.escape("</style><b>") in page
    assert all(c.isprintable() or c == "\n" for c in page)


def test_a_pages_style_is_the_one_that_the_policy_names(page):
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style == STYLE
    assert "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'" == SOURCE
    rules = set(re.findall(r"[.](\w+)", STYLE))
    assert {name for names in re.findall(r'class="(.*?)"', page) for name in names.split()} <= rules


def test_words_can_be_read_on_every_shade():
    for level in range(-LEVELS, LEVELS + 1):
        assert _contrast(shade(level), ink(level)) >= 4.5


def _contrast(a, b):
    high, low = sorted((_light(a), _light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _light(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def spans(words, values, card=None):
    s = scene(
        {"attribution.x": np.array([values], float)}, card or {"kind": "text"}, {"x": np.array([words])}
    )
    found = picture(s.explanation, s.inputs, 0, s.card, format="html", clip=100).decode()
    return re.findall(r'(\n?)<span class="w (\w\d+)( n)?" title="(.*?)">(.*?)</span>', found)


def test_a_word_for_is_red_a_word_against_is_blue_and_underlined():
    assert spans(["good", "bad", "film"], [2, -1, 0]) == [
        ("", "f20", "", "+2", "good"), ("\n", "a10", " n", "-1", "bad"), ("\n", "f0", "", "+0", "film"),
    ]  # fmt: skip


def test_pieces_of_words_are_put_together():
    gaps = [gap for gap, *_ in spans(["▁un", "belie", "vable", "▁film"], [1, 1, 1, 1])]
    assert gaps == ["", "", "", "\n"]
    assert [w for *_, w in spans(["un", "##belie", "##vable"], [1, 1, 1])] == ["un", "belie", "vable"]


def test_tokens_of_a_result_bring_their_spaces():
    tokens = np.array([["un", "believ", "able", " film"]])
    s = scene({"attribution.x": np.ones(tokens.shape), "token.x": tokens}, {"kind": "text"})
    found = picture(s.explanation, {}, 0, s.card, format="html").decode()
    assert re.findall(r"(\n?)<span class=.w[^>]*>(\w+)<", found) == [
        ("", "un"),
        ("", "believ"),
        ("", "able"),
        ("\n", "film"),
    ]


def test_padding_at_the_end_is_left_out():
    assert len(spans(["a", "[PAD]", "[PAD]", "[PAD]"], [1, 0, 0, 0])) == 2


def test_token_ids_are_words_where_the_card_has_a_vocabulary():
    card = {"kind": "tokens", "categories": {"x": ["the", "film"]}}
    assert [w for *_, w in spans([1, 0, 7], [1, 1, 1], card)] == ["film", "the", "#7"]
