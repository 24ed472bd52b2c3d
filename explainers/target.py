"""Every way to name a target becomes one thing: the weights of a linear functional of the explained tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import InvalidRequest
from .signature import class_count
from .types import Array, At, Target


def wants_argmax(target: Target, dims: Sequence[int | str | None] | None) -> bool:
    """Say whether each item's own greatest class is explained."""
    if target.index == "argmax":
        # of one number for an item there is nothing to choose
        return dims is None or len(dims) > 1
    named = target.index is not None or target.contrast is not None or target.weights is not None
    classes = class_count(list(dims)) if dims is not None else None
    return not named and classes is not None and classes != 1


def weights(target: Target, shape: Sequence[int], dtype: Any, index: Array | None = None) -> Array:
    """Return the target's weights for an explained tensor of this shape, items first; `index` are the frozen argmaxes."""
    w = np.zeros(shape, dtype)
    flat = w.reshape(shape[0], -1)
    rows = np.arange(shape[0])
    if target.weights is not None:
        return _given(target.weights, shape, dtype)
    if target.contrast is not None:
        flat[:, target.contrast[0]] += 1
        flat[:, target.contrast[1]] -= 1
    elif isinstance(target.index, At):
        position: Any = (slice(None), *target.index.at)
        w[position] = 1
    elif index is not None:
        flat[rows, index] = 1
    elif target.index not in (None, "argmax"):
        flat[rows, np.broadcast_to(np.asarray(target.index), rows.shape)] = 1
    else:
        w[...] = 1
    return w


def _given(values: list[Any], shape: Sequence[int], dtype: Any) -> Array:
    given = _numbers(values, dtype)
    if given.shape == tuple(shape[1:]):
        return np.broadcast_to(given, shape).copy()
    if given.shape != tuple(shape):
        raise _misshapen(given, shape)
    return given


def _numbers(values: list[Any], dtype: Any) -> Array:
    try:
        given = np.asarray(values, dtype)
    except (ValueError, TypeError) as e:
        raise InvalidRequest("weights must be numbers in a regular array", pointer="/target/weights") from e
    if not np.isfinite(given).all():
        raise InvalidRequest("weights must be finite numbers", pointer="/target/weights")
    return given


def _misshapen(given: Array, shape: Sequence[int | str | None]) -> InvalidRequest:
    return InvalidRequest(
        f"weights have shape {list(given.shape)}, the explained tensor has {list(shape)}",
        pointer="/target/weights",
    )


def check_weights(target: Target, dims: Sequence[int | str | None] | None, items: int | None) -> None:
    """Refuse weights that cannot be those of a tensor of these dimensions; `items` None: of any number of items."""
    if target.weights is None:
        return
    given = _numbers(target.weights, np.float64)
    if dims is None:
        return
    fitting: list[Sequence[int | str | None]] = [[items, *dims[1:]], dims[1:]]
    # a first axis of such a length may be no axis of items: only the run can tell
    fitting += [dims] if dims and isinstance(dims[0], int) and dims[0] != 1 else []
    if not any(_fits(given.shape, like) for like in fitting):
        raise _misshapen(given, [items, *dims[1:]])


def _fits(shape: Sequence[int], dims: Sequence[int | str | None]) -> bool:
    return len(shape) == len(dims) and all(
        not isinstance(d, int) or n == d for n, d in zip(shape, dims, strict=True)
    )


def sums_everything(target: Target, dims: Sequence[int | str | None] | None) -> bool:
    """Say whether a target that names nothing falls back to the sum of an output with more than one value."""
    named = target.index is not None or target.contrast is not None or target.weights is not None
    return not named and (dims is None or class_count(list(dims)) is None)


def check_items(name: str, dims: Sequence[int | str | None], items: int) -> None:
    """Refuse an explained tensor whose first axis is known not to count the items."""
    if isinstance(dims[0], int) and dims[0] != items:
        raise InvalidRequest(
            f"{name!r} has shape {list(dims)} for {items} items: no item axis in front; "
            "see whether the card's batch_axis is right, name an inner tensor with items in front as the target's output, "
            "or export the model with such an output",
            pointer="/target/output",
        )


def check_alone(batch: int | None) -> None:
    """Refuse a model whose items can run neither alone nor in batches of any other size than the one it was exported for."""
    if batch is not None and batch != 1:
        raise InvalidRequest(
            f"the model takes {batch} items at a time, and its batch axis could not be freed so that items get the same answers; "
            "export it for a batch of 1 or of any size; if the axis counts something else, say so by batch_axis in the card",
            pointer="/inputs",
        )


def class_index(target: Target, items: int) -> list[int]:
    """Return each item's explained class where the target names one."""
    if type(target.index) is int:
        return [target.index] * items
    return list(target.index) if isinstance(target.index, list) else []
