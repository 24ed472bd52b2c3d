"""The Compose file fits its schema, the tree and the rules; running it needs Docker, which no test has."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
import yaml
from jsonschema import Draft201909Validator

from workers.settings import Settings

IMAGES = ("api", "worker")


@pytest.fixture(scope="module")
def compose(root) -> dict:
    return yaml.safe_load((root / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose) -> dict:
    return compose["services"]


@pytest.fixture(scope="module")
def dockerfiles(root) -> dict[str, str]:
    return {name: (root / "docker" / f"{name}.Dockerfile").read_text() for name in IMAGES}


def test_it_fits_the_schema(compose, root):
    schema = json.loads((root / "tests" / "house" / "compose-spec.json").read_text())
    assert [e.message for e in Draft201909Validator(schema).iter_errors(compose)] == []
    assert not Draft201909Validator(schema).is_valid(compose | {"services": {"api": {"prots": []}}})


def test_it_has_the_services(services):
    assert services.keys() == {"api", "worker-cpu", "worker-gpu", "valkey", "postgres"}
    assert {name for name, s in services.items() if "profiles" in s} == {"worker-gpu"}


def test_only_the_api_is_published_and_only_on_loopback(services):
    assert {name: s["ports"] for name, s in services.items() if "ports" in s} == {
        "api": ["127.0.0.1:8000:8000"]
    }


@pytest.mark.parametrize("name", ["api", "worker-cpu", "worker-gpu", "valkey", "postgres"])
def test_every_service_is_closed_and_watched(name, services):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert int(service["user"].split(":")[0]) > 0
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_everything_but_the_api_has_no_way_out(compose, services):
    assert {name for name, s in services.items() if s["networks"] != ["inside"]} == {"api"}
    assert compose["networks"]["inside"] == {"internal": True}


def test_volumes_and_networks_are_declared(compose, services):
    mounted = {v.split(":")[0] for s in services.values() for v in s.get("volumes", [])}
    assert mounted == compose["volumes"].keys()
    assert {n for s in services.values() for n in s["networks"]} == compose["networks"].keys()


def test_no_model_runs_there_without_a_whole_cage(services):
    ours = {name: s["environment"] for name, s in services.items() if "build" in s}
    assert {name: e["ONNXPLAIN_CAGE"] for name, e in ours.items()} == dict.fromkeys(ours, "required")


def test_every_setting_exists(services, dockerfiles):
    named = {k for s in services.values() for k in s.get("environment", {})} | set(
        re.findall(r"(ONNXPLAIN_\w+)=", "".join(dockerfiles.values()))
    )
    ours = {k.removeprefix("ONNXPLAIN_").lower() for k in named if k.startswith("ONNXPLAIN_")}
    assert ours <= Settings.model_fields.keys()
    assert {"database_url", "redis_url", "data"} <= ours


def test_every_file_that_an_image_copies_exists(dockerfiles, services, root):
    copied = [
        w
        for t in dockerfiles.values()
        for line in re.findall(r"^COPY (?!--)(.+) \S+$", t, re.MULTILINE)
        for w in line.split()
    ]
    built = [s["build"]["dockerfile"] for s in services.values() if "build" in s]
    assert copied
    assert [p for p in [*copied, *built] if not (root / p).exists()] == []


def test_every_extra_that_an_image_installs_exists(dockerfiles, root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [
        e
        for t in dockerfiles.values()
        for part in re.findall(r"-e ['\"]\.\[(.+?)\]", t)
        for e in part.split(",")
    ]
    assert {e for e in extras if e != "${RUNTIME}"} <= project["optional-dependencies"].keys()
    assert {"workers", "api", "cpu", "${RUNTIME}"} <= set(extras)


@pytest.mark.parametrize("name", IMAGES)
def test_images_run_as_nobody_in_particular(name, dockerfiles):
    assert dockerfiles[name].rstrip().splitlines()[-2].startswith(("USER onnxplain", "EXPOSE"))
    assert "USER onnxplain" in dockerfiles[name]
