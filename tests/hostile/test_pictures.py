"""Odd pictures over HTTP: turned, of other colours, moving, one pixel high: each is read as it looks, or refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from onnx import parser
from PIL import Image

# half the sum of squares: its gradient is what the model was given
MIRROR = """<ir_version: 10, opset_import: ["" : 21]>
    mirror (float[N, 3, H, W] x) => (float[N, 1] y) <float half = {0.5}, int64[3] all = {1, 2, 3}, int64[1] one = {1}> {
        square = Mul (x, x)
        sum = ReduceSum <keepdims = 0> (square, all)
        halved = Mul (sum, half)
        y = Unsqueeze (halved, one)
    }"""
CARD = {"inputs": {"x": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}}}
LOOKS = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
"""How the picture looks, (height, width, 3)."""
STORED = {
    1: LOOKS,
    2: LOOKS[:, ::-1],
    3: LOOKS[::-1, ::-1],
    4: LOOKS[::-1],
    5: LOOKS.swapaxes(0, 1),
    6: np.rot90(LOOKS),
    7: LOOKS[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90(LOOKS, -1),
}
"""The same picture as it lies in a file of this orientation (Exif 2.3, tag 0x0112)."""
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def mirror(web) -> str:
    """A model whose gradient is its input."""
    parts = {
        "model": ("m.onnx", parser.parse_model(MIRROR).SerializeToString()),
        "card": (None, json.dumps(CARD), "application/json"),
    }
    answer = web.post("/v1/models", files=parts)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


@pytest.fixture
def send(web, mirror):
    """Sends a picture as the input of a job."""

    def go(data: bytes, name: str):
        request = json.dumps({"model": mirror, "method": "gradient"})
        files = {"request": (None, request, "application/json"), "x": (name, data)}
        return web.post("/v1/jobs", files=files, headers={"Prefer": "wait=60"})

    return go


@pytest.fixture
def seen(web, send):
    """Returns what the model was given for a picture, (height, width, 3) from 0 to 255."""

    def go(data: bytes, name: str = "a.png") -> np.ndarray:
        answer = send(data, name)
        assert answer.status_code == 200, answer.text
        with np.load(io.BytesIO(web.get(f"/v1/jobs/{answer.json()['id']}/result.npz").content)) as arrays:
            return arrays["attribution.x"][0].transpose(1, 2, 0) * 255

    return go


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_picture_is_seen_upright(seen, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(Image.fromarray(np.ascontiguousarray(STORED[orientation])), "PNG", exif=exif)
    np.testing.assert_allclose(seen(data), LOOKS, atol=1e-3)


def test_a_turned_photograph_is_seen_upright(seen):
    # as a camera writes it: JPEG, held upright; blocks of one colour, so that packing loses little
    looks = np.kron(np.array([[250, 10], [90, 170], [30, 210]]), np.ones((16, 16)))[..., None].repeat(3, 2)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(looks)).astype(np.uint8))
    np.testing.assert_allclose(seen(saved(lying, "JPEG", quality=100, exif=exif), "a.jpg"), looks, atol=3)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_there_is_not_turns_nothing(seen, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    np.testing.assert_allclose(seen(saved(Image.fromarray(LOOKS), "PNG", exif=exif)), LOOKS, atol=1e-3)


def test_inks_are_read_as_light(seen):
    # cyan, magenta, yellow, black as shares of full ink: light is what all of them leave, (1 - ink) x (1 - black)
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, :16], inks[:, 16:] = (255, 0, 0, 0), (0, 128, 0, 64)
    light = (255 - inks[..., :3].astype(float)) * (255 - inks[..., 3:].astype(float)) / 255
    data = saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=100)
    np.testing.assert_allclose(seen(data, "a.jpg"), light, atol=3)


def test_a_moving_png_is_its_first_picture(seen):
    others = [Image.fromarray(255 - LOOKS), Image.fromarray(LOOKS // 2)]
    data = saved(Image.fromarray(LOOKS), "PNG", save_all=True, append_images=others)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3
    np.testing.assert_allclose(seen(data), LOOKS, atol=1e-3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif"])
def test_moving_pictures_and_others_are_refused(send, refused, kind, name):
    more = [] if kind == "BMP" else [Image.fromarray(255 - LOOKS)]
    options = {"save_all": True, "append_images": more} if more else {}
    refused(send(saved(Image.fromarray(LOOKS), kind, **options), name))


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (1, 1)])
def test_a_picture_of_one_line_is_read(seen, shape):
    line = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_allclose(seen(saved(Image.fromarray(line), "PNG")), line, atol=1e-3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_pictures_of_other_depths_are_read(seen, mode):
    grey = LOOKS[..., 0] // 2 * 2
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey)
    image = image if mode == "I;16" else image.convert(mode, dither=Image.Dither.NONE)
    want = grey >= 128 if mode == "1" else grey
    want = want * 255 if mode == "1" else want
    np.testing.assert_allclose(seen(saved(image, "PNG")), want[..., None].repeat(3, 2), atol=1e-3)
