"""Every view: what is odd, broken, long or many; barriers, widths, colours."""

from __future__ import annotations

import io
import re
import time

import httpx
import numpy as np
import pytest
from reference.page_models import NASTY, QUOTED
from reference.page_visit import Visit
from reference.patience import PATIENCE

from benchmarks.page import DIGITS

WIDTHS = {
    "wide": (1280, "light"),
    "wide-dark": (1280, "dark"),
    "narrow": (390, "light"),
    "narrow-dark": (390, "dark"),
}


def many(http, digits, count: int) -> str:
    """Upload a data set of so many digits."""
    held = np.load("examples/digits/heldout.npz")["input"]
    buffer = io.BytesIO()
    np.save(buffer, np.resize(held, (count, 1, 8, 8)))
    content = {"file": ("many.npy", buffer.getvalue())}
    return http.post("/v1/datasets", files=content).json()["id"]


def submit(http, digits, **changes) -> str:
    body = {"model": digits["model"], "method": "gradient", "inputs": {"dataset": digits["dataset"]}}
    answer = http.post("/v1/jobs", json=body | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def wait(http: httpx.Client, job: str) -> dict:
    end = time.monotonic() + PATIENCE
    while (found := http.get(f"/v1/jobs/{job}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def done(http, digits) -> str:
    job = submit(
        http,
        digits,
        method="lrp",
        params={"ledger": True},
        inputs={"dataset": digits["dataset"], "items": [*range(16)]},
    )
    assert wait(http, job)["state"] == "succeeded"
    return job


def test_progress_moves_and_cancel_works(visit, http, digits):
    dataset = many(http, digits, 20_000)
    job = submit(http, digits, method="occlusion", params={"window": 1}, inputs={"dataset": dataset})
    page = visit.to(f"jobs/{job}")
    page.wait_for_function("() => (document.querySelector('.now progress')?.value ?? 0) > 0")
    first = page.evaluate("() => document.querySelector('.now progress').value")
    page.wait_for_function("(first) => document.querySelector('.now progress').value > first", arg=first)
    visit.shot("job-running")
    page.click("button:has-text('Cancel')")
    page.wait_for_selector(".now .cancelled")
    assert page.locator("button:has-text('Run again')").count() == 1


def test_the_list_is_filtered_and_cancels(visit, http, digits, done):
    dataset = many(http, digits, 10_000)
    job = submit(http, digits, method="occlusion", params={"window": 1}, inputs={"dataset": dataset})
    page = visit.to("jobs")
    page.click(f"tr[data-job='{job}'] button:has-text('Cancel')")
    page.wait_for_selector(f"tr[data-job='{job}'] .cancelled")
    page.select_option(".filters select >> nth=0", "succeeded")
    page.wait_for_url("**state=succeeded*")
    visit.drawn()
    assert page.locator(".state").count() == page.locator(".state.succeeded").count() > 0


def test_a_bad_file_is_refused_with_the_way_out(visit, files):
    visit.expected = ("422",)
    page = visit.to("models")
    page.set_input_files("input[type=file]", files / "broken.onnx")
    page.wait_for_selector("[role=alert]")
    said = page.inner_text("[role=alert]")
    assert "no ONNX model" in said
    assert "is the file whole?" in said


def test_a_parameter_out_of_range_is_told_at_its_field(visit, digits):
    visit.expected = ("422",)
    page = visit.to(
        f"new?model={digits['model']}&dataset={digits['dataset']}&items=0&method=integrated_gradients"
    )
    field = page.locator(".field:has(label:text-is('steps'))")
    field.locator("input").fill("0")
    page.wait_for_selector(".field:has(label:text-is('steps')) input[aria-invalid=true]")
    assert "greater than or equal to 1" in field.inner_text()
    assert page.locator(".cost.bad").count() == 1


def test_a_failed_job_says_why_in_the_words_of_its_problem(visit, http, digits):
    visit.expected = ("409", "422", "404")
    page = visit.to("jobs/01a1fa8c-6374-7add-b029-a66e1784518e")
    assert "there is no job" in page.inner_text("[role=alert]")


def test_names_from_files_stay_text(visit, files):
    page = visit.to("models")
    page.set_input_files("input[type=file]", [files / "odd.onnx", files / "odd.json"])
    page.wait_for_selector("h2:has-text('Its graph in brief')")
    assert NASTY in page.inner_text("main")
    page.click("text=Explain with it")
    visit.drawn()
    page.fill("fieldset textarea", "1 2 3 4\n4 3 2 1\n0 1 0 1")
    page.wait_for_selector(".cost:has-text('model evaluation')")
    page.click("button:has-text('Start')")
    page.wait_for_url("**/#/jobs/*")
    visit.result()
    page.wait_for_selector(".bars .chart .main-svg")
    shown = page.inner_text("main")
    assert NASTY in shown
    assert QUOTED in shown
    assert "<script>window." in page.locator(".bars .chart").first.inner_text()
    assert page.evaluate("() => window.pwned") is None
    assert page.locator("main script, main img[src=x]").count() == 0
    visit.shot("odd-names")


def test_a_gallery_of_500_scrolls_and_sorts(visit, http, digits):
    job = submit(http, digits, inputs={"dataset": many(http, digits, 500)})
    assert wait(http, job)["state"] == "succeeded"
    page = visit.to(f"jobs/{job}")
    visit.result()
    assert page.locator(".gallery li").count() == 500
    assert page.locator(".gallery canvas").count() < 200
    page.locator(".gallery").evaluate("(g) => { g.scrollTop = g.scrollHeight; }")
    page.wait_for_selector(".gallery li:last-child canvas")
    page.select_option("select:has(option[value=agree])", "agree")
    page.wait_for_selector(".gallery .label:has-text('agrees')")
    agreements = [
        float(t.replace("−", "-")) for t in re.findall(r"agrees (−?[\d.]+)", page.inner_text(".gallery"))
    ]
    assert agreements[:100] == sorted(agreements[:100])
    page.locator(".gallery li:nth-child(3) button").click()
    page.wait_for_function("() => location.hash.includes('item=')")


def test_a_gallery_is_filtered_and_follows_the_item(visit, http, done):
    account = http.get(f"/v1/jobs/{done}/result").json()["account"]
    page = visit.to(f"jobs/{done}")
    visit.result()
    tiles = page.locator(".gallery li button")
    assert tiles.count() == 16
    page.click("text=Next item")
    page.wait_for_selector(".gallery button[data-item='1'][aria-current=true]")
    assert page.locator(".gallery [aria-current]").count() == 1
    least = sorted(account["score"])[10]
    field(page, "Score at least").fill(str(least))
    page.keyboard.press("Tab")
    assert items(tiles) == [i for i, score in enumerate(account["score"]) if score >= least]
    field(page, "Score at least").fill("")
    page.keyboard.press("Tab")
    page.select_option("select:has(option[value=agree])", "low")
    assert items(tiles) == sorted(range(16), key=account["score"].__getitem__)
    field(page, "Agreement at most").fill("0.9")
    page.keyboard.press("Tab")
    page.wait_for_selector(".gallery .label:has-text('agrees')")
    agreed = [
        float(t) for t in re.findall(r"agrees (−?[\d.]+)", page.inner_text(".gallery").replace("−", "-"))
    ]
    assert 0 < len(agreed) == tiles.count() < 16
    assert max(agreed) <= 0.9
    chosen = str(account["index"][0])
    page.select_option("select:has(option:text-is('all'))", chosen)
    assert {account["index"][i] for i in items(tiles)} <= {account["index"][0]}


def items(tiles) -> list[int]:
    return tiles.evaluate_all("(all) => all.map((t) => Number(t.dataset.item))")


def field(page, name: str):
    return page.locator(f".field:has(label:text-is('{name}')) input")


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(browser, guarded):
    url, key = guarded
    visiting = Visit(browser, url)
    visiting.expected = ("401", "503")
    page = visiting.page
    page.goto(f"{url}/#/models")
    page.wait_for_selector("dialog[open]")
    visiting.shot("key")
    assert visiting.barriers() == []
    page.fill("dialog input", key)
    page.click("text=Use it")
    page.wait_for_selector(".empty")
    assert page.evaluate("() => sessionStorage.length") == 1
    assert page.evaluate("() => localStorage.length + document.cookie.length") == 0
    visiting.close()
    assert visiting.errors == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0.0.0.0"]
)  # the second is one to which browsers give no clipboard
def test_a_link_is_copied_wherever_the_service_is_called(browser, guarded, host):
    address, key = guarded
    with httpx.Client(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ) as client:
        model = client.post("/v1/models", files={"model": DIGITS.read_bytes()}).json()["id"]
        digit = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.0] * 64}
        job = client.post("/v1/jobs", json={"model": model, "method": "gradient", "inputs": [digit]}).json()[
            "id"
        ]
    visiting = Visit(browser, address.replace("127.0.0.1", host))
    visiting.expected = ("401", "503", "Cross-Origin-Opener-Policy")
    page = visiting.page
    page.goto(f"{visiting.url}/#/jobs/{job}")
    page.fill("dialog input", key)
    page.click("text=Use it")
    page.click("text=Copy link")
    page.wait_for_selector("[role=status]:has-text('The link was copied')")
    assert page.evaluate("() => Boolean(navigator.clipboard)") == (host == "127.0.0.1")
    visiting.to("new")
    seed = page.locator("textarea, input[type=text]").first
    seed.focus()
    page.keyboard.press("Control+V")
    assert f"/#/jobs/{job}" in seed.input_value()
    visiting.close()
    assert visiting.errors == []


@pytest.mark.parametrize("size", WIDTHS)
def test_views_have_no_barriers_and_fit(browser, url, http, digits, done, size):
    width, scheme = WIDTHS[size]
    visiting = Visit(browser, url, width, scheme)
    views = {
        "models": "models",
        "model": f"models/{digits['model']}",
        "new": f"new?model={digits['model']}&dataset={digits['dataset']}&items=0-7&method=lime",
        "jobs": "jobs",
        "result": f"jobs/{done}?item=3",
        "compare": f"compare?jobs={done}",
        "compare-start": "compare",
    }
    for name, view in views.items():
        visiting.to(view)
        if name == "result":
            visiting.page.wait_for_selector("[aria-label^='Relevance at'] .main-svg")
        visiting.shot(f"{name}-{size}")
        assert visiting.overflow() <= 0, (name, visiting.overflow())
        assert visiting.barriers() == [], name
    visiting.close()
    assert visiting.errors == []
    assert visiting.elsewhere == []


def test_the_keyboard_reaches_everything(visit, digits):
    page = visit.to("models")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.type") == "file"
    visit.to("jobs")
    assert page.evaluate("() => document.activeElement.tagName") == "H1"
