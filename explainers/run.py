"""One explanation under way: items, batches, target, progress; what a method that evaluates the model is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np

from . import itemwise
from . import target as targets
from .datasets import Datasets
from .driving.rows import Rows
from .errors import InvalidRequest, ResourceLimit
from .explainer import Explainer, Place
from .graph.build import Dims
from .graph.explanation import WEIGHTS, Head
from .graph.logits import asked_tensor
from .itemwise import Axes
from .layout import Shapes, rows_first
from .model import Model
from .parallel import cuts, in_order
from .registry import Params, find
from .runtime import Session
from .signature import Request
from .told import Told
from .types import Array, Arrays, Feeds
from .words import COMPANIONS, asked_for

T = TypeVar("T")
Progress = Callable[[int, int, str], None]
BATCH_BYTES = 1 << 29
"""Tensors of one batch, all together, aim to stay below this."""
LARGEST_BATCH = 256


@dataclass
class Run:
    """The items of one request on one model, evaluated and explained in batches that fit."""

    model: Model
    request: Request
    inputs: Arrays
    items: int
    place: Place
    progress: Progress
    models: Mapping[str, bytes] | None = None
    """Other models that parameters name; None: they name paths."""
    datasets: Datasets = field(default_factory=dict)
    """Rows of inputs that parameters name by an id."""
    evaluations: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    per_item: dict[str, list[float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    driven: Rows | None = None
    """The compiled graph that a driven method explains with: it says what the explained score is."""
    told: Told | None = None
    """Set by a method whose results are no items of the inputs."""

    # ---- items and batches

    @cached_property
    def axes(self) -> Axes:
        """The item axis of each input, and of each point that is moved like one; None where it is shared."""
        return dict(self.model.axes)

    @cached_property
    def one(self) -> Arrays:
        """The first item, which stands for the shapes of all."""
        return self.take([0])

    @cached_property
    def apart(self) -> str:
        """Why the items run one by one; empty where they run in batches, which is shown by running both ways."""
        if self.model.batching(self.one, self.place) == "one-by-one":
            targets.check_alone(self.model.fixed_batch)
            return "the model computes something else, or nothing, when items share a batch"
        shared = [n for n in self.explained_inputs if self.axes[n] is None]
        if shared and find(self.request.method).compiled:
            return f"{', '.join(shared)} is shared by all items, and each has its own attribution of it"
        return ""

    @property
    def together(self) -> bool:
        """Whether items run in batches."""
        return not self.apart

    @property
    def explained_inputs(self) -> list[str]:
        """The inputs that the request explains."""
        asked = self.request.params.explain_inputs
        return [n for n in self.model.description.explained_inputs if asked is None or n in asked]

    @cached_property
    def batch(self) -> int:
        """How many rows of these shapes run together."""
        return self.room if self.together else 1

    @cached_property
    def room(self) -> int:
        """How many rows of these shapes fit in memory at a time."""
        return int(np.clip(BATCH_BYTES // self.model.item_bytes(self.one, self.place), 1, LARGEST_BATCH))

    def take(self, chosen: Sequence[int] | Array) -> Arrays:
        """Return these items of every input, shared inputs whole."""
        return itemwise.take(self.inputs, self.axes, np.asarray(chosen, np.int64))

    def rng(self) -> np.random.Generator:
        """Return a fresh random stream: the same for every item, so that a batch equals its items one by one."""
        return np.random.default_rng(self.request.seed)

    def explainable(self) -> list[str]:
        """Return the inputs to explain by evaluating copies of items; one that all items share has no copies."""
        own = [n for n in self.explained_inputs if self.axes[n] is not None]
        if not own:
            raise InvalidRequest(
                "the inputs to explain are shared by all items; a backward method can explain them",
                pointer="/params/explain_inputs",
            )
        return asked_for(own, self.request.params.explain_inputs, self.model.card.inputs)

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of one item of each input to explain, with the cards and data sets."""
        own = {n: self.item_shape(n) for n in self.explainable()}
        return Shapes(own, self.model.card.inputs, rows_first(self.datasets, self.axes))

    def item_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one item of an input."""
        return self.of_item(self.inputs[name], name, 0).shape

    def of_item(self, a: Array, name: str, item: int) -> Array:
        """Return one item's part of an input, or of an array shaped like it, as a view."""
        axis = self.axes[name]
        return a if axis is None else a[(slice(None),) * axis + (item,)]

    def companions(self, name: str, item: int) -> Arrays:
        """Return the item's masks and kinds of tokens that belong to the tokens of an input."""
        shape = self.item_shape(name)
        own = [n for n in COMPANIONS if n in self.inputs and n != name and self.axes[n] is not None]
        return {n: a for n in own if (a := self.of_item(self.inputs[n], n, item)).shape == shape}

    def copies(self, item: int, changed: Feeds) -> Arrays:
        """Return rows of feeds: the changed inputs as given, rows first, and the item's own values for the others."""
        return itemwise.copies(self.take([item]), self.axes, changed)

    def rows_in(self, feeds: Feeds) -> int:
        """Return how many rows these feeds hold."""
        return itemwise.count(feeds, self.axes)

    def in_batches(self, feeds: Feeds, run: Callable[[Arrays], T], lanes: int = 1) -> Iterator[T]:
        """Run batch after batch, so many at a time; a batch that does not fit in memory is halved and run again."""

        def answered(part: tuple[int, int]) -> list[T]:
            return self._fitting(itemwise.cut(feeds, self.axes, *part), run)

        for found in in_order(answered, cuts(self.rows_in(feeds), self.batch, lanes), lanes):
            yield from found

    def _fitting(self, feeds: Arrays, run: Callable[[Arrays], T]) -> list[T]:
        try:
            return [run(feeds)]
        except ResourceLimit:
            rows = self.rows_in(feeds)
            if rows < 2:
                raise
            halves = [(0, rows // 2), (rows // 2, rows)]
            return [p for half in halves for p in self._fitting(itemwise.cut(feeds, self.axes, *half), run)]

    # ---- evaluation

    @cached_property
    def explained(self) -> str:
        """The output or inner tensor that the target names, or the logits below it."""
        return asked_tensor(self.model.proto, self.model.description, self.request)

    @property
    def session(self) -> Session:
        """The deployed model's session, the explained tensor among its outputs."""
        extra = () if self.explained in self.model.outputs else (self.explained,)
        return self.model.forward(self.one, self.place, extra)

    def answers(self, feeds: Feeds, lanes: int = 1, session: Session | None = None) -> Array:
        """Return the explained tensor for any number of rows, rows first; safe beside other threads, and not counted."""
        found = self.in_batches(feeds, partial((session or self.session).output, self.explained), lanes)
        # one number for an item that ran alone is that item's row
        parts = [np.atleast_1d(p) for p in found]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def evaluate(self, feeds: Feeds) -> Array:
        """Run the deployed model on any number of rows and return the explained tensor, rows first."""
        found = self.answers(feeds, self.place.lanes)
        self.evaluations += self.rows_in(feeds)
        return found

    @cached_property
    def frozen(self) -> tuple[Array, Array, list[int]]:
        """Per item: the target's weights, the unperturbed score, and the explained class where there is one."""
        z = self.evaluate(self.inputs)
        targets.check_items(self.explained, z.shape, self.items)
        target, index = self.request.target, None
        if targets.wants_argmax(target, z.shape):
            index = z.reshape(len(z), -1).argmax(1)
        weights = targets.weights(target, z.shape, np.float64, index)
        named = [int(i) for i in index] if index is not None else targets.class_index(target, self.items)
        return weights, _dot(weights, z), named

    def scores(self, feeds: Feeds, items: Sequence[int] | Array) -> Array:
        """Return the explained scalar of each row, a perturbed copy of the item that `items` names for it."""
        return _dot(self.frozen[0][np.asarray(items)], self.evaluate(feeds))

    def model_outputs(self) -> Arrays:
        """Return what the deployed model answers to the unperturbed items."""
        session = self.model.forward(self.one, self.place)
        parts = list(self.in_batches(self.inputs, session.run, self.place.lanes))
        return {f"output.{n}": a for n, a in self.join(parts).items()}

    # ---- compiled explanations

    def compiled(self, request: Request, *, frozen: bool = False) -> Explainer:
        """Return the compiled explanation of a request about these items; `frozen`: the target's weights come from outside."""
        dims = self.model.explained_dims(
            self.one, self.explained, request.target.logits, batched=self.together
        )
        if dims and not self.together:
            targets.check_items(self.explained, dims, 1)
        head: Head = "argmax" if targets.wants_argmax(request.target, dims) and not frozen else "weights"
        return self.model.explainer(
            request, self.explained, head, self.one, self.place, batched=self.together
        )

    def explain(self, explainer: Explainer) -> Arrays:
        """Run a compiled explanation over all items."""
        parts, done = [], 0
        weights = self.weights_for(explainer)
        for part in self.in_batches({**self.inputs, **weights}, explainer.run):
            parts.append(part)
            done += len(part["account.score"])
            self.progress(done, self.items, "items")
        targets.check_items(self.explained, [done], self.items)
        self.evaluations += self.items
        return self.join(parts)

    def weights_for(self, explainer: Explainer) -> Arrays:
        """Return the target's weights per item, where a graph takes them from outside."""
        if WEIGHTS not in explainer.session.inputs:
            return {}
        emission, target = explainer.emission, self.request.target
        shape = (self.items, *self.behind(emission.dims, emission.explained))
        index = np.array(self.frozen[2]) if targets.wants_argmax(target, shape) else None
        return {WEIGHTS: targets.weights(target, shape, emission.dtype, index)}

    def rows(self, method: str, params: Params, *, opened: bool = True) -> Rows:
        """Return what explains perturbed copies of items towards their own frozen targets with a method or a part of one.

        `opened`: embeddings, casts and an `at` are fed from outside, so that they can be moved.
        """
        params = self._movable(params)
        request = Request(method, params, self.request.target, self.request.seed, opened)
        explainer = self.compiled(request, frozen=True)
        reader = Request("points/values", params, self.request.target)
        rows = Rows(self, explainer, lambda: self.compiled(reader, frozen=True), self.weights_for(explainer))
        self.driven = self.driven or rows
        return rows

    def _movable(self, params: Params) -> Params:
        """Hold fixed what all items share, such as a state, unless it is asked for by name."""
        can = self.explained_inputs
        own = [n for n in can if self.axes[n] is not None]
        held = (
            params.explain_inputs is None and 0 < len(own) < len(can) and getattr(params, "at", None) is None
        )
        return params.model_copy(update={"explain_inputs": own}) if held else params

    def rows_explainer(self, method: str, params: Params) -> Rows:
        """Return what explains rows of whole feeds: it gives the method's arrays and `account.score`, rows first."""
        return self.rows(method, params, opened=False)

    def behind(self, dims: Dims, name: str) -> list[int]:
        """Return the explained tensor's shape behind the items, from the graph or, where it cannot say, by a run."""
        known = [d for d in (dims or [None])[1:] if isinstance(d, int)]
        if dims is not None and len(known) == len(dims) - 1:
            return known
        session = self.model.forward(self.one, self.place, (name,))
        return list(session.output(name, self.one).shape[1:])

    def join(self, parts: list[Arrays]) -> Arrays:
        """Put the results of consecutive batches together, items first unless an input has them elsewhere."""
        return itemwise.join(parts, self.axes)

    def axis_of(self, name: str) -> int | None:
        """Return the item axis of an array: that of the input it is named after, else the first."""
        return itemwise.axis_of(name, self.axes)


def _dot(w: Array, z: Array) -> Array:
    n = len(z)
    return np.asarray((w.reshape(n, -1) * z.reshape(n, -1).astype(np.float64)).sum(1))
