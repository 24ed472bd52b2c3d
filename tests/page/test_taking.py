"""What is taken away works elsewhere: the commands as they stand, the report without a network, the graph in a bare runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

DIGIT = "new?model={model}&dataset={dataset}&items=0-2&method={method}"


@pytest.fixture
def result(visit, digits):
    """A page that shows the result of three digits, explained with relevance."""
    page = visit.to(DIGIT.format(**digits, method="lrp"))
    page.wait_for_selector(".cost:not(:empty)")
    page.click("button:has-text('Start')")
    page.wait_for_url("**/#/jobs/*")
    visit.result()
    return page


def taken(page, name: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click(f"button:has-text('{name}')")
    download.value.save_as(folder / download.value.suggested_filename)
    return folder / download.value.suggested_filename


def pasted(page, name: str) -> str:
    return page.locator(f"details:has(summary:text-is('{name}')) code").text_content()


def run(command: list[str]) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_start_the_same_job_as_they_stand(result, http):
    shown = http.get(f"/v1/jobs/{result.url.rpartition('/')[2].partition('?')[0]}").json()
    same = ("model", "method", "params", "target", "seed", "items")
    by_curl = json.loads(run(["bash", "-c", pasted(result, "curl")]))
    by_command = http.get(f"/v1/jobs/{run(['bash', '-c', pasted(result, 'Command line')]).split()[0]}").json()
    for made in (http.get(f"/v1/jobs/{by_curl['id']}").json(), by_command):
        assert {part: made[part] for part in same} == {part: shown[part] for part in same}
    said = run([sys.executable, "-c", pasted(result, "Python")])
    assert said.startswith("{'input': array(")


def test_a_report_opens_without_a_network(result, browser, tmp_path):
    report = taken(result, "Report (HTML)", tmp_path)
    assert "<script" not in report.read_text()
    context = browser.new_context(offline=True)
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda r: asked.append(r.url))
    page.goto(report.as_uri())
    widths = page.locator("img").evaluate_all("(all) => all.map((i) => i.naturalWidth)")
    assert len(widths) >= 3
    assert min(widths) > 100
    assert "of the score is distributed" in page.inner_text("body")
    assert all(address.startswith(("file:", "data:")) for address in asked)
    context.close()


def test_the_graph_that_is_taken_explains_in_a_bare_runtime(result, tmp_path):
    graph = taken(result, "Explanation as an ONNX graph", tmp_path)
    with np.load(taken(result, "Arrays (npz)", tmp_path), allow_pickle=False) as stored:
        arrays = dict(stored)
    digits = np.load("examples/digits/heldout.npz")["input"][:3]
    chosen = np.eye(10, dtype=np.float32)[arrays["output.logits"].argmax(1)]
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (found,) = session.run(["attribution.input"], {"input": digits, "target_weights": chosen})
    np.testing.assert_allclose(found, arrays["attribution.input"], rtol=1e-4, atol=1e-5)


def test_pictures_and_documents_are_what_they_say(result, tmp_path):
    assert taken(result, "Save PNG", tmp_path).read_bytes()[:4] == b"\x89PNG"
    assert taken(result, "Save SVG", tmp_path).read_text().startswith("<svg")
    assert taken(result, "Picture of this item", tmp_path).read_bytes()[:4] == b"\x89PNG"
    manifest = json.loads(taken(result, "Manifest", tmp_path).read_text())
    account = json.loads(taken(result, "Account (JSON)", tmp_path).read_text())
    assert manifest["method"] == "lrp"
    assert account["account"]["method"] == "lrp"
