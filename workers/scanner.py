"""The scan runners: where the web process has uploads looked at and pictures drawn, so that it never parses them itself."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from explainers.errors import InvalidRequest, ModelForbidden
from explainers.types import Arrays, Card, ModelDescription
from explainers.words import names_in

from .desk import Desk, Order
from .errors import TooLarge
from .records import ModelRecord
from .runner.frames import MOST_DESCRIPTORS, Frame
from .settings import Settings

NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
MOST_EXTERNALS = MOST_DESCRIPTORS // 2
"""Data files of one model: each goes to the runner as a descriptor."""


class Scanner:
    """Runners that look at uploads and runners that draw: each tenant has its own, one request at a time for each purpose."""

    def __init__(self, settings: Settings, tenant: str = "", desks: tuple[Desk, Desk] | None = None) -> None:
        self._settings, self._tenant = settings, tenant
        self._desks = desks or (Desk(settings, "look"), Desk(settings, "draw"))

    def of(self, tenant: str) -> Scanner:
        """Return the same for a tenant: what one's upload takes over must never see another's."""
        return Scanner(self._settings, tenant, self._desks)

    def close(self) -> None:
        """End the runners."""
        for desk in self._desks:
            desk.close()

    def _look(self, order: Order) -> Frame:
        return self._desks[0].call(self._tenant, order)

    def _draw(self, order: Order) -> Frame:
        return self._desks[1].call(self._tenant, order)

    def scan(self, file: IO[bytes], card: Card) -> ModelDescription:
        """Look at a model."""
        fields = {"op": "scan", "card": card.model_dump(mode="json"), "limits": self._limits()}
        frame = self._look(Order(fields, sources=[file.fileno()]))
        return ModelDescription.model_validate(frame.fields["description"])

    def bundle(self, file: Path, externals: dict[str, Path], card: Card, out: IO[bytes]) -> None:
        """Write a model with its external data and its card's tokenizers taken in to `out`."""
        if len(externals) > MOST_EXTERNALS:
            raise ModelForbidden(
                f"the model came with {len(externals)} data files, and {MOST_EXTERNALS} are taken; save it with all tensors "
                "in one file",
                pointer="/external",
            )
        for name in externals:
            if not NAME.fullmatch(name) or name.startswith("."):
                raise ModelForbidden(
                    f"an external data file is called {name[:80]!r}; names are made of letters, digits, '.', '_' and '-'",
                    pointer="/external",
                )
        self._check_size([file, *externals.values()])
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in (file, *externals.values())]
            fields = {
                "op": "bundle",
                "names": list(externals),
                "limits": self._limits(),
                "tokenizers": names_in(card),
            }
            self._look(Order(fields, sources=[f.fileno() for f in files], targets=[out.fileno()]))

    def dataset(self, file: Path, filename: str, out: IO[bytes]) -> dict[str, Any]:
        """Write the arrays of a data set to `out`, one .npy after another, and return where they lie."""
        fields = {"op": "dataset", "filename": filename, "limit": self._settings.input_bytes}
        with file.open("rb") as source:
            return self._look(Order(fields, sources=[source.fileno()], targets=[out.fileno()])).fields

    def input(self, model: ModelRecord, name: str, file: Path, filename: str) -> Arrays:
        """Read a file for one input of a model."""
        spec = next((s for s in model.description.inputs if s.name == name), None)
        if spec is None:
            there = ", ".join(s.name for s in model.description.inputs)
            raise InvalidRequest(f"the model has no input {name[:80]!r}; it has: {there}", pointer="/inputs")
        fields = {
            "op": "input", "spec": spec.model_dump(mode="json"), "card": model.card.model_dump(mode="json"),
            "filename": filename, "limit": self._settings.input_bytes,
        }  # fmt: skip
        with file.open("rb") as source:
            return self._look(Order(fields, sources=[source.fileno()])).arrays

    def tokens(self, file: IO[bytes], model: ModelRecord, arrays: Arrays) -> Arrays:
        """Return inputs with every text as tokens, by the tokenizers in the model's file."""
        specs = [s.model_dump(mode="json") for s in model.description.inputs]
        fields = {"op": "tokens", "card": model.card.model_dump(mode="json"), "specs": specs}
        return self._look(Order(fields, arrays, [file.fileno()])).arrays

    def graph(self, model: IO[bytes], fields: dict[str, Any], out: IO[bytes]) -> None:
        """Write the explanation graph of a model to `out`; `fields` are the card, the method, its params, the target."""
        fields = {"op": "graph", "limits": self._limits(), **fields}
        self._look(Order(fields, sources=[model.fileno()], targets=[out.fileno()]))

    def picture(self, fields: dict[str, Any], arrays: Arrays) -> bytes:
        """Draw an item, or all; `arrays` are results under `r:NAME` and inputs under `i:NAME`."""
        frame = self._draw(Order({"op": "picture", **fields}, arrays))
        return np.ascontiguousarray(frame.arrays["picture"]).tobytes()

    def views(self, fields: dict[str, Any], arrays: Arrays) -> list[dict[str, Any]]:
        """Return the views of an item, or of all: each a name, and whether it is HTML."""
        views: list[dict[str, Any]] = self._draw(Order({"op": "views", **fields}, arrays)).fields["views"]
        return views

    def _limits(self) -> dict[str, int]:
        own = self._settings
        return {
            "bytes": own.model_bytes, "nodes": own.model_nodes, "depth": own.model_depth,
            "name_length": own.model_name_length, "tensor_bytes": own.tensor_bytes,
        }  # fmt: skip

    def _check_size(self, files: list[Path]) -> None:
        size = sum(f.stat().st_size for f in files)
        if size > self._settings.model_bytes:
            raise TooLarge(
                f"the model has {size} bytes with its data, the limit is {self._settings.model_bytes}"
            )
