"""Pictures of finished jobs: what of a result and its inputs the runner is given that draws them."""

from __future__ import annotations

import math
from typing import Any

from explainers.types import Arrays

from . import arrays as npy
from .blobs import Blobs
from .cutting import rows
from .errors import Conflict, NotFound
from .records import ResultRecord
from .scanner import Scanner
from .tables import Job

MOST_BYTES = 24 << 20
"""Of one array, that a picture of all items is made from: the first rows that fit."""
MOST_ITEMS = 2000
"""Items of the inputs that it is made from."""
LISTS = ("score", "index", "attribution_sum")


class Pictures:
    """Has pictures of one job drawn; methods raise `ExplainError` where there is none."""

    def __init__(self, job: Job, found: ResultRecord, blobs: Blobs, scanner: Scanner) -> None:
        self._job, self._found, self._blobs, self._scanner = job, found, blobs, scanner

    def draw(
        self, item: int | None, view: str | None = None, of: str | None = None, format: str = "png"
    ) -> bytes:
        """Draw one item, or all where it is None, as PNG or HTML; `view` and `of` name one of several pictures."""
        self._check(item)
        fields, arrays = self._order(item)
        return self._scanner.picture({**fields, "view": view, "of": of, "format": format}, arrays)

    def views(self) -> dict[str, list[str]]:
        """Return the names of the pictures that there are: of items, of all items, as HTML; the usual one first."""
        failed = {f.item for f in self._found.failures}
        first = next((i for i in range(self._job.items) if i not in failed), 0)
        one, every = (self._scanner.views(*self._order(item)) for item in (first, None))
        return {
            "item": [v["name"] for v in one if not v["page"]],
            "all": [v["name"] for v in every if not v["page"]],
            "html": [v["name"] for v in one if v["page"]],
        }

    def _check(self, item: int | None) -> None:
        if item is not None and not 0 <= item < self._job.items:
            raise NotFound(f"the job has {self._job.items} items, numbered from 0; there is no item {item}")
        if any(f.item == item for f in self._found.failures):
            raise Conflict(f"item {item} has no explanation: it failed")

    def _order(self, item: int | None) -> tuple[dict[str, Any], Arrays]:
        job, axes = self._job, {n: e["axis"] for n, e in self._job.inputs.items()}
        pixels = {name: entry["spec"] for name, entry in job.inputs.items() if entry.get("spec")}
        account = (
            self._whole_account() if item is None else item_account(self._found.account, item, job.items)
        )
        # the books of nodes are long, and no picture shows them
        account = {**account, "ledger": [], "rules": []}
        fields = {
            "card": job.card, "account": account, "pixels": pixels, "axes": axes, "number": item,
            "item": None if item is None else 0,
        }  # fmt: skip
        return fields, self._of_all() if item is None else self._of_item(item)

    def _of_item(self, item: int) -> Arrays:
        """Return an item's results under `r:NAME` and inputs under `i:NAME`; of arrays without items, their first row."""
        job, found = self._job, self._found
        elsewhere = {a.name: axis for a in found.arrays if (axis := self._axis(a.name))}
        own = {a.name for a in found.arrays if a.name not in elsewhere and a.shape[:1] == [job.items]}
        others = {a.name for a in found.arrays} - own - elsewhere.keys()
        read = npy.read_rows(found.npz, item, item + 1, own) | npy.read_rows(found.npz, 0, 1, others)
        for name, axis in elsewhere.items():
            whole = npy.read_rows(found.npz, 0, 1 << 60, {name})[name]
            read[name] = whole[(slice(None),) * axis + (slice(item, item + 1),)]
        return _named(read, {n: rows(self._blobs, e, item, item + 1) for n, e in job.inputs.items()})

    def _axis(self, name: str) -> int | None:
        """Return where an array has its items: as the input that it is named after, else first."""
        return (self._job.inputs.get(name.partition(".")[2]) or {}).get("axis")

    def _of_all(self) -> Arrays:
        """Return the results and inputs of all items, or of the first that fit."""
        read: Arrays = {}
        for a in self._found.arrays:
            size = math.prod(a.shape[1:]) * 8
            read |= npy.read_rows(self._found.npz, 0, max(1, MOST_BYTES // max(1, size)), {a.name})
        given = {n: rows(self._blobs, e, 0, _most(e)) for n, e in self._job.inputs.items()}
        return _named(read, given)

    def _whole_account(self) -> dict[str, Any]:
        account = self._found.account
        figures = {name: _known(account[name]) for name in LISTS}
        return {**account, **figures, "per_item": {n: _known(v) for n, v in account["per_item"].items()}}


def item_account(account: dict[str, Any], item: int, items: int) -> dict[str, Any]:
    """Return the account of one item of a job."""

    def pick(values: list[Any]) -> list[Any]:
        return [values[item]] if len(values) == items else _known(values)

    figures = {name: pick(account[name]) for name in LISTS}
    per_item = {name: pick(values) for name, values in account["per_item"].items()}
    return {**account, **figures, "per_item": per_item, "items": 1}


def _known(values: list[Any]) -> list[Any]:
    return [math.nan if v is None else v for v in values]


def _most(entry: dict[str, Any]) -> int:
    size: int = math.prod(n for i, n in enumerate(entry["shape"]) if i != entry["axis"]) * 8
    return max(1, min(MOST_ITEMS, MOST_BYTES // max(1, size)))


def _named(results: Arrays, inputs: Arrays) -> Arrays:
    return {f"r:{n}": a for n, a in results.items()} | {f"i:{n}": a for n, a in inputs.items()}
