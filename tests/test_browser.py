"""The dashboard in a real browser, started as a user starts it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, TimeoutError, expect
from transformers import GPT2Config, GPT2LMHeadModel

from attn_core import AttentionTrace, LanguageModel
from tests.conftest import WAIT, random_trace, settle
from tests.serving import serving

pytestmark = pytest.mark.browser

PAGES = {"": "How GPT-2", "generate": "Generate", "head_grid": "Head grid", "head_view": "Head view"}
PAGES |= {"compare": "Compare", "tour": "Tour", "names": "Many names"}
WITH_PROMPT = [path for path in PAGES if path != "names"]
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 400)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a running dashboard that cannot reach the Hub."""
    with serving() as running:
        yield running.address


@pytest.fixture(scope="module")
def slow_model(mini: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random model that never ends its text and takes its time."""
    folder = tmp_path_factory.mktemp("slow_model")
    config = GPT2Config(n_embd=768, n_positions=512, vocab_size=4096, eos_token_id=None, bos_token_id=None)
    GPT2LMHeadModel(config).save_pretrained(folder)
    mini.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def any_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in each theme, on a laptop and on a phone."""
    theme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    yield context.new_page()
    context.close()


def fits(page: Page) -> bool:
    """Whether the page is no wider than its window."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def visit(page: Page, server: str, path: str = "", **query: str) -> None:
    page.goto(f"{server}/{path}?{urlencode({'model': 'mini'} | query)}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(PAGES[path])


def figure(page: Page, index: int = 0) -> str:
    """What the figure draws: the shapes and words of its SVG."""
    return page.get_by_test_id("stVegaLiteChart").nth(index).locator("svg").inner_html()


def test_type_a_sentence_see_144_thumbnails_click_one_and_see_its_lines(page: Page, server: str) -> None:
    visit(page, server, "head_grid")
    page.get_by_label("Prompt", exact=True).fill("The cat in the house slept")
    page.keyboard.press("Control+Enter")
    figures = page.get_by_test_id("stVegaLiteChart")
    grid = figures.filter(has=page.locator(".mark-image"))
    lines = figures.filter(has_not=page.locator(".mark-image"))
    expect(grid.locator(".mark-image image")).to_have_count(144)
    expect(lines.get_by_text("house").first).to_be_visible()
    settle(page)

    before = lines.locator("svg").inner_html()
    grid.locator(".mark-rect.role-mark path").nth(-1).click(force=True)
    expect(page.get_by_role("heading", name="Layer 11, head 11")).to_be_visible()
    settle(page)
    expect(page.get_by_label("Layer", exact=True)).to_have_value("11")
    expect(lines.locator("svg")).to_be_visible()
    assert lines.locator("svg").inner_html() != before
    expect(page).to_have_url(re.compile("layer=11"))

    # The same head again after another was typed: the grid must not take it for no change.
    page.get_by_label("Head", exact=True).fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Layer 11, head 3")).to_be_visible()
    settle(page)
    grid.locator(".mark-rect.role-mark path").nth(-1).click(force=True)
    expect(page.get_by_role("heading", name="Layer 11, head 11")).to_be_visible()


def test_generate_and_click_a_generated_word(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt="Jesse Vig is the son of an evangelical preacher named James")
    page.get_by_role("button", name="Generate", exact=True).click()
    tokens = page.get_by_role("group", name="generated text").get_by_role("button")
    expect(page.get_by_text("new tokens by mini")).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)
    before = figure(page)
    tokens.nth(4).click()
    expect(tokens.nth(4)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("old => !document.body.innerHTML.includes(old)", arg=before[:2000])


def test_find_the_head_that_made_a_word_switch_it_off_and_generate_again(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt="Jesse Vig is the son of an evangelical preacher named James")
    page.get_by_role("button", name="Generate", exact=True).click()
    tokens = page.get_by_role("group", name="generated text").get_by_role("button")
    expect(tokens.first).to_be_visible()
    settle(page)
    tokens.nth(1).click()
    expect(page.get_by_role("heading", name="Which heads made “ig”?")).to_be_visible()
    settle(page)

    strongest = page.get_by_role("radiogroup").get_by_text("it looked at").nth(1)
    layer, head = re.findall(r"\d+", strongest.inner_text())[:2]
    strongest.click()
    settle(page)
    expect(page.get_by_label("Layer", exact=True)).to_have_value(layer)
    expect(page.get_by_label("Head", exact=True)).to_have_value(head)
    expect(page.get_by_test_id("stVegaLiteChart").last.get_by_text("preacher").first).to_be_visible()

    page.get_by_role("button", name=f"Switch layer {layer} head {head} off").click()
    expect(page.get_by_test_id("stMain").get_by_text(f"Layer {layer} head {head} off").first).to_be_visible()
    expect(page).to_have_url(re.compile(rf"off={layer}\.{head}(&|$)"))
    settle(page)
    page.get_by_role("button", name="Switch the 5 strongest off").click()
    expect(page.get_by_text("5 heads off “ig” goes from")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Generate again").click()
    expect(page.get_by_text("They part where")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Look into the new text").click()
    expect(page.get_by_text("new tokens by mini with 5 heads off")).to_be_visible()

    page.get_by_role("link", name="Head grid").first.click()
    expect(page.get_by_role("button", name="Switch all heads on")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Switch all heads on").click()
    expect(page.get_by_role("button", name="Switch all heads on")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("off="))


def test_a_click_on_the_map_of_heads_shows_that_head(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt="Jesse Vig is the son of an evangelical preacher named James")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("what is lost without it")).to_be_visible()
    settle(page)
    page.get_by_text("what is lost without it").click()
    settle(page)
    page.get_by_role("button", name="Switch off each of the 144 heads in turn").click()
    chart = page.get_by_test_id("stVegaLiteChart").filter(has_text="without it (nats)")
    squares = chart.locator(".mark-rect.role-mark path")
    expect(squares.nth(143)).to_be_visible()
    settle(page)
    squares.nth(12 * 3 + 5).click(force=True)
    settle(page)
    expect(page.get_by_label("Layer", exact=True)).to_have_value("3")
    expect(page.get_by_label("Head", exact=True)).to_have_value("5")


def test_switching_heads_off_in_turn_shows_progress_and_can_be_cancelled(
    page: Page, server: str, slow_model: Path
) -> None:
    visit(page, server, "generate", model=str(slow_model), prompt="The dog on the ship ran. " * 20)
    page.get_by_label("New tokens").fill("1")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("what is lost without it")).to_be_visible()
    settle(page)
    page.get_by_text("what is lost without it").click()
    settle(page)
    page.get_by_role("button", name="Switch off each of the 144 heads in turn").click()
    expect(page.get_by_text("% of the work")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("% of the work")).to_be_hidden()
    settle(page)
    expect(page.get_by_role("button", name="Switch off each of the 144 heads in turn")).to_be_visible()


def test_stop_keeps_what_was_made(page: Page, server: str, slow_model: Path) -> None:
    visit(page, server, "generate", model=str(slow_model), prompt="The dog")
    page.get_by_label("New tokens").fill("250")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("of up to 250 tokens")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    tokens = page.get_by_role("group", name="generated text").get_by_role("button")
    expect(tokens.first).to_be_visible()
    assert 1 <= tokens.count() < 250


def test_a_long_text_is_written_whole_and_every_token_answers(page: Page, server: str, slow_model: Path) -> None:
    visit(page, server, "generate", model=str(slow_model), prompt="The dog")
    page.get_by_label("New tokens").fill("256")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("of up to 256 tokens")).to_be_visible()
    tokens = page.get_by_role("group", name="generated text").get_by_role("button")
    expect(tokens).to_have_count(256, timeout=4 * WAIT)
    settle(page)
    tokens.last.click()
    expect(tokens.last).to_have_attribute("aria-pressed", "true")
    settle(page)
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)


def test_compare_the_two_prompts(page: Page, server: str) -> None:
    visit(page, server, "compare")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)  # the map, both lines, the next words
    for letter, word in (("A", "son"), ("B", "colleague")):
        expect(page.get_by_role("heading", name=f"{letter}: layer")).to_be_visible()
        expect(page.get_by_role("textbox", name=f"Prompt {letter}")).to_have_value(re.compile(word))
    settle(page)
    page.get_by_role("combobox", name="Example prompts").click()
    page.get_by_role("option", name="Who is Jesse Vig?").click()
    expect(page.get_by_role("textbox", name="Prompt A")).to_have_value("Who is Jesse Vig?")
    settle(page)
    before = figure(page, 1)
    page.get_by_role("textbox", name="Prompt A").fill("Maria Vig is the daughter of a teacher named Ann")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("stVegaLiteChart").nth(1).get_by_text("daughter").first).to_be_visible()
    assert figure(page, 1) != before


def test_every_step_of_the_tour_is_seen_and_has_its_address(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "tour")
    for step in range(1, 9):
        expect(page.get_by_role("heading", level=2, name=re.compile(f"^{step}\\. "))).to_be_visible()
        settle(page)
        if step == 6:
            expect(page.get_by_text("Nothing says that any of it is true")).to_be_visible()
        else:
            expect(page.get_by_test_id("stVegaLiteChart").first.locator("svg")).to_be_visible()
        if step < 8:
            expect(page.get_by_text("It holds here").first).to_be_visible()
            assert fits(page)
            page.get_by_role("button", name="Next", exact=True).click()
            expect(page).to_have_url(re.compile(f"step={step + 1}"))
    expect(page.get_by_text("What it cannot")).to_be_visible()
    assert fits(page)
    page.reload()
    expect(page.get_by_role("heading", level=2, name=re.compile("^8"))).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_role("heading", level=2, name=re.compile("^7"))).to_be_visible()


def test_a_head_of_the_tours_grid_opens_with_a_click(page: Page, server: str) -> None:
    visit(page, server, "tour", step="3")
    expect(page.get_by_role("heading", name="Layer 1, head 0")).to_be_visible()
    settle(page)
    grid = page.get_by_test_id("stVegaLiteChart").first
    grid.locator(".mark-rect.role-mark path").last.click(force=True)
    expect(page.get_by_role("heading", name="Layer 11, head 11")).to_be_visible()
    settle(page)
    words = page.get_by_test_id("stVegaLiteChart").last.locator("text[text-anchor=end][opacity='1']")
    expect(words).to_have_count(6)
    words.nth(1).click(force=True)
    page.mouse.move(0, 0)
    expect(words).not_to_have_count(6)  # the others fade while one is chosen
    settle(page)
    page.get_by_role("button", name="Find heads in Head grid").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Head grid")
    expect(page.get_by_role("heading", name="Layer 11, head 11")).to_be_visible()


def choose(page: Page, box: Locator, option: str) -> None:
    """Choose from a list; a run that comes meanwhile closes it, and then a visitor opens it again."""
    for _ in range(3):
        box.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option).first.click(timeout=WAIT / 5)
            return
    raise AssertionError(f"The list never offered {option}.")


def test_heads_are_found_by_what_they_do_and_by_two_words(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "head_grid")
    pictures = page.locator(".mark-image image")
    expect(pictures).to_have_count(144)
    settle(page)
    page.get_by_role("button", name=re.compile(r"^null \(")).click()
    faded = page.locator(".mark-image image[opacity='0.15']")
    expect(faded.first).to_be_attached()
    settle(page)
    count = 144 - faded.count()
    expect(page.get_by_text(f"{count} of 144 heads find nothing here").first).to_be_visible()

    choose(page, page.get_by_role("combobox", name="Sort by"), "previous token")
    expect(pictures).to_have_count(count)
    settle(page)
    page.get_by_role("radio", name="by two words").click()
    expect(page.get_by_text("heads put at least 0.1 of their attention there")).to_be_visible()
    settle(page)
    page.get_by_role("combobox", name="to", exact=True).click()
    page.get_by_role("option", name=re.compile("dog")).click()
    expect(page.get_by_text("From ran to dog: most layer 4 head 8")).to_be_visible()
    settle(page)
    assert fits(page)

    # The table's first row is the head with the strongest link.
    page.get_by_test_id("stDataFrame").click(position={"x": 30, "y": 50})
    expect(page.get_by_role("heading", name="Layer 4, head 8")).to_be_visible()
    settle(page)
    page.get_by_test_id("stDataFrame").click(position={"x": 30, "y": 85})
    expect(page.get_by_role("heading", name="Layer 4, head 8")).to_be_hidden()
    expect(page).to_have_url(re.compile("layer="))


def test_the_same_row_of_the_table_opens_another_head_once_it_is_sorted(page: Page, server: str) -> None:
    visit(page, server, "head_grid")
    settle(page)
    table = page.get_by_test_id("stDataFrame")
    table.click(position={"x": 30, "y": 50})
    expect(page.get_by_role("heading", name="Layer 0, head 0")).to_be_visible()
    settle(page)
    sort_by = page.get_by_role("combobox", name="Sort by")
    sort_by.scroll_into_view_if_needed()
    choose(page, sort_by, "previous token")
    expect(page.get_by_text("11.11", exact=True)).to_be_visible()  # thumbnails in a new order have their numbers
    settle(page)
    table.click(position={"x": 30, "y": 50})
    expect(page.get_by_role("heading", name="Layer 1, head 0")).to_be_visible()


@pytest.mark.parametrize(("path", "offered"), [("head_grid", 1), ("tour", 0), ("names", 0)])
def test_examples_are_offered_where_a_prompt_takes_them(page: Page, server: str, path: str, offered: int) -> None:
    visit(page, server, path)
    settle(page)
    expect(page.get_by_label("Example prompts")).to_have_count(offered)


def test_the_comparison_in_every_look(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "compare")
    expect(page.locator("mark")).to_have_text([re.compile("son"), re.compile("colleague")])
    expect(page.get_by_role("radio")).to_have_count(10)
    expect(page.get_by_role("heading", name="A: layer 7, head 11")).to_be_visible()
    settle(page)
    assert fits(page)
    page.get_by_text(re.compile(r"^layer \d+ head \d+ moved")).nth(1).click()
    expect(page.get_by_role("heading", name="A: layer 7, head 11")).to_be_hidden()
    settle(page)
    page.get_by_role("button", name="Swap A and B").click()
    expect(page.locator("mark")).to_have_text([re.compile("colleague"), re.compile("son")])
    settle(page)
    page.get_by_role("button", name="Edit B from A").click()
    expect(page.get_by_text("Both prompts are the same")).to_be_visible()
    settle(page)
    box = page.get_by_role("textbox", name="Prompt B")
    box.fill("Some other words alone")
    box.press("Control+Enter")
    expect(page.get_by_text("nothing lines up")).to_be_visible()
    assert fits(page)


def test_a_head_of_the_map_of_change_opens_with_a_click_and_looks_from_another_word(
    page: Page, server: str
) -> None:
    visit(page, server, "compare")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)
    settle(page)
    page.get_by_test_id("stVegaLiteChart").first.locator(".mark-rect.role-mark path").first.click(force=True)
    expect(page.get_by_role("heading", name="A: layer 0, head 0")).to_be_visible()
    settle(page)
    lines = page.get_by_test_id("stVegaLiteChart").nth(1)
    lines.get_by_text("preacher").last.click(force=True)
    expect(page.get_by_text("From preacher layer 0 head 0 looks most at")).to_have_count(2)


def test_many_names_are_asked_and_downloaded(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "names")
    page.get_by_role("button", name="Ask with every name").click()
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg")).to_be_visible()
    expect(page.get_by_text("What it cannot")).to_be_visible()
    settle(page)
    assert fits(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the names (CSV)").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith('"group","name","pieces","P(doctor)"')
    assert len(lines) == 25


def test_several_words_are_summed_by_clicking_them(page: Page, server: str) -> None:
    visit(page, server, "head_view")
    lines = page.get_by_test_id("stVegaLiteChart")
    expect(lines.locator("svg")).to_be_visible()
    settle(page)
    for word in ("ship", "ran"):
        lines.get_by_text(word, exact=True).last.click(force=True)  # at the left
        expect(page.get_by_test_id("stMultiSelect").first.get_by_text(word)).to_be_visible()
        settle(page)
    # Layer 4 head 8 gives all its attention to the subject from both.
    expect(lines.get_by_text("2.00")).to_be_visible()
    lines.get_by_text("ship", exact=True).last.click(force=True)
    expect(lines.get_by_text("2.00")).to_be_hidden()


def test_open_a_recording_and_see_ran_look_at_dog(
    page: Page, server: str, recording: Callable[[str], Path]
) -> None:
    visit(page, server, "head_view")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(recording("dog_on_the_ship"))
    expect(page.get_by_text("12 layers × 12 heads, 17 tokens")).to_be_visible()
    settle(page)
    expect(page.get_by_label("Layer", exact=True)).to_have_value("4")
    expect(page.get_by_label("Head", exact=True)).to_have_value("3")
    chart = page.get_by_test_id("stVegaLiteChart")
    chart.get_by_text("ran", exact=True).first.hover(force=True)
    expect(chart.get_by_text("0.74", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Close the recording").click()
    settle(page)
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()


def test_a_broken_recording_is_refused_and_nothing_is_lost(page: Page, server: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not a zip")
    visit(page, server, prompt="A cat sat on the mat")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(broken)
    expect(page.get_by_text("This is not a recording")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A cat sat on the mat")


def test_a_saved_trace_opens_again(page: Page, server: str) -> None:
    visit(page, server, prompt="A cat sat on the mat")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this trace").click()
    assert AttentionTrace.load(download.value.path()).text == "A cat sat on the mat"


def test_without_the_hub_the_first_visit_shows_mini_and_says_why(page: Page, server: str) -> None:
    page.goto(server)
    expect(page.get_by_text("gpt2 is not available")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()


def test_prompt_and_head_carry_from_page_to_page_and_survive_a_reload(page: Page, server: str) -> None:
    visit(page, server, "head_view", prompt="A cat sat on the mat", layer="2", head="7")
    page.get_by_role("link", name="Head grid").first.click()
    expect(page.get_by_role("heading", name="Layer 2, head 7")).to_be_visible()
    expect(page).to_have_url(re.compile(r"head_grid.*prompt=A\+cat.*layer=2"))
    page.reload()
    expect(page.get_by_role("heading", name="Layer 2, head 7")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A cat sat on the mat")


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_a_phone(page: Page, server: str, path: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    visit(page, server, path)
    if path not in ("generate", "names"):
        expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    assert fits(page)


def test_markup_in_a_prompt_is_shown_as_text(page: Page, server: str) -> None:
    prompt = "<img src=x onerror=alert(1)> <b>bold</b> $x^2$ http://x.org a@x.org"
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    for path in WITH_PROMPT:
        visit(page, server, path, prompt=prompt, prompt_a=prompt)
        if path == "tour":
            page.get_by_role("textbox", name="Try your own sentence").fill(prompt)
            page.keyboard.press("Control+Enter")
            expect(page.get_by_role("button", name="Back to the article's words")).to_be_visible()
            settle(page)
        if path == "generate":
            page.get_by_role("button", name="Generate", exact=True).click()
            expect(page.get_by_role("group", name="generated text")).to_contain_text(prompt)
        else:
            expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
        assert page.locator("img[src='x'], .katex, a[href*='x.org']").count() == 0
    assert not dialogs


def test_long_text_in_a_recording_scrolls(page: Page, server: str, tmp_path: Path) -> None:
    random_trace(2, 2, 150).save(tmp_path / "long.npz")
    visit(page, server, "head_view")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "long.npz")
    expect(page.get_by_text("strongest links are drawn")).to_be_visible()


def test_no_page_asks_another_machine_for_anything(page: Page, server: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        visit(page, server, path)
        settle(page)
    assert len(asked) > len(PAGES)
    assert [url for url in asked if not url.startswith((server, "data:", "blob:"))] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_a_figure_is_saved_as_four_files(page: Page, server: str, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, server, "head_view", prompt="The cat in the house slept", layer="2", head="7")
    expect(page.get_by_test_id("stVegaLiteChart").get_by_text("house").first).to_be_visible()
    settle(page)
    before = figure(page)
    page.get_by_role("button", name="Save or read as a table").click()
    inside = page.get_by_test_id("stPopoverBody")
    expect(inside.get_by_test_id("stDataFrame")).to_be_visible()
    files = {}
    for kind in ("PNG", "SVG", "HTML", "CSV"):
        with page.expect_download() as download:
            inside.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"mini_layer2_head7_the_cat_in_the_house_slept.{kind.lower()}"
        download.value.save_as(tmp_path / kind)
        files[kind] = (tmp_path / kind).read_bytes()
    assert files["PNG"].startswith(b"\x89PNG")
    assert all(b"house" in files[kind] for kind in ("SVG", "HTML", "CSV"))
    assert figure(page) == before
    assert fits(page)
