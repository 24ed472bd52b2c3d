"""The way of a reader: upload, explain, look; for a picture, a table and words."""

from __future__ import annotations

import math

from reference.page_models import STEPS

WAVE = " ".join(f"{math.sin(i / 4) + i / 30:.2f}" for i in range(STEPS))


def upload(visit, files, name: str) -> None:
    page = visit.to("models")
    page.set_input_files("input[type=file]", [files / f"{name}.onnx", files / f"{name}.json"])
    page.wait_for_selector("h2:has-text('Its graph in brief')")


def start(visit) -> None:
    visit.page.wait_for_selector(".cost:not(:empty)")
    visit.page.click("button:has-text('Start')")
    visit.page.wait_for_url("**/#/jobs/*")
    visit.result()


def choose(visit, method: str) -> None:
    visit.page.select_option("select:has(optgroup)", method)


def test_the_digit_model_is_there_to_try(visit):
    page = visit.to("models")
    visit.shot("models-empty")
    page.click("text=Try the digit model")
    page.wait_for_url("**/#/new*")
    visit.drawn()
    page.wait_for_selector(".cost:has-text('model evaluation')")
    visit.shot("new")
    start(visit)
    assert page.locator(".gallery li").count() == 8
    page.wait_for_selector(".gallery canvas")
    visit.shot("result-image")
    ink = page.evaluate(
        "() => new Set(document.querySelector('.panels canvas[tabindex]').getContext('2d').getImageData(0, 0, 8, 8).data).size"
    )
    assert ink > 10


def test_a_picture_is_brought_to_size_and_explained(visit, digits, files):
    page = visit.to(f"new?model={digits['model']}")
    page.check("input[value=files]")
    page.set_input_files("fieldset input[type=file]", files / "photo.png")
    choose(visit, "occlusion")
    start(visit)
    assert page.locator(".panels canvas").count() == 3
    page.locator(".panels canvas[tabindex]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("output.value").inner_text().startswith("Row 4, column 5:")


def test_a_table_is_typed_in_and_explained(visit, files):
    upload(visit, files, "table")
    visit.shot("model")
    page = visit.page
    page.click("text=Explain with it")
    visit.drawn()
    page.fill("fieldset textarea", "1 2 3 4")
    choose(visit, "integrated_gradients")
    start(visit)
    page.wait_for_selector(".bars .chart .main-svg")
    assert "income = 2" in page.locator(".bars .chart").first.inner_text()
    page.select_option("section.bars select >> nth=0", "waterfall")
    page.wait_for_selector("[aria-label^='Waterfall'] .main-svg")
    assert "of the score's difference to the baseline is distributed" in page.inner_text("main") or (
        "of the score is distributed" in page.inner_text("main")
    )
    visit.shot("result-table")


def given_rows(visit, files):
    """The page on which a table's model is to explain forty rows."""
    upload(visit, files, "table")
    page = visit.page
    page.click("text=Explain with it")
    visit.drawn()
    page.set_input_files("fieldset input[type=file]", files / "rows.csv")
    return page


def test_a_batch_of_a_table_is_a_swarm(visit, files):
    page = given_rows(visit, files)
    start(visit)
    page.wait_for_selector("[aria-label^='Attributions of 40 items'] .main-svg")
    visit.shot("result-batch")


def test_words_are_typed_in_and_coloured(visit, files):
    upload(visit, files, "words")
    page = visit.page
    page.click("text=Explain with it")
    visit.drawn()
    page.fill("fieldset textarea", "the film was not bad")
    start(visit)
    assert page.locator(".word").all_inner_texts() == ["the", "film", "was", "not", "bad"]
    colours = page.locator(".word").evaluate_all("(all) => all.map((w) => w.style.backgroundColor)")
    assert len(set(colours)) > 2
    visit.shot("result-words")


def test_a_series_is_a_line_over_its_colours(visit, files):
    upload(visit, files, "series")
    explain_typed(visit, WAVE)
    visit.page.wait_for_selector(
        ".series .chart .main-svg .colorbar, .series .chart .main-svg .infolayer .cbbg"
    )
    visit.shot("result-series")


def test_a_column_of_numbers_is_a_series_without_a_card(visit, files):
    upload(visit, files, "column")
    page = visit.page
    assert "season items × 2" in page.inner_text("main")
    explain_typed(visit, f"{WAVE}\n{WAVE}", "2 items")
    page.wait_for_selector(".series .chart .main-svg")
    ticks = page.locator(".series .xtick text").all_text_contents()
    assert all(tick.isdigit() for tick in ticks)


def explain_typed(visit, words: str, expected: str = "1 item") -> None:
    visit.page.click("text=Explain with it")
    visit.drawn()
    visit.page.fill("fieldset textarea", words)
    visit.page.wait_for_selector(f".cost:has-text('{expected}:')")
    start(visit)


def test_a_picture_needs_black_and_white_and_is_asked_for_them(visit, http, files):
    upload(visit, files, "bare")
    page = visit.page
    model = page.url.rpartition("/")[2]
    page.click("text=Explain with it")
    visit.drawn()
    page.set_input_files("fieldset input[type=file]", files / "photo.png")
    page.wait_for_selector(".cost:has-text('model evaluation')")
    page.click("button:has-text('Start')")
    page.wait_for_selector("[role=alert]:has-text('takes for black and white')")
    with page.expect_response("**/card"):
        page.select_option(".field:has(label:text-is('Black to white is')) select", "0 to 255")
    card = http.get(f"/v1/models/{model}").json()["card"]["inputs"]["photo"]
    assert (card["low"], card["high"]) == (0, 255)
    start(visit)
    page.wait_for_selector(".panels canvas")


def test_a_text_is_cut_by_the_tokenizer_of_the_bundle(visit, files):
    page = visit.to("models")
    page.set_input_files(
        "input[type=file]", [files / "texts.onnx", files / "texts.json", files / "tokenizer.json"]
    )
    page.wait_for_selector("h2:has-text('Its graph in brief')")
    page.click("text=Explain with it")
    visit.drawn()
    page.fill("fieldset textarea >> nth=0", "a great film, not bad films")
    choose(visit, "feature_ablation")
    start(visit)
    said = page.locator(".word").all_inner_texts()
    assert {"great", "film", "not", "bad"} <= set(said)
    visit.shot("result-text")


def test_a_method_that_searches_needs_no_input(visit, digits):
    page = visit.to(f"new?model={digits['model']}&method=activation_maximization")
    page.check("input[value=files]")
    page.locator(".field:has(label:text-is('steps')) input").fill("60")
    start(visit)
    page.wait_for_selector("img.drawing")
    page.wait_for_function("() => !document.querySelector('main').innerText.includes('Drawing')")


def test_prototypes_that_look_like_the_data_are_drawn(visit, digits):
    page = visit.to(f"new?model={digits['model']}&dataset={digits['dataset']}&method=activation_maximization")
    page.locator(".field:has(label:text-is('Items')) input").fill("")
    page.locator(".field:has(label:text-is('steps')) input").fill("100")
    page.locator(".field:has(label:text-is('expert')) input").fill("gaussian")
    start(visit)
    page.wait_for_selector("img.drawing")
    page.wait_for_function("() => !document.querySelector('main').innerText.includes('Drawing')")
    assert "What the search found for each class" in page.inner_text("main")
    visit.shot("result-prototypes")


def test_relevance_shows_its_layers(visit, digits):
    page = visit.to(f"new?model={digits['model']}&dataset={digits['dataset']}&items=0&method=lrp")
    start(visit)
    page.wait_for_selector("[aria-label^='Relevance at'] .main-svg")
    assert "% of the score is distributed" in page.inner_text("main")
    visit.shot("result-layers")


def test_one_class_against_another_is_a_job_of_its_own(visit, files):
    upload(visit, files, "table")
    explain_typed(visit, "1 2 3 4")
    page, first = visit.page, visit.page.url
    page.click("text=One class against another")
    page.click("text=Explain the difference")
    page.wait_for_url(lambda address: "/jobs/" in address and address != first)
    visit.result()
    assert "Explained is why class leaves and not class stays" in page.inner_text("main")


def test_a_curve_shows_how_the_score_goes_with_a_feature(visit, files):
    page = given_rows(visit, files)
    choose(visit, "partial_dependence")
    start(visit)
    page.wait_for_selector("[aria-label^='Score against age'] .main-svg")
    page.select_option("select:has(option:text-is('income'))", "1")
    page.wait_for_selector("[aria-label^='Score against income'] .main-svg")
    assert "standard errors" in page.inner_text("main")
    visit.shot("result-curve")
