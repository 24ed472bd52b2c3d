"""Keys in the ledger: only a digest is kept, an end is an end; and the commands that make, list and revoke them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from explainers.errors import InvalidRequest
from workers import cli
from workers.errors import NotFound
from workers.keys import LOCAL, Keys
from workers.tables import ApiKey


@pytest.fixture
def keys(ledger) -> Keys:
    return Keys(ledger)


def test_a_key_opens_its_tenant_and_only_the_digest_of_its_secret_is_kept(keys, ledger):
    record, text = keys.create("acme", "ci", ["read", "submit"])
    caller = keys.caller(text)
    assert (caller.tenant, caller.id, caller.scopes) == ("acme", record.id, ("read", "submit"))
    assert caller.may("read")
    assert not caller.may("admin")
    secret = text.partition(".")[2]
    assert len(secret) >= 43
    with ledger.read() as session:
        row = session.scalars(select(ApiKey)).one()
        assert secret not in json.dumps([str(v) for v in vars(row).values()])


def test_what_is_no_valid_key_opens_nothing(keys):
    record, text = keys.create("acme", "", ["read"])
    _, short = keys.create("acme", "", ["read"], 0.05)
    time.sleep(0.1)
    secret = text.partition(".")[2]
    for wrong in (
        "",
        ".",
        record.id,
        f"{record.id}.",
        f"{record.id}.x",
        f"x.{secret}",
        text + "x",
        "é." + secret,
        short,
    ):
        assert keys.caller(wrong) is None
    assert keys.revoke(text).state == "revoked"
    assert keys.caller(text) is None


def test_while_there_are_no_keys_everyone_is_local_and_a_revoked_one_still_counts(keys):
    assert keys.caller(None) is LOCAL
    record, _ = keys.create("acme", "", ["read"])
    keys.revoke(record.id)
    assert keys.caller(None) is None
    assert [k.state for k in keys.listed("acme")] == ["revoked"]
    assert keys.listed("other") == []


@pytest.mark.parametrize(
    ("tenant", "scopes"), [("acme", []), ("acme", ["all"]), ("", ["read"]), ("a\n", ["read"])]
)
def test_keys_that_make_no_sense_are_refused(keys, tenant, scopes):
    with pytest.raises(InvalidRequest):
        keys.create(tenant, "", scopes)


def test_an_unknown_key_is_not_revoked(keys):
    with pytest.raises(NotFound):
        keys.revoke("oxp1")


def onnxplain(group: str, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(getattr(cli, group), list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_commands_make_list_and_revoke(tmp_path):
    data = ("--data", str(tmp_path / "d"))
    text = onnxplain(
        "keys", "create", *data, "--tenant", "acme", "--scope", "read", "--expires", "90d"
    ).strip()
    assert re.fullmatch(r"oxp[0-9a-f]{12}\.[\w-]{43}", text)
    (listed,) = [json.loads(line) for line in onnxplain("keys", "list", *data).splitlines()]
    assert (listed["id"], listed["state"], listed["scopes"]) == (text.partition(".")[0], "valid", ["read"])
    assert "digest" not in listed
    assert json.loads(onnxplain("keys", "revoke", *data, listed["id"]))["state"] == "revoked"
    actors = [json.loads(line)["actor"] for line in onnxplain("admin", "audit", *data).splitlines()]
    assert len(actors) == 2
    assert all(a.startswith("operator:") for a in actors)
    onnxplain("keys", "create", *data, "--tenant", "acme", "--expires", "soon", code=2)


def test_the_process_list_shows_no_secret_and_stdout_is_the_key_alone(tmp_path):
    command = [sys.executable, "-c", "from workers.cli import keys; keys()", "create", "--tenant", "t"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.count("\n") == 1
    assert done.stdout.strip().partition(".")[2] not in done.stderr
