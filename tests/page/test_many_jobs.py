"""A thousand jobs in the ledger: the list is paged, filtered and fits, whatever its models are called."""

from __future__ import annotations

import httpx
import onnx
import pytest
from reference.page_visit import Visit

from benchmarks.page import DIGITS, FAILED_EACH, JOBS, METHODS, fill

LONG = "reads-handwritten-digits-of-eight-by-eight-points-quantised-retrained-and-signed-off-in-november-2026"
PAGE = 50


@pytest.fixture(scope="module")
def crowded(make_stack, make_url, tmp_path_factory) -> str:
    """Address of a service with 1,000 jobs, half of them on a model with a long name."""
    stack = make_stack()
    renamed = tmp_path_factory.mktemp("long") / "long.onnx"
    onnx.save(onnx.ModelProto(producer_version=LONG, **_parts(onnx.load(DIGITS))), renamed)
    fill(stack.settings, {"digits": DIGITS, LONG[:100]: renamed})
    return make_url(stack)


def _parts(model: onnx.ModelProto) -> dict:
    return {"graph": model.graph, "opset_import": model.opset_import, "ir_version": model.ir_version}


@pytest.mark.parametrize(("size", "width", "height"), [("wide", 1280, 900), ("narrow", 390, 844)])
def test_a_thousand_jobs_are_listed_page_by_page(browser, crowded, size, width, height):
    visiting = Visit(browser, crowded, width, height=height)
    page = visiting.to("jobs")
    rows = page.locator("tr[data-job]")
    assert rows.count() == PAGE
    page.wait_for_selector("td :text('reads-handwritten-digits')")
    for row in range(3):
        box = rows.nth(row).bounding_box()
        assert box["y"] > 0, row
        assert box["y"] + box["height"] <= height, (row, box)
    assert visiting.overflow() <= 0
    assert visiting.barriers() == []
    visiting.shot(f"jobs-many-{size}", whole=False)
    page.click("text=Show 50 more")
    page.wait_for_selector(f"tr[data-job]:nth-child({2 * PAGE})")
    ids = rows.evaluate_all("(all) => all.map((r) => r.dataset.job)")
    assert ids == listed(crowded, 2 * PAGE)
    assert visiting.overflow() <= 0
    done(visiting)


def test_a_thousand_jobs_are_filtered(browser, crowded):
    visiting = Visit(browser, crowded)
    page = visiting.to("jobs")
    page.select_option(".filters select >> nth=0", "failed")
    page.wait_for_url("**state=failed*")
    visiting.drawn()
    page.select_option(".filters select >> nth=1", METHODS[1])
    page.wait_for_url(f"**method={METHODS[1]}*")
    visiting.drawn()
    # by pages to the end: no button asks for more then
    while page.locator("text=Show 50 more").count():
        before = page.locator("tr[data-job]").count()
        page.click("text=Show 50 more")
        page.wait_for_function("(n) => document.querySelectorAll('tr[data-job]').length > n", arg=before)
    expected = sum(not seed % FAILED_EACH and seed % len(METHODS) == 1 for seed in range(JOBS))
    assert page.locator("tr[data-job]").count() == page.locator(".state.failed").count() == expected
    assert "use fewer samples" in page.locator("tr[data-job]").first.inner_text()
    page.select_option(".filters select >> nth=0", "succeeded")
    page.wait_for_selector(".empty:has-text('No job fits')")
    done(visiting)


def listed(url: str, count: int) -> list[str]:
    """Return the newest ids as the API lists them, without pages."""
    answer = httpx.get(f"{url}/v1/jobs?limit={count}", trust_env=False).json()
    return [job["id"] for job in answer["jobs"]]


def done(visiting: Visit) -> None:
    visiting.close()
    assert visiting.errors == []
    assert visiting.elsewhere == []
