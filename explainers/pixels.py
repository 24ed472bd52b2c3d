"""Pictures as inputs of a model: PNG and JPEG become numbers as the input's card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .errors import InvalidRequest
from .layout import axes_of, is_image
from .types import Array, InputCard, TensorSpec

MOST_PIXELS = 1 << 26


def item_shape(spec: TensorSpec) -> list[int | str | None] | None:
    """Return the shape of one item, or nothing where the model does not say it."""
    if spec.shape is None:
        return None
    return [d for i, d in enumerate(spec.shape) if i != spec.batch_axis]


def _image_axes(spec: TensorSpec, card: InputCard) -> str:
    item = item_shape(spec)
    axes = "" if item is None else axes_of(card, item)
    if not is_image(axes):
        raise InvalidRequest(
            f"input {spec.name!r} of shape {spec.shape} takes no pictures; if it does, its card must say "
            'which axis is which, for example {"kind": "image", "layout": "NCHW"}'
        )
    return axes


def pixels_of(path: Path, filename: str, spec: TensorSpec, card: InputCard, *, resize: bool) -> Array:
    """Return the file's pixels as (1, H, W, C) from 0 to 255 in the size that the input takes."""
    item = dict(zip(_image_axes(spec, card), item_shape(spec) or [], strict=True))
    image = _opened(path, filename, item.get("C", 1))
    size = tuple(
        d if isinstance(d, int) else own for d, own in zip((item["W"], item["H"]), image.size, strict=True)
    )
    if size != image.size:
        if not resize:
            raise InvalidRequest(
                f"{filename} has {image.width} x {image.height} pixels, input {spec.name!r} takes "
                f"{size[0]} x {size[1]}; bring it to that size, or ask for it with --resize"
            )
        image = image.resize(size)
    pixels = np.asarray(image)
    return pixels[None, ..., None] if pixels.ndim == 2 else pixels[None]


def _opened(path: Path, filename: str, channels: Any) -> Any:
    from PIL import Image, ImageOps, UnidentifiedImageError

    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes and isinstance(channels, int):
        raise InvalidRequest(
            f"the input takes pictures of {channels} channels, {filename} can give 1, 3 or 4"
        )
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InvalidRequest(f"{filename} has more than {MOST_PIXELS:,} pixels; make it smaller")
            upright = ImageOps.exif_transpose(image)
            return _eight_bits(upright).convert(modes.get(channels, "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as e:
        raise InvalidRequest(f"{filename} is no PNG or JPEG picture that can be read; save it anew") from e


def _eight_bits(image: Any) -> Any:
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.clip(np.asarray(image) / 257, 0, 255).round().astype(np.uint8))


def from_pixels(pixels: Array, spec: TensorSpec, card: InputCard) -> Array:
    """Return pictures, given as (items, H, W, C) from 0 to 255, as the input wants them: its range, layout and type.

    The card's mean and std say the range (in units of 0 to 255 where one of them is above 2), else low and high do.
    """
    axes = _image_axes(spec, card)
    values = _scaled(pixels.astype(np.float64), spec, card)
    values = values if "C" in axes else values[..., 0]
    order = ["HWC".index(letter) + 1 for letter in axes]
    values = np.moveaxis(values.transpose(0, *order), 0, spec.batch_axis or 0)
    kind = np.dtype(spec.dtype)
    return (np.round(values) if kind.kind in "iu" else values).astype(kind)


def _scaled(pixels: Array, spec: TensorSpec, card: InputCard) -> Array:
    if card.mean is not None or card.std is not None:
        mean, std = np.asarray(card.mean or [0.0]), np.asarray(card.std or [1.0])
        unit = 1.0 if max(mean.max(), std.max()) > 2 else 255.0
        return np.asarray((pixels / unit - mean) / std)
    if card.low is not None and card.high is not None:
        low, high = np.asarray(card.low), np.asarray(card.high)
        return np.asarray(low + pixels / 255.0 * (high - low))
    if spec.dtype == "uint8":
        return pixels
    raise InvalidRequest(
        f"nobody said which numbers input {spec.name!r} takes for black and white; give a card with "
        '"mean" and "std", or with "low" and "high"'
    )
