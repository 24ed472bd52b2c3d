"""The page, health, readiness, metrics and the catalogue."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

from prometheus_client.parser import text_string_to_metric_families

from explainers.registry import methods

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_a_shell_that_asks_nobody_else(http):
    page = http.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert re.findall(r"(?:src|href)=\"(?![/#])", page.text) == []
    assert not re.search(r"<script(?! type=\"module\" src=)|<style|style=|\son\w+=\"|<form", page.text)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'" in page.headers["Content-Security-Policy"]
    )


def test_everything_that_the_page_names_is_there(http):
    text = http.get("/").text
    links = set(re.findall(r"(?:src|href)=\"(/[^\"]*)\"", text))
    assert {"/openapi.json", "/v1/methods", "/web/js/main.js"} <= links
    assert {link: http.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_modules_import_only_what_is_served(http):
    modules = re.findall(r"modulepreload\" href=\"([^\"]+)\"", http.get("/").text)
    wanted = {
        urljoin(at, path) for at in modules for path in re.findall(r"from '([^']+)'", http.get(at).text)
    }
    assert wanted <= set(modules)


def test_charts_and_the_digit_model_are_served(http):
    charts = re.search(r"data-charts=\"([^\"]+)\"", http.get("/").text)[1]
    assert "plotly.js" in http.get(charts).text[:200]
    assert http.get("/try/digits.onnx").content == (ROOT / "examples" / "digits" / "digits.onnx").read_bytes()
    assert http.get("/try/train.py").status_code == 404


def test_it_lives_and_works(http):
    assert http.get("/healthz").json() == {"status": "ok"}
    answer = http.get("/readyz")
    assert answer.status_code == 200
    parts = dict.fromkeys(("ready", "ledger", "broker", "worker"), True)
    assert answer.json() == parts | {"cage": answer.json()["cage"], "reasons": [], "warnings": []}
    assert answer.json()["cage"] in (True, None)


def test_without_a_worker_it_lives_and_does_not_work(client):
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["ledger"], answer.json["worker"]) == (503, True, False)
    assert answer.json["reasons"]


def test_metrics_are_those_of_the_ledger(http, ask, finish):
    def succeeded() -> float:
        families = text_string_to_metric_families(http.get("/metrics").text)
        jobs = {f.name: f for f in families}["onnxplain_jobs"]
        return sum(s.value for s in jobs.samples if s.labels == {"state": "succeeded"})

    before = succeeded()
    finish(ask(seed=7000))
    assert succeeded() == before + 1, http.get("/metrics").text


def test_the_catalogue(http):
    catalogue = http.get("/v1/methods").json()["methods"]
    assert catalogue.keys() == methods().keys()
    assert catalogue["gradient"]["params"]["properties"].keys() >= {"explain_inputs"}
    assert http.get("/v1/methods/gradient").json() == catalogue["gradient"]
    assert http.get("/v1/methods/alchemy").status_code == 404
