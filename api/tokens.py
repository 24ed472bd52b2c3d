"""OIDC bearer tokens: who shows one is whom its claims name, once signature, issuer, audience and times are right."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from workers.errors import Unavailable
from workers.keys import Caller
from workers.records import SCOPES
from workers.settings import Settings

from .issuer_keys import IssuerKeys, Key

log = logging.getLogger("onnxplain.api")
TOKEN_CHARACTERS = 8192


class Tokens:
    """Verifies the tokens of one issuer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = IssuerKeys(settings.oidc_issuer or "", settings.oidc_jwks, settings.oidc_refresh_seconds)
        self._registry = jws.JWSRegistry(algorithms=settings.oidc_algorithms, strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=int(settings.oidc_leeway_seconds),
            iss={"essential": True, "value": settings.oidc_issuer or ""},
            aud={"essential": True, "value": settings.oidc_audience or ""},
            exp={"essential": True},
            sub={"essential": True},
        )

    def close(self) -> None:
        """Fetch no more keys."""
        self._keys.close()

    def caller(self, text: str) -> Caller | None:
        """Return who shows this token; None: nobody that is known. Unavailable where its key is still being fetched."""
        try:
            return self._named(self._verified(text))
        except Unavailable:
            raise
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as e:
            log.info("a token was refused: %s", type(e).__name__)
            return None

    def _verified(self, text: str) -> dict[str, Any]:
        if len(text) > TOKEN_CHARACTERS:
            raise ValueError("longer than a token is")
        header = jws.extract_compact(text.encode(), registry=self._registry).headers()
        # judged before a key is looked for, so that no odd header makes the issuer be asked
        self._registry.check_header(header)
        self._registry.get_alg(header["alg"])
        claims = jwt.decode(text, self._key(header), registry=self._registry).claims
        self._claims.validate(claims)
        return claims

    def _key(self, header: Mapping[str, Any]) -> Key:
        key = self._keys.find(header.get("kid"))
        if key is None:
            raise ValueError("the issuer has no such key")
        return key

    def _named(self, claims: dict[str, Any]) -> Caller:
        tenant = _claim(claims, self._settings.oidc_tenant_claim)
        if not isinstance(tenant, str) or not 0 < len(tenant) <= 64 or not tenant.isprintable():
            raise ValueError("it names no tenant")
        said = _claim(claims, self._settings.oidc_scope_claim)
        words = set(said.split() if isinstance(said, str) else said if isinstance(said, list) else ())
        prefix = self._settings.oidc_scope_prefix
        return Caller(tenant, _name(claims["sub"]), tuple(s for s in SCOPES if prefix + s in words))


def _claim(claims: dict[str, Any], path: str) -> Any:
    """Return a claim by its name, or by the names on the way to it with dots between."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _name(subject: str) -> str:
    """Return a subject as audit log and logs write it: as it is where it is short and plain, else its digest."""
    plain = subject.isascii() and subject.isprintable() and len(subject) <= 59
    return f"oidc:{subject if plain else hashlib.sha256(subject.encode()).hexdigest()[:48]}"
