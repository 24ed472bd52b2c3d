"""A loaded model: its bytes checked, its sessions built on demand and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import onnx
import onnx_ir as ir

from . import words
from .batching import Batching, alone, decide
from .cards import check_card, read_card
from .describe import batch_axis, describe, inner_names, spec
from .errors import ExplainError
from .explainer import Explainer, Place
from .front import Front
from .graph.build import Dims, dimensions
from .graph.explanation import Head, emit, find_target
from .graph.front import put_to, with_outputs
from .graph.limits import Limits
from .graph.load import read
from .graph.passes.dense import densify
from .graph.passes.free_batch import free_batch
from .graph.passes.shapes import BATCH
from .graph.passes.unfold import is_open
from .graph.passes.unzip import unzip_maps
from .graph.prepare import Shapes, prepare, to_ir
from .graph.vocabulary import tokenizers
from .itemwise import Axes
from .registry import graph_of
from .runtime import Session
from .shelf import Shelf
from .signature import Request
from .types import Arrays, Card, Feeds, ModelDescription, TensorSpec

T = TypeVar("T")
STEERING = 16
"""Values in a whole-number input that may decide branches."""
KEPT = 48
"""Sessions, prepared graphs and the like."""


def load(
    source: str | Path | bytes | onnx.ModelProto,
    card: Card | Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> Model:
    """Read and check a model from a path, bytes or a ModelProto; refuse what cannot be run, with the reason."""
    card = read_card(card)
    proto, digest = read(source, limits, list(words.names_in(card)))
    return Model(proto, digest, card)


class Model:
    """A checked model with its card; sessions are built once for each method, parameters, shapes and place."""

    def __init__(self, proto: onnx.ModelProto, digest: str, card: Card) -> None:
        self.id = digest
        self.card = card
        self.proto = unzip_maps(densify(proto))
        self._shelf = Shelf(KEPT)
        self.builds = 0
        """Sessions built so far."""
        self._check_card()
        self.words = tokenizers(self.proto, card, self.inputs if words.names_in(card) else [])
        """The tokenizer of each input of text."""

    def _check_card(self) -> None:
        if self.card != Card():
            graph = to_ir(self.proto).graph
            check_card(self.card, self.inputs, list(map(spec, graph.outputs)), inner_names(graph))

    @cached_property
    def description(self) -> ModelDescription:
        """What can be said of the model without running it."""
        return describe(
            self.proto, self.id, self.card, batch=self._declared_batching, prepared=self.prepared_as_declared
        )

    def describe(self) -> ModelDescription:
        """Return what can be said of the model without running it."""
        return self.description

    @cached_property
    def inputs(self) -> list[TensorSpec]:
        """The inputs' specs with their item axes."""
        graph = to_ir(self.proto).graph
        return [spec(v, batch_axis(v, graph.inputs[0], self.card)) for v in graph.inputs]

    @cached_property
    def axes(self) -> Axes:
        """The item axis of each input, None where all items share it."""
        return {s.name: s.batch_axis for s in self.inputs}

    @cached_property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [o.name for o in self.proto.graph.output]

    @cached_property
    def fixed_batch(self) -> int | None:
        """The number of items the model was exported for, None where it is free or there is no item axis."""
        sizes = [s.shape[s.batch_axis] for s in self.inputs if s.shape and s.batch_axis is not None]
        return sizes[0] if sizes and isinstance(sizes[0], int) else None

    @cached_property
    def _declared_batching(self) -> Batching:
        if self.fixed_batch is not None:
            return "one-by-one" if self._freed is None else "freed"
        return "free" if any(s.batch_axis is not None for s in self.inputs) else "one-by-one"

    @cached_property
    def _freed(self) -> onnx.ModelProto | None:
        """The model with its batch axis freed, if the graph seems to allow it."""
        if self.fixed_batch is None:
            return None
        model = to_ir(self.proto)
        shapes: dict[str, list[int | str | None]] = {
            s.name: [BATCH if i == s.batch_axis else d for i, d in enumerate(s.shape or [])]
            for s in self.inputs
        }
        return ir.to_proto(model) if free_batch(model, shapes, self.fixed_batch) else None

    def keep(self, name: tuple[str, ...], build: Callable[[], T]) -> T:
        """Return what is kept beside this model under a name, such as a graph put together with it, built at the first call."""
        return self._shelf.get(name, build)

    # ---- sessions

    def batching(self, feeds: Feeds, place: Place) -> Batching:
        """Decide, by running both, whether these items may run together; said once for each shape."""
        shapes = self._shapes(feeds)
        return self._shelf.get(("batching", shapes), lambda: self._try_batching(feeds, place))

    def _try_batching(self, feeds: Feeds, place: Place) -> Batching:
        ways: list[Batching] = ["free"] if self.fixed_batch is None else []
        ways += ["freed"] if self._freed is not None else []
        ways = [way for way in ways if not self._decides_in_run(feeds, way)]
        together = {way: partial(self._runner, way, place) for way in ways}
        apart = alone(self._runner("free", place), self.axes, self.fixed_batch)
        return decide(feeds, self.axes, apart, together)

    def _runner(self, way: Batching, place: Place) -> Callable[[Feeds], Arrays]:
        return self._forward(way, place).run

    def _shapes(self, feeds: Feeds) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Name what a compiled graph is made for: shapes, and the values that decide branches."""
        steering = tuple(
            (f"{n}=", tuple(int(v) for v in a.reshape(-1))) for n, a in self._steering(feeds).items()
        )
        return steering + tuple(
            (n, tuple(d for i, d in enumerate(a.shape) if i != self.axes[n]))
            for n, a in sorted(feeds.items())
        )

    def source(self, batching: Batching) -> onnx.ModelProto:
        """Return the model as it is run with this way of batching."""
        return self._freed if batching == "freed" and self._freed is not None else self.proto

    def _forward(self, batching: Batching, place: Place, extra: tuple[str, ...] = ()) -> Session:
        variant = "freed" if batching == "freed" else "as-is"
        return self._shelf.get(
            ("forward", variant, extra, place),
            lambda: self._build(with_outputs(self.source(batching), extra), place),
        )

    def forward(self, feeds: Feeds, place: Place, extra: tuple[str, ...] = ()) -> Session:
        """Return a session of the deployed model, with inner tensors among its outputs if asked."""
        return self._forward(self.batching(feeds, place), place, extra)

    def fronted(self, feeds: Feeds, place: Place, front: Front, explained: str) -> Session:
        """Return a session of the deployed model behind a front, with a tensor among its outputs."""
        batching = self.batching(feeds, place)
        return self._shelf.get(
            ("fronted", batching, front.name, explained, place),
            lambda: self._build(put_to(with_outputs(self.source(batching), (explained,)), front), place),
        )

    def explainer(
        self, request: Request, output: str, head: Head, feeds: Feeds, place: Place, *, batched: bool
    ) -> Explainer:
        """Return the compiled explanation for inputs of these shapes, built at the first call."""
        batching = self.batching(feeds, place) if batched else "one-by-one"
        params = request.params.model_dump_json()
        name = (
            "explain",
            (request.method, request.opened),
            params,
            output,
            request.target.logits,
            head,
            batching,
            self._shapes(feeds),
            place,
        )
        return self._shelf.get(name, lambda: self._compile(request, output, head, feeds, batching, place))

    def _compile(
        self, request: Request, output: str, head: Head, feeds: Feeds, batching: Batching, place: Place
    ) -> Explainer:
        emission = emit(
            self.prepared(feeds, batching, {output, *request.params.names()}),
            graph_of(request.method),
            request.params,
            output=output,
            card=self.card,
            logits=request.target.logits,
            head=head,
            opened=request.opened,
        )
        session = self._build(emission.proto, place)
        # the session has its own copy of the weights
        return Explainer(replace(emission, proto=onnx.ModelProto()), session)

    def prepared(self, feeds: Feeds, batching: Batching, keep: Collection[str] = ()) -> ir.Model:
        """Return the prepared graph for inputs of these shapes; N stands for the items unless they run one by one."""
        free = batching != "one-by-one"
        shapes: Shapes = {
            n: [(BATCH if free else 1) if i == self.axes[n] else d for i, d in enumerate(a.shape)]
            for n, a in feeds.items()
        }
        kept = [n for n in keep if n in self.description.tensors]
        return self._prepared(batching, shapes, kept, self._steering(feeds))

    def _prepared(
        self, batching: Batching, shapes: Shapes, keep: Collection[str], values: Arrays
    ) -> ir.Model:
        """Prepare once for these shapes; an output is never merged away and needs no keeping."""
        kept = frozenset(keep) - set(self.outputs)
        named = tuple((n, tuple(s)) for n, s in sorted(shapes.items()))
        told = tuple((n, a.tobytes()) for n, a in values.items())
        build = partial(prepare, self.source(batching), shapes, kept, values)
        return self._shelf.get(("prepared", batching, named, kept, told), build)

    def _steering(self, feeds: Feeds) -> Arrays:
        """Return the few whole numbers, shared by all items, that may decide branches and numbers of turns."""
        if not self._has_branches:
            return {}
        return {
            n: a
            for n, a in sorted(feeds.items())
            if self.axes[n] is None and a.dtype.kind in "iub" and a.size <= STEERING
        }

    @cached_property
    def _has_branches(self) -> bool:
        return any(n.op_type in ("If", "Loop", "Scan") for n in self.proto.graph.node)

    def _decides_in_run(self, feeds: Feeds, way: Batching) -> bool:
        """Say whether a branch or loop is left that the values of a batch decide, for all its items at once."""
        try:
            return self._has_branches and is_open(self.prepared(feeds, way))
        except ExplainError:
            return True

    def prepared_as_declared(self, keep: Collection[str] = ()) -> ir.Model:
        """Return the prepared graph for inputs of the declared shapes, the batch axis free where the graph allows it."""
        batching = self._declared_batching
        free: Shapes = {
            s.name: [
                BATCH if i == s.batch_axis and batching != "one-by-one" else d
                for i, d in enumerate(s.shape or [])
            ]
            for s in self.inputs
        }
        return self._prepared(batching, free, keep, {})

    def explained_dims(
        self, feeds: Feeds, output: str, logits: Literal["auto"] | bool, *, batched: bool
    ) -> Dims:
        """Return the axes of the tensor that a backward method explains."""
        batching = self.batching(feeds, Place()) if batched else "one-by-one"
        target, _ = find_target(
            self.prepared(feeds, batching, {output}).graph, output, peel=logits is not False
        )
        return dimensions(target)

    def item_bytes(self, feeds: Feeds, place: Place) -> int:
        """Estimate the bytes of all tensors that one item's explanation needs, forward and back; said once for each shape."""
        name = ("bytes", self._shapes(feeds))
        return self._shelf.get(
            name, lambda: self._estimated(self.prepared(feeds, self.batching(feeds, place)))
        )

    def _estimated(self, prepared: ir.Model) -> int:
        sizes = (
            math.prod(d if isinstance(d, int) else 1 for d in dimensions(v) or [])
            for n in prepared.graph
            for v in n.outputs
        )
        return 8 * sum(sizes) + 1

    def _build(self, proto: onnx.ModelProto, place: Place) -> Session:
        self.builds += 1
        return Session(proto, place.provider, place.threads, spinning=place.spinning, lanes=place.lanes)
