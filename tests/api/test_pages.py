"""The page, health, readiness, metrics and the catalogue."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from explainers.registry import methods


def test_the_page_tells_what_runs_here(http):
    page = http.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Ready" in page.text
    assert all(f"<code>{name}</code>" in page.text for name in methods())


def test_the_page_asks_nobody_else(http):
    text = http.get("/").text
    assert re.findall(r"(?:src|href)=\"(?!/)", text) == []
    assert not re.search(r"<script|<style|style=|\son\w+=\"|<form", text)


def test_links_of_the_page_lead_somewhere(http):
    links = set(re.findall(r"href=\"([^\"]+)\"", http.get("/").text))
    assert {"/openapi.json", "/v1/methods"} <= links
    assert {link: http.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_the_page_says_what_is_missing(client):
    assert "Not ready" in client.get("/").text


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
