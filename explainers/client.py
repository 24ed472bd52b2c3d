"""The service from Python: models, data sets, jobs and results over HTTP, without ONNX Runtime."""

from __future__ import annotations

import io
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx
import httpx_sse
import numpy as np

from . import tensors
from .errors import ExplainError, from_json
from .types import Array, Arrays, Card, Explanation, Target
from .waiting import patiently

Fields = dict[str, Any]
FINAL = frozenset({"succeeded", "partially_succeeded", "failed", "cancelled"})
GOOD = frozenset({"succeeded", "partially_succeeded"})
URL = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 60.0
"""How long a stream of events may be without an answer, and a request be told to come again, before it is given up."""


class ServerUnreachable(ExplainError):
    """No answer, or one that is not the service's."""

    code = "server-unreachable"
    title = "The service does not answer"


class Event(NamedTuple):
    """Something that happened to a job: `progress` (done, total, unit) or `state` (state, error)."""

    kind: str
    data: Fields
    id: str


class Client:
    """A connection to one server; refusals are raised as the same errors that the engine raises."""

    def __init__(self, url: str = URL, key: str | None = None, timeout: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.HTTPTransport(retries=3)
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers=headers, transport=transport, timeout=timeout, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def methods(self) -> Fields:
        """Return the catalogue of methods by name."""
        return dict(self._json("GET", "/v1/methods")["methods"])

    def upload_model(
        self,
        model: str | Path | bytes,
        card: Card | Fields | None = None,
        name: str | None = None,
        externals: Mapping[str, Path] | None = None,
    ) -> Fields:
        """Upload a model, with its card and its external data files by the names the model gives them."""
        data = model if isinstance(model, bytes) else Path(model).read_bytes()
        files: list[tuple[str, tuple[str, bytes, str]]] = [
            ("model", ("model.onnx", data, "application/octet-stream"))
        ]
        files += [
            ("external", (n, p.read_bytes(), "application/octet-stream"))
            for n, p in (externals or {}).items()
        ]
        if card is not None:
            text = card.model_dump_json(exclude_unset=True) if isinstance(card, Card) else json.dumps(card)
            files.append(("card", ("card.json", text.encode(), "application/json")))
        return self._json("POST", "/v1/models", files=files, params={"name": name} if name else {})

    def model(self, ref: str) -> Fields:
        """Return what the server knows of a model, by digest, name or name:version."""
        return self._json("GET", f"/v1/models/{_path(ref)}")

    def upload_dataset(self, data: str | Path | Arrays) -> Fields:
        """Upload a data set: a file (npy, npz, csv, parquet, zip of images), or arrays by input name."""
        if isinstance(data, str | Path):
            name, content = Path(data).name, Path(data).read_bytes()
        else:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **data)  # type: ignore[arg-type]  # numpy's stubs take the names for options
            name, content = "data.npz", buffer.getvalue()
        return self._json("POST", "/v1/datasets", files={"file": (name, content)})

    def submit(
        self,
        model: str,
        method: str,
        inputs: Mapping[str, Array] | None = None,
        *,
        dataset: str | None = None,
        job: str | None = None,
        params: Fields | None = None,
        target: Target | Fields | int | str | None = None,
        seed: int = 0,
        priority: str = "batch",
        key: str | None = None,
    ) -> Fields:
        """Submit a job on inputs, an uploaded data set or an earlier job's inputs; the same `key` never makes a second job."""
        request: Fields = {
            "model": model,
            "method": method,
            "params": params or {},
            "seed": seed,
            "priority": priority,
        }
        if target is not None:
            request["target"] = (
                target.model_dump(exclude_unset=True) if isinstance(target, Target) else target
            )
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if dataset is not None or job is not None:
            request["inputs"] = {"job": job} if dataset is None else {"dataset": dataset}
            return self._json("POST", "/v1/jobs", json=request, headers=headers)
        arrays = dict(inputs or {})
        if not all(_is_plain(name, a) for name, a in arrays.items()):
            request["inputs"] = tensors.encode(arrays)
            return self._json("POST", "/v1/jobs", json=request, headers=headers)
        return self._json("POST", "/v1/jobs", files=_parts(request, arrays), headers=headers)

    def job(self, id: str) -> Fields:
        """Return a job as it stands."""
        return self._json("GET", f"/v1/jobs/{_path(id)}")

    def jobs(self, limit: int = 50, **filters: str) -> Iterator[Fields]:
        """Yield jobs, newest first, at most `limit`; filters are `state`, `method`, `model`."""
        page: str | None = "/v1/jobs"
        query: Fields | None = {**filters, "limit": min(limit, 200)}
        while page and limit > 0:
            answer = self._json("GET", page, params=query)
            yield from answer["jobs"][:limit]
            limit -= len(answer["jobs"])
            page, query = answer.get("next"), None

    def cancel(self, id: str) -> Fields | None:
        """Cancel a job; of a finished one remove the results (None)."""
        response = self._request("DELETE", f"/v1/jobs/{_path(id)}")
        return dict(response.json()) if response.content else None

    def events(self, id: str, last: str = "") -> Iterator[Event]:
        """Yield what happens to a job until it ends, connecting anew where the stream breaks."""
        silent_since = time.monotonic()
        while True:
            try:
                for event in self._stream(id, last):
                    last, silent_since = event.id or last, time.monotonic()
                    yield event
                    if event.data.get("state") in FINAL:
                        return
                if self.job(id)["state"] in FINAL:
                    return
                silent_since = time.monotonic()
            except ServerUnreachable:
                if time.monotonic() - silent_since > PATIENCE_SECONDS:
                    raise
            time.sleep(1.0)

    def _stream(self, id: str, last: str) -> Iterator[Event]:
        headers = {"Last-Event-ID": last} if last else {}
        address = f"/v1/jobs/{_path(id)}/events"
        stream = httpx_sse.connect_sse(self._http, "GET", address, headers=headers, timeout=30.0)
        with self._asked(), stream as source:
            if source.response.status_code in (204, 429):  # nothing more to tell, or too many listeners
                return
            _check(source.response)
            for event in source.iter_sse():
                if event.event in ("progress", "state"):
                    yield Event(event.event, event.json(), event.id)

    def wait(self, id: str, progress: Callable[[int, int, str], None] | None = None) -> Fields:
        """Return a job when it has ended, calling `progress(done, total, unit)` on the way."""
        for event in self.events(id):
            if progress is not None and event.kind == "progress":
                progress(event.data["done"], event.data["total"], event.data["unit"])
        return self.job(id)

    def account(self, id: str) -> Fields:
        """Return a finished job with its account and the items that failed."""
        return self._json("GET", f"/v1/jobs/{_path(id)}/result")

    def result(self, id: str) -> Explanation:
        """Return the explanation of a finished job."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result.npz"
            self.save_result(id, path)
            return Explanation.load(path)

    def save_result(self, id: str, path: str | Path) -> None:
        """Write the .npz file of a finished job to a path, without holding it in memory."""
        with self._asked(), self._http.stream("GET", f"/v1/jobs/{_path(id)}/result.npz") as response:
            _check(response)
            with Path(path).open("wb") as file:
                file.writelines(response.iter_bytes())

    def picture(
        self,
        id: str,
        item: int | None = 0,
        view: str | None = None,
        of: str | None = None,
        *,
        format: str = "png",
    ) -> bytes:
        """Return a picture of one item of a finished job, or of all where it is None, as PNG, or its words as HTML.

        `view` names one of several pictures, `of` one of several inputs or layers.
        """
        at = "picture" if item is None else f"items/{item}"
        asked = {k: v for k, v in (("view", view), ("of", of)) if v is not None}
        return self._request("GET", f"/v1/jobs/{_path(id)}/{at}.{format}", params=asked).content

    def pictures(self, id: str) -> dict[str, list[str]]:
        """Return the names of the pictures that a finished job has: of items, of all items, as HTML."""
        return self._json("GET", f"/v1/jobs/{_path(id)}/pictures")

    def manifest(self, id: str) -> Fields:
        """Return what is needed to run a job again and compare."""
        return self._json("GET", f"/v1/jobs/{_path(id)}/manifest")

    def _json(self, verb: str, address: str, **more: Any) -> Fields:
        return dict(self._request(verb, address, **more).json())

    def _request(self, verb: str, address: str, **more: Any) -> httpx.Response:
        with self._asked():
            response = patiently(lambda: self._http.request(verb, address, **more), PATIENCE_SECONDS)
        _check(response)
        return response

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as e:
            raise ServerUnreachable(
                f"no service answers at {self.url} ({str(e) or type(e).__name__}); start one by `onnxplain serve`, "
                "or give the address of another"
            ) from e


def _is_plain(name: str, a: Array) -> bool:
    """Say whether an array can travel as an .npy file in a part of its own name."""
    return name != "request" and a.dtype.kind in "biuf"


def _parts(request: Fields, arrays: Arrays) -> list[tuple[str, tuple[str, bytes, str]]]:
    parts = [("request", ("request.json", json.dumps(request).encode(), "application/json"))]
    for i, (name, a) in enumerate(arrays.items()):
        buffer = io.BytesIO()
        np.save(buffer, a.astype(str) if a.dtype == object else a, allow_pickle=False)
        parts.append((name, (f"{i}.npy", buffer.getvalue(), "application/octet-stream")))
    return parts


def _path(segment: str) -> str:
    return quote(segment, safe=":")


def _check(response: httpx.Response) -> None:
    """Raise the error that a problem document describes."""
    if response.status_code < 300:
        return
    response.read()
    try:
        fields = response.json()
        assert "detail" in fields
    except (ValueError, AssertionError, TypeError):
        raise ServerUnreachable(
            f"{response.url.host} answered {response.status_code} {response.reason_phrase} without a reason that "
            "onnxplain knows; is this the address of an onnxplain service?"
        ) from None
    raise from_json(fields)
