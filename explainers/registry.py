"""The table of explanation methods; a file dropped into `methods/` is registered by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .datasets import Datasets
from .errors import InvalidRequest

Family = Literal["backward", "sampling", "prototype"]
METHODS: dict[str, Method] = {}
PARTS: dict[str, Method] = {}
"""Graphs that methods drive from outside; no methods of their own."""


class Params(BaseModel):
    """Parameters of a method: one class, from which validation, OpenAPI, command line, page and docs are computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    explain_inputs: list[str] | None = Field(
        None, description="Names of the inputs to explain; by default all float inputs and all token inputs."
    )

    def names(self) -> set[str]:
        """Return every string in the parameters: those that name tensors must survive the passes."""
        return set(_strings(self.model_dump()))

    def models(self) -> dict[str, str]:
        """Return the parameters that name another model, such as a decoder, and what they name."""
        return {}

    def making(self, shapes: Mapping[str, Sequence[int]]) -> float:
        """Return about how many seconds an evaluation takes beside the model, where that may be more than the model takes."""
        del shapes
        return 0.0

    def check_items(self, items: int, data: Datasets) -> None:
        """Refuse what must be one for each item and is not; of the data sets of inputs `data` may hold the shapes alone."""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (s for inner in value.values() for s in _strings(inner))
    elif isinstance(value, list | tuple):
        yield from (s for inner in value for s in _strings(inner))


class BackwardParams(Params):
    """What every backward method can be asked."""

    at: str | None = Field(None, description="Attribute to this inner tensor in place of the inputs.")


@dataclass(frozen=True)
class Centre:
    """What a method's attributions lie about, where that is not zero: a score that every item has."""

    figure: str
    """Its name among the account's figures per item; where every input has its own, a dot and the input's name follow."""
    words: str
    """What it is."""


@dataclass(frozen=True)
class Method:
    """A registered method: its function, its parameters and what it asks of a model."""

    name: str
    run: Callable[..., Any]
    params: type[Params]
    family: Family
    summary: str
    paper: str
    needs: Literal["grad", "run"]
    """`grad`: a derivative for every operator on the path; `run`: only evaluation."""
    compiled: bool
    """True: the function emits an explanation graph; False: it drives the model from outside."""
    completes: bool
    """True: the attributions of an item sum to its score difference."""
    per_item: bool
    """True: items are explained one by one, so that a job can be cut into chunks."""
    evaluations: Callable[[Any, Mapping[str, Sequence[int]]], int]
    """Model evaluations per item, estimated from the parameters and the shape of one item of each input."""
    searches: bool
    """True: it searches for inputs of its own; those that are given are data for it, and may be missing."""
    centre: Centre | None
    """What its attributions lie about; None: zero."""

    def describe(self) -> dict[str, Any]:
        """Return the catalogue entry: name, summary, paper, family and the JSON Schema of the parameters."""
        return {
            "name": self.name,
            "summary": self.summary,
            "paper": self.paper,
            "family": self.family,
            "needs": self.needs,
            "compiled": self.compiled,
            "searches": self.searches,
            "params": self.params.model_json_schema(),
        }


def method(
    *,
    family: Family,
    paper: str,
    compiled: bool = False,
    needs: Literal["grad", "run"] | None = None,
    completes: bool = False,
    per_item: bool = True,
    evaluations: Callable[[Any, Mapping[str, Sequence[int]]], int] = lambda params, shapes: 1,
    searches: bool = False,
    centre: Centre | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as a method under its own name; a second registration of a name is refused."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if name in METHODS:
            raise RuntimeError(f"method {name!r} is registered twice")
        # only this annotation is looked up: the others name types that must not be imported here
        params = function.__globals__[function.__annotations__["params"]]
        summary = (function.__doc__ or "").strip().splitlines()[0]
        wanted = needs or ("grad" if family == "backward" else "run")
        METHODS[name] = Method(
            name, function, params, family, summary, paper, wanted, compiled, completes, per_item, evaluations,
            searches, centre,
        )  # fmt: skip
        return function

    return register


def part(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as a graph that a method drives from outside, under a name like `method/part`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in PARTS or "/" not in name:
            raise RuntimeError(f"part {name!r} is registered twice or has no slash in its name")
        PARTS[name] = Method(
            name, function, Params, "backward", name, "", "grad", True, False, True, lambda params, shapes: 1,
            False, None,
        )  # fmt: skip
        return function

    return register


@cache
def methods() -> dict[str, Method]:
    """Return every method by name, importing all of `explainers.methods` first; an import error there is fatal."""
    package = importlib.import_module("explainers.methods")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"explainers.methods.{module.name}")
    return dict(sorted(METHODS.items()))


def graph_of(name: str) -> Method:
    """Return what emits the graph of a compiled method or of a part."""
    return PARTS.get(name) or find(name)


def find(name: str) -> Method:
    """Return one method, or refuse with the list of those there are."""
    known = methods()
    if name not in known:
        raise InvalidRequest(
            f"no method is called {name!r}; there are: {', '.join(known)}", pointer="/method"
        )
    return known[name]


def _literal(name: str) -> Any:
    return Literal[name]


@cache
def request_union() -> Any:
    """Return the type of a request's `method` + `params` as a discriminated union over all methods, built after autoload."""
    from pydantic import create_model

    members = tuple(
        create_model(
            f"Request_{name}",
            __config__=ConfigDict(extra="ignore"),
            method=(_literal(name), ...),
            params=(m.params, Field(default_factory=m.params)),
        )
        for name, m in methods().items()
    )
    union: Any = members[0]
    for member in members[1:]:
        union |= member
    return Annotated[union, Field(discriminator="method")]
