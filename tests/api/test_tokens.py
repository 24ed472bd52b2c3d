"""OIDC bearer tokens against an issuer on loopback: who is let in, who is not, and that an issuer that hangs hangs nobody."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import ValidationError

from api.app import create_app
from api.issuer_keys import IssuerRefused, fetch, parse
from workers.keys import keys_exist
from workers.service import Service
from workers.settings import Settings

NOBODY = "redis://127.0.0.1:1/0"
AUDIENCE = "https://explain.example"
ALGORITHMS = ["RS256", "ES256", "HS256"]


class Issuer(ThreadingHTTPServer):
    """An issuer: its keys can be changed, and it can be told to hang."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.keys = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})]
        self.answering = threading.Event()
        self.answering.set()
        self.asked = 0

    def token(self, key=None, header=None, **changes) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": now + 60, "iat": now, "tenant": "acme",
                  "scope": "openid read submit"}  # fmt: skip
        claims = {k: v for k, v in (claims | changes).items() if v is not None}
        key = key or self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, claims, key, ALGORITHMS)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        issuer = self.server
        issuer.asked += 1
        issuer.answering.wait(60)
        documents = {
            "/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"},
            "/keys": {"keys": [k.as_dict(private=False) for k in issuer.keys]},
            "/large": {"keys": ["x" * 2_000_000]},
        }
        found = documents.get(self.path)
        self.send_response(200 if found else 302)
        if not found:
            self.send_header("Location", "/keys")
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.answering.set()
    server.shutdown()
    server.server_close()


def settings(folder, issuer: Issuer, **changes) -> Settings:
    fields = {"data": folder, "redis_url": NOBODY, "oidc_issuer": issuer.url, "oidc_audience": AUDIENCE,
              "oidc_refresh_seconds": 0.5, "request_rate": "", "refused_rate": ""}  # fmt: skip
    return Settings(**fields | changes)


@pytest.fixture(scope="module")
def started(issuer, tmp_path_factory) -> Iterator[FlaskClient]:
    chosen = settings(tmp_path_factory.mktemp("oidc"), issuer)
    service = Service.open(chosen)
    app = create_app(service, chosen)
    yield app.test_client()
    app.extensions["tokens"].close()
    service.close()


@pytest.fixture
def web(started, issuer) -> FlaskClient:
    until(lambda: status(started, issuer.token()) == 200)
    return started


def status(web: FlaskClient, token: str, path: str = "/v1/jobs") -> int:
    return web.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def until(true) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_token_opens_its_tenant_with_its_scopes(web, issuer):
    token = issuer.token()
    assert status(web, token) == 200
    refused = web.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.json["scope"]) == (403, "admin")
    assert status(web, issuer.token(scope=["admin"]), "/metrics") == 200
    assert status(web, issuer.token(scope=None)) == 403


def test_nobody_without_a_token_is_let_in_and_keys_still_open(web, started, issuer):
    assert web.get("/v1/jobs").status_code == 401
    assert web.get("/healthz").status_code == 200
    service = started.application.extensions["service"]
    _, key = service.keys.create("acme", "ci", ["read"])
    assert status(web, key) == 200
    assert status(web, key[:-1]) == 401


def test_the_audit_log_names_the_subject(web, issuer, digits_bytes):
    headers = {"Content-Type": "application/octet-stream",
               "Authorization": f"Bearer {issuer.token(scope='models', sub='ada@example.org')}"}  # fmt: skip
    assert web.post("/v1/models", data=digits_bytes, headers=headers).status_code == 201
    other = {"Authorization": f"Bearer {issuer.token(tenant='zeta')}"}
    assert web.get("/v1/models", headers=other).json["models"] == []
    with web.application.extensions["service"]._database.read() as session:
        from workers.ledger import audit

        entries = list(audit.entries(session))
    assert [e.actor for e in entries if e.action == "model.add"] == ["oidc:ada@example.org"]


NOW = time.time()
CLAIMS = {
    "another issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": None}, "another audience": {"aud": "https://x"},
    "no audience": {"aud": None}, "audiences without ours": {"aud": ["a", "b"]}, "expired": {"exp": NOW - 3600},
    "no end": {"exp": None}, "an end that is text": {"exp": "9999999999"}, "not yet": {"nbf": NOW + 3600},
    "issued in the future": {"iat": NOW + 3600}, "no subject": {"sub": None}, "no tenant": {"tenant": None},
    "a tenant of nothing": {"tenant": ""}, "a tenant of a line end": {"tenant": "a\nb"},
    "a long tenant": {"tenant": "a" * 65}, "tenants": {"tenant": ["acme"]}, "a subject that is none": {"sub": 7},
}  # fmt: skip


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS)
def test_claims_that_do_not_fit_are_refused_without_a_word_why(web, issuer, changes):
    answer = web.get("/v1/jobs", headers={"Authorization": f"Bearer {issuer.token(**changes)}"})
    assert answer.status_code == 401
    assert answer.json["detail"] == web.get("/v1/jobs").json["detail"]


def test_clocks_may_differ_by_the_leeway_and_no_more(web, issuer):
    assert status(web, issuer.token(exp=time.time() - 10, nbf=time.time() + 10)) == 200
    assert status(web, issuer.token(exp=time.time() - 60)) == 401


def forged(issuer: Issuer) -> dict[str, str]:
    good = issuer.token()
    head, body, seal = good.split(".")
    public = issuer.keys[0].as_pem(private=False)
    shared = OctKey.import_key(base64.urlsafe_b64encode(public).decode().rstrip("="), {"kid": "first"})
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    return {
        "no algorithm": f"{encoded({'alg': 'none', 'kid': 'first'})}.{body}.",
        "no algorithm, and a signature": f"{encoded({'alg': 'None', 'kid': 'first'})}.{body}.{seal}",
        "no signature": f"{head}.{body}.",
        "another's signature": issuer.token(stranger),
        "the public key as a secret": issuer.token(shared, {"alg": "HS256"}),
        "an algorithm that is not on the list": issuer.token(ECKey.generate_key("P-256", {"kid": "first"}), {"alg": "ES256"}),
        "its own key": issuer.token(stranger, {"kid": "first", "jwk": stranger.as_dict(private=False)}),
        "a key elsewhere": issuer.token(stranger, {"kid": "first", "jku": "https://evil.example/keys"}),
        "a critical header": f"{encoded({'alg': 'RS256', 'kid': 'first', 'crit': ['x'], 'x': 1})}.{body}.{seal}",
        "a key id that is none": f"{encoded({'alg': 'RS256', 'kid': {}})}.{body}.{seal}",
        "a changed body": f"{head}.{encoded({'sub': 'x'})}.{seal}",
        "no base64": f"{head}.é*.{seal}",
        "dots": "..",
        "deep": f"{base64.urlsafe_b64encode(b'[' * 300).decode()}.{body}.{seal}",
        "long": f"{head}.{body * 60}.{seal}",
    }  # fmt: skip


def encoded(fields: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def test_no_forged_token_is_let_in(web, issuer):
    tokens = forged(issuer)
    assert {
        name: status(web, text.encode().decode("latin-1")) for name, text in tokens.items()
    } == dict.fromkeys(tokens, 401)


def test_new_keys_are_taken_and_old_ones_end(web, issuer):
    old, new = issuer.keys[0], RSAKey.generate_key(2048, {"kid": "second"})
    issuer.keys = [new]
    until(lambda: status(web, issuer.token(new)) == 200)
    until(lambda: status(web, issuer.token(old)) == 401)
    issuer.keys = [old]


def test_an_issuer_that_hangs_holds_up_no_request(web, issuer):
    issuer.answering.clear()
    asked = issuer.asked
    until(lambda: issuer.asked > asked)
    unknown = RSAKey.generate_key(2048, {"kid": "third"})
    assert [status(web, issuer.token()) for _ in range(50)] == [200] * 50
    answers = [
        web.get("/v1/jobs", headers={"Authorization": f"Bearer {issuer.token(unknown)}"}) for _ in range(50)
    ]
    # the fetch hangs: nobody can say whether that key is the issuer's by now, and nobody waits to know
    assert {a.status_code for a in answers} <= {401, 503}
    assert answers[-1].status_code == 401 or answers[-1].headers["Retry-After"] == "1"
    assert not issuer.answering.is_set()
    issuer.answering.set()


def test_strangers_do_not_make_us_ask_the_issuer_again_and_again(web, issuer):
    asked = issuer.asked
    began = time.monotonic()
    unknown = issuer.token(RSAKey.generate_key(2048, {"kid": "fourth"}))
    for _ in range(100):
        assert status(web, unknown) in (401, 503)
    # two documents a fetch, a pause of 0.05 s between fetches in these settings
    assert issuer.asked - asked <= 2 * (2 + (time.monotonic() - began) / 0.05)


def test_before_the_first_keys_came_nobody_is_told_that_he_is_unknown(issuer, tmp_path):
    issuer.answering.clear()
    chosen = settings(tmp_path, issuer)
    service = Service.open(chosen)
    app = create_app(service, chosen)
    answer = app.test_client().get("/v1/jobs", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    issuer.answering.set()
    until(lambda: status(app.test_client(), issuer.token()) == 200)
    app.extensions["tokens"].close()
    service.close()


def test_keys_from_a_file_other_claims_and_algorithms(issuer, tmp_path):
    key = ECKey.generate_key("P-256", {"kid": "file"})
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    chosen = settings(
        tmp_path, issuer, oidc_jwks=str(tmp_path / "keys.json"), oidc_algorithms=("ES256",), oidc_tenant_claim="org.name",
        oidc_scope_claim="realm_access.roles", oidc_scope_prefix="onnxplain:",
    )  # fmt: skip
    service = Service.open(chosen)
    app = create_app(service, chosen)
    more = {"org": {"name": "acme"}, "realm_access": {"roles": ["onnxplain:read", "submit"]}}
    until(lambda: status(app.test_client(), issuer.token(key, {"alg": "ES256"}, **more)) == 200)
    assert status(app.test_client(), issuer.token(header={"kid": "file"}, **more)) == 401
    assert (
        status(app.test_client(), issuer.token(key, {"alg": "ES256"}, **more | {"realm_access": []})) == 403
    )
    app.extensions["tokens"].close()
    service.close()


def test_only_keys_that_sign_are_taken():
    good = RSAKey.generate_key(2048, {"kid": "good"}).as_dict(private=False)
    with pytest.warns(match="."):
        short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    others = [{"kty": "oct", "k": "AAAA", "kid": "secret"}, good | {"kid": "enc", "use": "enc"}, {"kty": "RSA", "kid": "cut"},
              {"kty": "NEW", "kid": "new"}, None, 7, {}]  # fmt: skip
    assert parse(json.dumps({"keys": [good, *others]}).encode()).keys() == {"good", None}
    assert parse(json.dumps({"keys": [short, *others]}).encode()) == {}
    for document in (b"[]", b"{}", b'{"keys": {}}', json.dumps({"keys": [good] * 101}).encode()):
        with pytest.raises(IssuerRefused):
            parse(document)


def test_keys_are_fetched_within_bounds_and_not_in_the_clear(issuer):
    for url in ("http://192.0.2.1/keys", f"{issuer.url}/large", f"{issuer.url}/elsewhere"):
        with pytest.raises(IssuerRefused):
            fetch(url)


def test_settings_that_would_let_anyone_in_are_refused(issuer, tmp_path):
    for wrong in (
        {"oidc_algorithms": ("none",)},
        {"oidc_algorithms": ("HS256",)},
        {"oidc_audience": None},
        {"oidc_algorithms": ()},
    ):
        with pytest.raises(ValidationError):
            settings(tmp_path, issuer, **wrong)
    assert keys_exist(settings(tmp_path, issuer))
