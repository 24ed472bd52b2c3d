"""Pixels for a model's input: size, channels, layout and range as the input's card says."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from explainers.errors import InvalidRequest, ResourceLimit
from explainers.types import Array, InputCard, TensorSpec
from workers.errors import InputUnreadable

PIXELS = 64 << 20
FORMATS = ("PNG", "JPEG")


def read(file: IO[bytes]) -> Array:
    """Read a PNG or JPEG picture as (height, width, 3), upright, 0..255."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(file, formats=FORMATS)
        if image.width * image.height > PIXELS:
            raise ResourceLimit(
                f"a picture of {image.width} x {image.height} pixels is above the limit of {PIXELS} pixels"
            )
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as e:
        raise InputUnreadable("this is no PNG or JPEG picture, or it is damaged") from e


def fit(pixels: Array, spec: TensorSpec, card: InputCard) -> Array:
    """Bring pictures (items, height, width, 3) to the size, channels, layout and range of an input."""
    layout = _layout(spec, card)
    height, width, channels = (_length(spec, layout, axis) for axis in "HWC")
    sized = np.stack([_resize(p, height or p.shape[0], width or p.shape[1], channels or 3) for p in pixels])
    valued = _values(sized, spec, card)
    order = ["NHWC".index(axis) for axis in layout]
    return np.ascontiguousarray(valued[..., 0] if "C" not in layout else valued.transpose(order))


def _layout(spec: TensorSpec, card: InputCard) -> str:
    rank = len(spec.shape or [])
    layout = card.layout or {3: "NHW", 4: "NHWC" if (spec.shape or [])[-1] in (1, 3) else "NCHW"}.get(
        rank, ""
    )
    if sorted(layout) not in (sorted("NHW"), sorted("NHWC")) or len(layout) != rank:
        raise InvalidRequest(
            f"input {spec.name!r} of shape {spec.shape} takes no pictures; give its layout (NCHW, NHWC) in the card, or send arrays",
            pointer=f"/inputs/{spec.name}",
        )
    return layout


def _length(spec: TensorSpec, layout: str, axis: str) -> int | None:
    if axis == "C" and "C" not in layout:
        return 1
    length = (spec.shape or [])[layout.index(axis)]
    return length if isinstance(length, int) else None


def _resize(pixels: Array, height: int, width: int, channels: int) -> Array:
    from PIL import Image

    if channels not in (1, 3):
        raise InvalidRequest(f"the input has {channels} channels; pictures have 1 or 3; send arrays instead")
    image = Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, channels)


def _values(pixels: Array, spec: TensorSpec, card: InputCard) -> Array:
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iu":
        return pixels.astype(dtype)
    if card.mean is not None or card.std is not None:
        mean, std = _per_channel(card.mean, 0.0), _per_channel(card.std, 1.0)
        return ((pixels.astype(np.float64) - mean) / std).astype(dtype)
    low, high = (_edge(card.low, 0.0), _edge(card.high, 1.0))
    return (low + (high - low) * (pixels.astype(np.float64) / 255.0)).astype(dtype)


def _per_channel(values: list[float] | None, default: float) -> Any:
    return default if values is None else np.asarray(values, np.float64)


def _edge(value: Any, default: float) -> Any:
    return default if value is None else np.asarray(value, np.float64)
