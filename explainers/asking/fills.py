"""What is shown in place of the values that are taken away: numbers, a guess from what is left, or rows of a background."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from .. import baselines, datasets
from ..baselines import BaselineParams, as_lists, subject
from ..errors import InvalidRequest
from ..layout import Shapes, card_of
from ..registry import Params
from ..tables import vector
from ..types import Array, InputCard
from .covers import Cover, Guessed, Joint, Removed, Shown, as_type, beyond
from .guesses import GUESSES, INPAINTING
from .masks import is_smooth

if TYPE_CHECKING:
    from ..run import Run

Way = Literal["auto", "zeros", "mean", "blur", "inpaint", "neighbour", "mask", "remove"]
OF_TEXT = ("mask", "remove")
OF_NUMBERS = ("auto", "zeros", "mean", "blur")
OF_AMOUNTS = ("mean", "blur")


class FillParams(Params):
    """What every method that covers a part of the input can be asked."""

    fill: Annotated[float | Way | list[Any] | dict[str, Any], BeforeValidator(as_lists)] = Field(
        "auto",
        description="What is shown in place of a part: a number, 'zeros', 'mean' of the item per channel, 'blur' of the item, "
        "'inpaint' or 'neighbour' (guessed from what is left, or the nearest value left), an array that broadcasts to an item, "
        "or a dict of these per input. Texts: 'mask' (the tokenizer's mask token), 'remove' (the text without the words), or a "
        "token's number. 'auto': the mask token or, without one, padding in texts, an empty string among strings, else 0.",
    )
    blur: float | None = Field(
        None,
        gt=0,
        description="Standard deviation of the blur along each axis; default: a tenth of its length.",
    )
    background: Annotated[list[Any] | dict[str, Any] | None, BeforeValidator(as_lists)] = Field(
        None,
        description="Typical items, rows first, a dict of such arrays per input, or {'dataset': id} at the service: what is "
        "taken away is taken from each row in turn, and the scores are averaged; replaces `fill`.",
    )

    def making(self, shapes: Mapping[str, Sequence[int]]) -> float:
        """Return the seconds that painting in takes for each evaluation."""
        ways = {n: self.fill.get(n) if isinstance(self.fill, dict) else self.fill for n in shapes}
        painted = [s for n, s in shapes.items() if self.background is None and ways[n] == "inpaint"]
        return INPAINTING * sum(math.prod(s) for s in painted)


def check_names(params: FillParams, known: Collection[str]) -> None:
    """Refuse a fill for an input that is not explained."""
    for name in params.fill if isinstance(params.fill, dict) else ():
        if name not in known:
            raise InvalidRequest(
                f"{name!r} is not explained; a fill can be given for: {', '.join(known)}",
                pointer=f"/params/fill/{name}",
            )


def rows_of(params: FillParams, shapes: Shapes) -> int:
    """Return how many rows are shown in turn, judged from shapes; refuse fills and backgrounds that do not fit these."""
    check_names(params, shapes)
    if params.background is None:
        for name, shape in shapes.items():
            _check(params, name, shape, card_of(shapes, name))
        return 1
    sizes = {n: len(background_rows(params, shapes, n)) for n in shapes}
    if len(set(sizes.values())) > 1:
        raise InvalidRequest(
            f"the background's inputs disagree on the number of rows: {sizes}", pointer="/params/background"
        )
    return next(iter(sizes.values()), 1)


def _check(params: FillParams, name: str, shape: Sequence[int], card: InputCard) -> None:
    way, where = _word(params, name), _pointer(params, name)
    if way in OF_TEXT and card.tokenizer is None:
        raise InvalidRequest(
            f"{way!r} needs the tokenizer of {name!r}, and its card names none; give a token's number, or a card",
            pointer=where,
        )
    if card.kind in ("text", "tokens") and (way in OF_AMOUNTS or _is_fraction(_given(params, name))):
        raise InvalidRequest(
            f"{name!r} holds tokens, whose numbers are no amounts; take a token's whole number, or with a tokenizer: "
            f"{', '.join(OF_TEXT)}",
            pointer=where,
        )
    if way in GUESSES and not is_smooth(shape, card):
        raise InvalidRequest(
            f"{way!r} needs neighbours that belong together, as in pictures, series and volumes; {name!r} has none",
            pointer=where,
        )
    # another word is what strings show
    if not way or way in OF_NUMBERS:
        _constant(params, name, shape, card)


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer()


def _given(params: FillParams, name: str) -> Any:
    found = params.fill.get(name) if isinstance(params.fill, dict) else params.fill
    return "auto" if found is None else found


def _word(params: FillParams, name: str) -> str:
    """Return the way that is asked for by a word, nothing where it is numbers."""
    found = _given(params, name)
    return found if isinstance(found, str) else ""


def _pointer(params: FillParams, name: str) -> str:
    return "/params/fill" + (f"/{name}" if isinstance(params.fill, dict) else "")


def covers_of(run: Run, params: FillParams, item: int) -> dict[str, Cover]:
    """Return what covers each explained input of one item."""
    check_names(params, run.explainable())
    return {n: cover_of(run, params, n, item) for n in run.explainable()}


def cover_of(run: Run, params: FillParams, name: str, item: int) -> Cover:
    """Return what covers one input of one item."""
    x, card = run.of_item(run.inputs[name], name, item), run.model.card.input(name)
    if params.background is None:
        _check(params, name, x.shape, card)
        way = _word(params, name)
        if way == "remove":
            return Removed(name, x, run.companions(name, item), _pad(run, params, name))
        if way in GUESSES:
            return Guessed(name, x, subject(name, x.shape, card).channel, GUESSES[way])
    return Shown(name, x, constants(run, params, name, item))


def constants(run: Run, params: FillParams, name: str, item: int) -> Array:
    """Return the rows that stand in place of one item, in its own type, where these do not depend on what is left."""
    x, card = run.of_item(run.inputs[name], name, item), run.model.card.input(name)
    if params.background is not None:
        rows = of_one_kind(background_rows(params, run.shapes, name), name, x.dtype)
        return rows if rows.dtype == object else typed(rows, x.dtype, name, "/params/background")
    way = _word(params, name)
    if way in GUESSES or way == "remove":
        raise InvalidRequest(
            f"{way!r} needs parts that are there or not, and this method's masks fade; take 'blur' or 'mean'",
            pointer=_pointer(params, name),
        )
    words = run.model.words.get(name)
    if words is not None and way in ("auto", "mask"):
        token = words.mask if words.mask is not None else words.pad
        if way == "mask" and words.mask is None:
            raise InvalidRequest(
                f"{words.name} has no mask token; take 'remove', or a token's number",
                pointer=_pointer(params, name),
            )
        return np.full((1, *x.shape), token or 0, x.dtype)
    if x.dtype == object:
        return np.full((1, *x.shape), "" if way in ("auto", "zeros") else str(_given(params, name)), object)
    found = _constant(params, name, x.shape, card)
    own = found if found is not None else _own(params, name, x, card)
    return typed(own, x.dtype, name, _pointer(params, name))[None]


def typed(a: Array, dtype: np.dtype[Any], name: str, where: str) -> Array:
    """Return numbers in an input's type, or refuse those that it cannot hold."""
    if (others := beyond(a, dtype)).size:
        raise InvalidRequest(f"{name!r} takes {dtype}, which cannot hold {others[0]:.6g}", pointer=where)
    return as_type(a, dtype)


def joint(run: Run, params: FillParams, names: Sequence[str], item: int) -> Joint:
    """Return what covers the columns of a feature vector together."""
    covers = {n: cover_of(run, params, n, item) for n in names}
    return Joint(covers, {n: run.item_shape(n) for n in names})


def of_one_kind(rows: Array, name: str, dtype: np.dtype[Any]) -> Array:
    """Return a background's rows, or refuse strings for an input of numbers and numbers for one of strings."""
    words = dtype.kind == "O"
    if (rows.dtype == object) != words:
        raise InvalidRequest(
            f"the background of {name!r} must hold {'strings' if words else 'numbers'}",
            pointer="/params/background",
        )
    return rows


def _constant(params: FillParams, name: str, shape: Sequence[int], card: InputCard) -> Array | None:
    """Return a fill of numbers, None where it depends on the item, or refuse one that does not fit."""
    return baselines.constant(_as_baseline(params, name), subject(name, shape, card, pointer="fill"))


def _own(params: FillParams, name: str, x: Array, card: InputCard) -> Array:
    return baselines.baseline(_as_baseline(params, name), subject(name, x.shape, card, pointer="fill"), x)


def _as_baseline(params: FillParams, name: str) -> BaselineParams:
    way = _given(params, name)
    way = "zeros" if _word(params, name) == "auto" else way
    return BaselineParams(baseline={name: way} if isinstance(params.fill, dict) else way, blur=params.blur)


def _pad(run: Run, params: FillParams, name: str) -> int:
    words = run.model.words[name]
    if words.pad is None:
        raise InvalidRequest(
            f"{words.name} has no padding token to fill the end of a shorter text with; take 'mask', or a token's number",
            pointer=_pointer(params, name),
        )
    return int(words.pad)


def background_rows(params: FillParams, shapes: Shapes, name: str) -> Array:
    """Return the background of one input, rows first, or refuse one that does not have its shape."""
    given = datasets.given(params.background, shapes.datasets, "background")
    where = "/params/background" + (f"/{name}" if isinstance(params.background, dict) else "")
    if given is not params.background:
        where = "/params/background/dataset"
    parts = vector(given, shapes)
    if parts:
        given = dict(zip(parts, _columns(given, len(parts), where), strict=True))
    if isinstance(given, Mapping) and name not in given:
        raise InvalidRequest(
            f"the background has no rows for {name!r}; it has some for: {', '.join(map(repr, given)) or 'nothing'}",
            pointer=where,
        )
    rows = _numbers_or_words(given[name] if isinstance(given, Mapping) else given)
    rows = rows.reshape(-1, *shapes[name]) if parts else rows
    # a data set was looked at when it was uploaded
    finite = rows.dtype == object or given is not params.background or bool(np.isfinite(rows).all())
    if rows.shape[1:] != shapes[name] or not len(rows) or not finite:
        raise InvalidRequest(
            f"the background of {name!r} has shape {list(rows.shape)}; it needs rows of shape {list(shapes[name])}, all finite",
            pointer=where,
        )
    return rows


def _columns(given: Any, count: int, where: str) -> list[list[Any]]:
    """Return the columns of rows that are feature vectors, one value for each input."""
    if not all(isinstance(row, list) and len(row) == count for row in given):
        raise InvalidRequest(
            f"the model has one input for each of {count} features; every row of the background needs as many values",
            pointer=where,
        )
    return [[row[i] for row in given] for i in range(count)]


def _numbers_or_words(given: Any) -> Array:
    if isinstance(given, np.ndarray) and given.dtype.kind in "fiub":
        return given
    try:
        return np.asarray(given, np.float64)
    except (ValueError, TypeError):
        return np.asarray(given, object)
