"""The keys of the OIDC issuer: fetched in a thread of their own, so that an issuer that hangs holds up no request."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from workers.errors import Unavailable

from .listening import is_loopback

log = logging.getLogger("onnxplain.api")
Key = RSAKey | ECKey | OKPKey

DOCUMENT_BYTES = 1 << 20
MOST_KEYS = 100
RSA_BITS = 2048
FETCH_SECONDS = 10.0
LONGEST_PAUSE = 10.0
"""Between two fetches at the least, however many unknown keys are shown."""
OLDEST_SECONDS = 24 * 3600.0
"""How long keys are believed while the issuer does not answer."""


class IssuerRefused(ValueError):
    """What the issuer published cannot be used, or must not be asked for there."""


@dataclass(frozen=True)
class _Snapshot:
    keys: dict[str | None, Key] = field(default_factory=dict)
    fetched: float = float("-inf")


class IssuerKeys:
    """The issuer's public keys by id, as they were when they were last fetched."""

    def __init__(self, issuer: str, source: str | None, refresh_seconds: float) -> None:
        self._issuer, self._source, self._refresh = issuer, source, refresh_seconds
        self._pause = min(LONGEST_PAUSE, refresh_seconds / 10)
        self._held = _Snapshot()
        self._asked, self._stopped = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="issuer-keys", daemon=True).start()

    def close(self) -> None:
        """Fetch no more."""
        self._stopped.set()
        self._asked.set()

    def find(self, id: str | None) -> Key | None:
        """Return a key; None: the issuer has none of that id. Unavailable where that cannot be said now."""
        held, age = self._held, time.monotonic() - self._held.fetched
        if id in held.keys and age < OLDEST_SECONDS:
            return held.keys[id]
        if age < self._pause:
            return None
        self._asked.set()
        raise Unavailable("the issuer's keys are being fetched; try again", retry_after=1)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._asked.clear()
            try:
                self._held = _Snapshot(parse(self._document()), time.monotonic())
            except (httpx.HTTPError, OSError, ValueError) as e:
                log.warning(
                    "the keys of the issuer %s cannot be had: %s %s", self._issuer, type(e).__name__, e
                )
            self._stopped.wait(self._pause)
            self._asked.wait(self._refresh)

    def _document(self) -> bytes:
        source = self._source
        if source is None:
            found = json.loads(fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"))
            if not isinstance(found, dict) or found.get("issuer") != self._issuer:
                raise IssuerRefused("the issuer calls itself by another name")
            source = str(found.get("jwks_uri"))
        if urlsplit(source).scheme in ("http", "https"):
            return fetch(source)
        with Path(source).open("rb") as file:
            return _bounded(file.read(DOCUMENT_BYTES + 1))


def fetch(url: str) -> bytes:
    """Return a small document; beyond loopback by TLS alone, since whoever sends keys decides who comes in."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise IssuerRefused("keys come over https, or from loopback")
    end, found = time.monotonic() + FETCH_SECONDS, b""
    with httpx.stream("GET", url, timeout=FETCH_SECONDS / 2, follow_redirects=False) as answer:
        if answer.status_code != 200:
            raise IssuerRefused(f"the answer was {answer.status_code}")
        for piece in answer.iter_bytes(1 << 14):
            found = _bounded(found + piece)
            if time.monotonic() > end:
                raise IssuerRefused(f"the answer took more than {FETCH_SECONDS:.0f} s")
    return found


def _bounded(document: bytes) -> bytes:
    if len(document) > DOCUMENT_BYTES:
        raise IssuerRefused(f"the document has more than {DOCUMENT_BYTES} bytes")
    return document


def parse(document: bytes) -> dict[str | None, Key]:
    """Return the public signing keys of a JWKS (RFC 7517) by id, and under None a key that is the only one."""
    fields = json.loads(document)
    entries = fields.get("keys") if isinstance(fields, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise IssuerRefused(f"a JWKS has a list of at most {MOST_KEYS} keys")
    found: dict[str | None, Key] = {}
    for entry in entries:
        if (key := _key(entry)) is not None:
            found[str(entry["kid"]) if "kid" in entry else None] = key
    return {**found, None: next(iter(found.values()))} if len(found) == 1 else found


def _key(entry: Any) -> Key | None:
    """Return a key that verifies signatures; secrets that both sides share, short and broken ones are left out."""
    try:
        if entry.get("kty") not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig":
            return None
        # looked at first, because the library only warns: six bits of the modulus are a character
        if entry["kty"] == "RSA" and len(entry["n"]) * 6 < RSA_BITS:
            return None
        key = JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None
