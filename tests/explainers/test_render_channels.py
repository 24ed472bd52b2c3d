"""Pictures of a model that takes blue first: the same as of its twin that takes red first."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference.scenes import normal, scene

import explainers
from explainers.inputs import read_file
from explainers.render import picture
from explainers.render.raster import shown
from explainers.render.subject import subject
from explainers.types import Card, Explanation, InputCard

RNG = np.random.default_rng(0)
IMAGE = {"kind": "image", "layout": "NCHW", "low": [0, -1, 0], "high": [1, 1, 2]}
CASES = os.environ.get("ONNXPLAIN_CASES")


def of_images():
    x = RNG.uniform(0, 1, (3, 3, 8, 8))
    return scene({"attribution.x": normal(3, 3, 8, 8)}, IMAGE, {"x": x})


def of_a_video():
    card = {"kind": "volume", "layout": "NTHWC", "low": 0, "high": 1}
    return scene({"attribution.x": normal(3, 4, 8, 8, 3)}, card, {"x": RNG.uniform(size=(3, 4, 8, 8, 3))})


def of_prototypes():
    return scene({"prototype.x": RNG.uniform(size=(3, 3, 8, 8))}, IMAGE, item=None)


def of_patches():
    arrays = {"patch.x": RNG.uniform(size=(4, 9, 3, 5, 5)), "unit": np.arange(4)}
    return scene(arrays, IMAGE, item=None)


def of_a_map():
    return scene({"map": normal(30, 2)}, IMAGE, {"x": RNG.uniform(size=(30, 3, 8, 8))}, None, items=30)


def of_filters():
    return scene({"filter.conv": normal(8, 3, 5, 5)}, IMAGE, item=None)


SCENES = {
    "image": (of_images, 1), "items": (lambda: replace(of_images(), item=None), 1), "volume": (of_a_video, 4),
    "prototype": (of_prototypes, 1), "patches": (of_patches, 2), "embedding": (of_a_map, 1), "filters": (of_filters, 1),
}  # fmt: skip


def blue_first(drawn, axis):
    """Return a scene of the twin whose channels, and what its card says per channel, are the other way round."""
    own = drawn.card.input("x")
    sides = {k: v[::-1] for k in ("low", "high") if isinstance(v := getattr(own, k), list)}
    card = Card(inputs={"x": own.model_copy(update={**sides, "channels": "BGR"})}, outputs=drawn.card.outputs)
    turned = {n: np.flip(a, axis) if a.ndim > 2 else a for n, a in drawn.explanation.arrays.items()}
    inputs = {n: np.flip(a, axis) for n, a in drawn.inputs.items()}
    return replace(
        drawn, explanation=Explanation(turned, drawn.explanation.account), card=card, inputs=inputs
    )


@pytest.mark.parametrize("name", SCENES)
def test_the_order_of_the_channels_changes_no_picture(name):
    make, axis = SCENES[name]
    drawn = make()
    other = blue_first(drawn, axis)
    first, second = (picture(s.explanation, s.inputs, s.item, s.card, view=name) for s in (drawn, other))
    assert first == second
    wrong = replace(other, card=drawn.card)
    assert picture(wrong.explanation, wrong.inputs, wrong.item, wrong.card, view=name) != first


@pytest.mark.skipif(not CASES, reason="ONNXPLAIN_CASES names no folder of real models")
def test_a_real_model_that_takes_blue_first_reads_and_shows_a_photograph():
    photo = Path(CASES or "", "inputs/raw/winml_kitten_224.png")
    own = InputCard(kind="image", layout="NCHW", channels="BGR", low=0, high=255)
    card = Card(inputs={"data_0": own})
    model = explainers.load(Path(CASES or "", "models/squeezenet_fp16_winml.onnx"), card=card)
    x = read_file(photo, model.description.inputs[0], own)
    with np.load(Path(CASES or "", "inputs/squeezenet_fp16_winml.npz")) as held:
        np.testing.assert_array_equal(x, held["s1/in/data_0"])
    found = explainers.explain(model, x, "gradient")
    assert found.account.index == [281]
    seen = shown(subject(scene({"attribution.x": x}, own.model_dump(), {"x": x}, items=1)))
    np.testing.assert_allclose(seen, np.asarray(Image.open(photo).convert("RGB")) / 255, atol=1e-6)
