"""Pictures as inputs of a model: PNG and JPEG become numbers as the input's card says."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from .errors import InvalidRequest, ResourceLimit
from .layout import axes_of, is_image, item_shape
from .types import Array, InputCard, TensorSpec

MOST_PIXELS = 64 << 20
FORMATS = ("PNG", "JPEG")


def read_picture(file: IO[bytes], name: str = "this") -> Array:
    """Return a PNG or JPEG picture as (height, width, 3), upright, from 0 to 255."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ResourceLimit(
                    f"{name} has {image.width} x {image.height} pixels, more than {MOST_PIXELS}; make it smaller"
                )
            return np.asarray(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as e:
        raise InvalidRequest(f"{name} is no PNG or JPEG picture, or it is damaged; save it anew") from e


def _eight_bits(image: Any) -> Any:
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.clip(np.asarray(image) / 257, 0, 255).round().astype(np.uint8))


def fit(
    pixels: Array, spec: TensorSpec, card: InputCard, *, resize: bool = False, name: str = "the picture"
) -> Array:
    """Return pictures (items, height, width, 3) from 0 to 255 in the size, channels, range, layout and type of an input.

    The card's mean and std give the range (in units of 0 to 255 where one of them is above 2), else low and high do.
    """
    axes = _axes(spec, card)
    item = dict(zip(axes, item_shape(spec) or [], strict=True))
    sized = in_order(np.stack([_sized(p, item, spec.name, name, resize=resize) for p in pixels]), card)
    values = _scaled(sized.astype(np.float64), spec, card)
    values = values if "C" in axes else values[..., 0]
    order = ["HWC".index(letter) + 1 for letter in axes]
    values = np.moveaxis(values.transpose(0, *order), 0, spec.batch_axis or 0)
    kind = np.dtype(spec.dtype)
    return np.ascontiguousarray((np.round(values) if kind.kind in "iu" else values).astype(kind))


def in_order(pixels: Array, card: InputCard) -> Array:
    """Turn pixels (..., C) from red, green, blue to the order that a model takes, or from that order back."""
    return pixels[..., ::-1] if card.channels == "BGR" and pixels.shape[-1] == 3 else pixels


def as_seen(x: Array, channel: int, card: InputCard) -> Array:
    """Return a picture or volume as it was before the model's normalisation: from 0 to 1, channels last, red, green, blue.

    `channel` is their axis; -1: there are none, and one is added.
    """
    x = x.astype(np.float64)
    last = x[..., None] if channel < 0 else np.moveaxis(x, channel, -1)
    return in_order(np.clip(unit_range(last, card), 0, 1), card)


def unit_range(image: Array, card: InputCard) -> Array:
    """Return values (..., C) between black and white as 0 to 1: by the card, else by guessing the range."""
    if card.low is not None and card.high is not None:
        low, high = np.asarray(card.low, float), np.asarray(card.high, float)
        return np.asarray((image - low) / np.where(high > low, high - low, 1))
    raw = image * np.asarray(card.std or [1.0]) + np.asarray(card.mean or [0.0])
    return _guessed_range(raw)


def _guessed_range(raw: Array) -> Array:
    # a tolerance, because undoing a normalisation leaves the range by a rounding error
    low, high = float(np.nanmin(raw)), float(np.nanmax(raw))
    if low >= -0.01 and high <= 1.01:
        return raw
    if low >= -0.5 and high <= 255.5:
        return raw / 255
    return (raw - low) / (high - low or 1)


def _axes(spec: TensorSpec, card: InputCard) -> str:
    item = item_shape(spec)
    axes = "" if item is None else axes_of(card, item)
    if not is_image(axes):
        raise InvalidRequest(
            f"input {spec.name!r} of shape {spec.shape} takes no pictures; if it does, its card must say "
            'which axis is which, for example {"kind": "image", "layout": "NCHW"}'
        )
    return axes


def _sized(pixels: Array, item: dict[str, Any], input: str, name: str, *, resize: bool) -> Array:
    """Return one picture in the size and channels that an input takes."""
    from PIL import Image

    channels = item.get("C", 1)
    if isinstance(channels, int) and channels not in (1, 3):
        raise InvalidRequest(
            f"input {input!r} takes {channels} channels, pictures have 1 or 3; give it an array"
        )
    image = Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")
    width, height = (
        item[a] if isinstance(item[a], int) else n for a, n in zip("WH", image.size, strict=True)
    )
    size = (int(width), int(height))
    if size != image.size and not resize:
        raise InvalidRequest(
            f"{name} has {image.width} x {image.height} pixels, input {input!r} takes {size[0]} x {size[1]}; "
            "bring it to that size, or ask for it with --resize"
        )
    image = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(size[1], size[0], -1)


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
