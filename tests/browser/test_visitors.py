"""The dashboard in a real browser, started as a user starts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from attn_core import AttentionTrace
from attn_core.charts.style import Theme
from tests.support.traces import random_trace
from tests.support.visiting import (
    NAMES,
    QUESTIONS,
    WAIT,
    choose,
    close_menu,
    drawing,
    figures_on,
    fits,
    open_menu,
    run_prompt,
    settle,
    visit,
)

pytestmark = pytest.mark.browser

SON = "Jesse Vig is the son of an evangelical preacher named James"
THEMES: tuple[Theme, ...] = ("light", "dark")
LOOKS = [(theme, width) for theme in THEMES for width in (1280, 400)]


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def any_page(page: Page, request: pytest.FixtureRequest) -> Page:
    """Return a page in each theme, on a laptop and on a phone."""
    theme, width = request.param
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    return page


def drawn(figure: Locator) -> str:
    """What a figure draws: the shapes and words of its SVG."""
    return figure.locator("svg").inner_html()


def title_of(page: Page, head: str) -> Locator:
    """The title of the panel that shows the lines of a head."""
    return page.get_by_role("heading", level=2, name=re.compile(rf"^{head}\b"))


def head_boxes(page: Page) -> tuple[Locator, Locator]:
    """The boxes for layer and head."""
    layer, head = (page.get_by_role("spinbutton", name=name, exact=True) for name in ("Layer", "Head"))
    return layer, head


def tokens_of(page: Page) -> Locator:
    """The generated tokens."""
    return page.get_by_role("group", name="Generated tokens").get_by_role("button")


def generate(page: Page) -> None:
    """Press Generate."""
    page.get_by_role("button", name="Generate", exact=True).click()


def set_new_tokens(page: Page, count: int) -> None:
    """Let so many tokens be generated."""
    box = open_menu(page, "generation_settings").get_by_label("Tokens to generate")
    box.fill(str(count))
    box.press("Enter")
    settle(page)
    close_menu(page)


def show_details(page: Page, name: str) -> None:
    """Choose what is shown below the figures of Generate."""
    page.get_by_role("radio", name=name).click()
    expect(page.get_by_role("radio", name=name)).to_be_checked()
    settle(page)


def ask_for_losses(page: Page) -> None:
    """Let the map of heads show what turning each of them off does."""
    open_menu(page, "effect_menu").get_by_role("radio", name="effect of turning each head off").click()
    expect(page.locator(".st-key-effect_menu")).to_contain_text("turned off")
    settle(page)
    close_menu(page)


def test_type_a_sentence_see_144_thumbnails_click_one_and_see_its_lines(page: Page, server: str) -> None:
    visit(page, server, "head_grid")
    run_prompt(page, "The cat in the house slept")
    grid, lines = drawing(page, "grid"), drawing(page, "query_lines")
    expect(grid.locator(".mark-image image")).to_have_count(144)
    expect(lines.get_by_text("house").first).to_be_visible()
    settle(page)

    before = drawn(lines)
    grid.locator(".mark-rect.role-mark path").nth(-1).click(force=True)
    expect(title_of(page, "L11H11")).to_be_visible()
    settle(page)
    layer, head = head_boxes(page)
    expect(layer).to_have_value("11")
    expect(lines.locator("svg")).to_be_visible()
    assert drawn(lines) != before
    expect(page).to_have_url(re.compile("layer=11"))

    # The same head again after another was typed: the grid must not take it for no change.
    head.fill("3")
    head.press("Enter")
    expect(title_of(page, "L11H3")).to_be_visible()
    settle(page)
    grid.locator(".mark-rect.role-mark path").nth(-1).click(force=True)
    expect(title_of(page, "L11H11")).to_be_visible()


def test_enter_runs_a_prompt_and_shift_enter_adds_a_line(page: Page, server: str) -> None:
    visit(page, server, "head_grid")
    box = page.get_by_role("textbox", name="Prompt")
    settle(page)
    box.fill("A cat")
    box.press("Shift+Enter")
    box.press_sequentially("sat")
    expect(box).to_have_value("A cat\nsat")
    expect(page).not_to_have_url(re.compile("prompt="))
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"prompt=A\+cat%0Asat"))
    expect(box).to_have_value("A cat\nsat")


def test_an_example_becomes_the_prompt(page: Page, server: str) -> None:
    visit(page, server, "head_view")
    settle(page)
    page.get_by_role("button", name="Examples").click()
    page.get_by_text("Who is Jesse Vig?", exact=True).click()
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("Who is Jesse Vig?")
    expect(drawing(page, "view_queries_lines").get_by_text("Who").first).to_be_visible()


def test_generate_and_click_a_generated_word(page: Page, server: str) -> None:
    visit(page, server, "generate")
    expect(tokens_of(page).first).to_be_visible()
    run_prompt(page, SON)  # the text that nobody asked for follows the prompt
    expect(tokens_of(page).first).to_have_text(re.compile("V"))
    settle(page)
    generate(page)
    settle(page)
    run_prompt(page, "The dog on the ship ran")
    expect(page.get_by_text("The prompt or model has changed")).to_be_visible()
    settle(page)
    run_prompt(page, SON)
    tokens = tokens_of(page)
    expect(page.get_by_text("tokens by mini")).to_be_visible()
    expect(page.get_by_text("The prompt or model has changed")).to_be_hidden()
    settle(page)
    expect(figures_on(page)).to_have_count(4)
    alternatives = drawing(page, "bars_chart")
    before = drawn(alternatives)
    tokens.nth(2).click()
    expect(tokens.nth(2)).to_have_attribute("aria-pressed", "true")
    settle(page)
    expect(page.locator(".st-key-line_bars")).not_to_contain_text("“V”")
    page.wait_for_function(
        "([old, it]) => it.innerHTML !== old", arg=[before, alternatives.locator("svg").element_handle()]
    )


def test_generate_opens_with_a_text_whose_heads_can_be_looked_at(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt=SON)
    expect(tokens_of(page).first).to_be_visible()
    for key in ("bars_chart", "contributions", "row_chart", "lens"):
        expect(drawing(page, key).locator("svg")).to_be_visible()


def test_find_the_head_that_made_a_word_switch_it_off_and_generate_again(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt=SON)
    tokens = tokens_of(page)
    expect(tokens.first).to_be_visible()
    settle(page)
    tokens.nth(1).click()
    expect(page.get_by_role("heading", name="Which heads raised “ig”?")).to_be_visible()
    settle(page)

    show_details(page, "Strongest heads")
    strongest = page.get_by_role("radiogroup").get_by_text("attends to").nth(1)
    layer, head = re.findall(r"\d+", strongest.inner_text())[:2]
    strongest.click()
    settle(page)
    layer_box, head_box = head_boxes(page)
    expect(layer_box).to_have_value(layer)
    expect(head_box).to_have_value(head)
    expect(drawing(page, "row_chart").get_by_text("preacher").first).to_be_visible()

    name = f"L{layer}H{head}"
    show_details(page, "Turn heads off")
    page.get_by_role("button", name=f"Turn off {name}").click()
    chip = page.locator(".st-key-model_menu")
    expect(chip).to_contain_text(f"{name} off")
    expect(page).to_have_url(re.compile(rf"off={layer}\.{head}(&|$)"))
    settle(page)
    page.get_by_role("button", name="Turn off the top 5").click()
    expect(page.get_by_text("With 5 heads off, “ig” goes from")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Regenerate").click()
    expect(page.get_by_text("First difference")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Explain the new text").click()
    expect(page.get_by_text("tokens by mini, 5 heads off")).to_be_visible()
    settle(page)

    page.get_by_role("link", name="Head grid").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(str(QUESTIONS["head_grid"]))
    expect(chip).to_contain_text("5 heads off")
    open_menu(page, "model_menu").get_by_role("button", name="Turn all heads on").click()
    expect(chip).not_to_contain_text("off")
    expect(page).not_to_have_url(re.compile("off="))


def test_a_click_on_the_map_of_heads_shows_that_head(page: Page, server: str) -> None:
    visit(page, server, "generate", prompt=SON)
    expect(drawing(page, "contributions").locator("svg")).to_be_visible()
    ask_for_losses(page)
    page.get_by_role("button", name="Test all 144 heads").click()
    squares = drawing(page, "scan").locator(".mark-rect.role-mark path")
    expect(squares.nth(143)).to_be_visible()
    settle(page)
    squares.nth(12 * 3 + 5).click(force=True)
    settle(page)
    layer, head = head_boxes(page)
    expect(layer).to_have_value("3")
    expect(head).to_have_value("5")


def test_switching_heads_off_in_turn_shows_progress_and_can_be_cancelled(
    page: Page, server: str, slow_model: Path
) -> None:
    visit(page, server, "generate", model=str(slow_model), prompt="The dog on the ship ran. " * 20, new_tokens="1")
    expect(drawing(page, "contributions").locator("svg")).to_be_visible(timeout=4 * WAIT)
    ask_for_losses(page)
    page.get_by_role("button", name="Test all 144 heads").click()
    expect(page.get_by_text(re.compile(r"Testing heads: \d+%"))).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Testing heads: ")).to_be_hidden()
    settle(page)
    expect(page.get_by_role("button", name="Test all 144 heads")).to_be_visible()


def test_stop_keeps_what_was_made(page: Page, server: str, slow_model: Path) -> None:
    visit(page, server, "generate", model=str(slow_model), prompt="The dog", new_tokens="1")
    expect(tokens_of(page)).to_have_count(1)
    set_new_tokens(page, 250)
    generate(page)
    expect(page.get_by_text("of up to 250 tokens")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    tokens = tokens_of(page)
    expect(tokens.first).to_be_visible()
    assert 1 <= tokens.count() < 250


def test_a_long_text_is_written_whole_and_every_token_answers(page: Page, server: str, endless_model: Path) -> None:
    visit(page, server, "generate", model=str(endless_model), prompt="The dog", new_tokens="1")
    expect(tokens_of(page)).to_have_count(1)
    set_new_tokens(page, 256)
    generate(page)
    expect(page.get_by_text("of up to 256 tokens")).to_be_visible()
    tokens = tokens_of(page)
    expect(tokens).to_have_count(256, timeout=4 * WAIT)
    settle(page)
    tokens.last.click()
    expect(tokens.last).to_have_attribute("aria-pressed", "true")
    settle(page)
    expect(figures_on(page)).to_have_count(4)


def test_compare_the_two_prompts(page: Page, server: str) -> None:
    visit(page, server, "compare")
    expect(figures_on(page)).to_have_count(4)  # both lines, the map, the next words
    for letter, word in (("A", "son"), ("B", "colleague")):
        expect(page.get_by_role("heading", level=2, name=f"{letter} ·")).to_be_visible()
        expect(page.get_by_role("textbox", name=f"Prompt {letter}")).to_have_value(re.compile(word))
    open_menu(page, "prompts_menu").get_by_role("button", name="Examples for A").click()
    page.get_by_text("Who is Jesse Vig?", exact=True).last.click()
    expect(page.get_by_role("textbox", name="Prompt A")).to_have_value("Who is Jesse Vig?")
    settle(page)
    lines = drawing(page, "compare_A_lines")
    before = drawn(lines)
    run_prompt(page, "Maria Vig is the daughter of a teacher named Ann", "Prompt A")
    expect(lines.get_by_text("daughter").first).to_be_visible()
    assert drawn(lines) != before


def test_every_step_of_the_tour_is_seen_and_has_its_address(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "tour")
    title = page.get_by_role("heading", level=1)
    for step in range(1, 9):
        expect(title).to_contain_text(f"{step}. ")
        settle(page)
        if step == 6:
            expect(page.get_by_text("Generated text, not fact.")).to_be_visible()
        else:
            expect(figures_on(page).first.locator("svg")).to_be_visible()
        if step < 8:
            expect(page.get_by_text("Holds for this prompt").first).to_be_visible()
            assert fits(page)
            page.get_by_role("button", name="Next", exact=True).click()
            expect(page).to_have_url(re.compile(f"step={step + 1}"))
    page.get_by_role("button", name="What this can show").click()
    expect(page.get_by_text("Does not show")).to_be_visible()
    close_menu(page)
    assert fits(page)
    page.reload()
    expect(title).to_contain_text("8. ")
    settle(page)
    page.get_by_role("button", name="Back", exact=True).click()
    expect(title).to_contain_text("7. ")


def test_a_head_of_the_tours_grid_opens_with_a_click(page: Page, server: str) -> None:
    visit(page, server, "tour", step="3")
    expect(title_of(page, "L1H0")).to_be_visible()
    settle(page)
    drawing(page, "tour_heads").locator(".mark-rect.role-mark path").last.click(force=True)
    expect(title_of(page, "L11H11")).to_be_visible()
    settle(page)
    lines = drawing(page, "tour_all_lines")
    words = lines.locator("text[text-anchor=end][opacity='1']")
    expect(lines.get_by_text("dog", exact=True)).to_have_count(2)
    before = words.count()
    lines.get_by_text("dog", exact=True).last.click(force=True)
    page.mouse.move(0, 0)
    expect(words).not_to_have_count(before)  # the others fade while one is chosen
    settle(page)
    page.get_by_role("button", name="Open in Head grid").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(str(QUESTIONS["head_grid"]))
    expect(title_of(page, "L11H11")).to_be_visible()


def test_heads_are_found_by_what_they_do_and_by_two_words(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "head_grid")
    pictures = page.locator(".mark-image image")
    expect(pictures).to_have_count(144)
    finder = open_menu(page, "finder")
    finder.get_by_role("button", name=re.compile(r"^null \(")).click()
    faded = page.locator(".mark-image image[opacity='0.15']")
    expect(faded.first).to_be_attached()
    settle(page)
    count = 144 - faded.count()
    expect(page.get_by_text(f"{count} of 144 heads attend mostly to the first token").first).to_be_visible()
    expect(page.locator(".st-key-finder")).to_contain_text("Find heads: null")

    choose(page, finder.get_by_role("combobox", name="Sort by"), "previous token")
    expect(pictures).to_have_count(count)
    settle(page)
    finder.get_by_role("radio", name="by two tokens").click()
    expect(page.get_by_text("heads put at least 0.10 there")).to_be_visible()
    settle(page)
    choose(page, finder.get_by_role("combobox", name="Key token"), re.compile("dog"))
    expect(page.get_by_text("ran → dog: L4H8")).to_be_visible()
    settle(page)
    close_menu(page)
    expect(page.locator(".st-key-finder")).to_contain_text("Find heads: ran → dog")
    assert fits(page)

    # The table's first row is the head with the strongest link.
    page.get_by_test_id("stDataFrame").click(position={"x": 30, "y": 50})
    expect(title_of(page, "L4H8")).to_be_visible()
    settle(page)
    page.get_by_test_id("stDataFrame").click(position={"x": 30, "y": 85})
    expect(title_of(page, "L4H8")).to_be_hidden()
    expect(page).to_have_url(re.compile("layer="))


def test_the_same_row_of_the_table_opens_another_head_once_it_is_sorted(page: Page, server: str) -> None:
    visit(page, server, "head_grid")
    settle(page)
    table = page.get_by_test_id("stDataFrame")
    table.click(position={"x": 30, "y": 50})
    expect(title_of(page, "L0H0")).to_be_visible()
    choose(page, open_menu(page, "finder").get_by_role("combobox", name="Sort by"), "previous token")
    expect(page.get_by_text("11.11", exact=True)).to_be_visible()  # thumbnails in a new order have their numbers
    settle(page)
    close_menu(page)
    table.click(position={"x": 30, "y": 50})
    expect(title_of(page, "L1H0")).to_be_visible()


@pytest.mark.parametrize(("path", "offered"), [("head_grid", 1), ("tour", 0), ("names", 0)])
def test_examples_are_offered_where_a_prompt_takes_them(page: Page, server: str, path: str, offered: int) -> None:
    visit(page, server, path)
    settle(page)
    expect(page.get_by_role("button", name="Examples")).to_have_count(offered)


def test_the_comparison_in_every_look(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "compare")
    settle(page)
    for letter, word in (("A", "son"), ("B", "colleague")):
        marked = drawing(page, f"compare_{letter}_lines").locator(
            "text:is([font-weight='700'], [font-weight=bold])"
        )
        expect(marked.filter(has_text=re.compile(f"^{word}$")).first).to_be_visible()
    ranked = page.locator(".st-key-ranked").get_by_role("radio")
    expect(ranked).to_have_count(10)
    expect(page.get_by_role("heading", name="A · From James, L7H11")).to_be_visible()
    assert fits(page)
    page.locator(".st-key-ranked").get_by_text(re.compile(r"^L\d+H\d+")).nth(1).click()
    expect(page.get_by_role("heading", name="A · From James, L7H11")).to_be_hidden()
    settle(page)
    open_menu(page, "prompts_menu").get_by_role("button", name="Swap A and B").click()
    expect(page.get_by_role("textbox", name="Prompt A")).to_have_value(re.compile("colleague"))
    settle(page)
    open_menu(page, "prompts_menu").get_by_role("button", name="Copy A to B").click()
    expect(page.get_by_text("The prompts are the same")).to_be_visible()
    settle(page)
    close_menu(page)
    run_prompt(page, "Some other words alone", "Prompt B")
    expect(page.get_by_text("The prompts share no words")).to_be_visible()
    assert fits(page)


def test_a_head_of_the_map_of_change_opens_with_a_click_and_looks_from_another_word(
    page: Page, server: str
) -> None:
    visit(page, server, "compare")
    expect(figures_on(page)).to_have_count(4)
    settle(page)
    drawing(page, "moved").locator(".mark-rect.role-mark path").first.click(force=True)
    expect(page.get_by_role("heading", name="A · From James, L0H0")).to_be_visible()
    settle(page)
    drawing(page, "compare_A_lines").get_by_text("preacher").last.click(force=True)
    expect(page.get_by_text(re.compile("From preacher, L0H0 attends most to"))).to_have_count(2)


def test_many_names_are_asked_and_downloaded(any_page: Page, server: str) -> None:
    page = any_page
    visit(page, server, "names")
    expect(drawing(page, "names").locator("svg")).to_be_visible()
    box = page.get_by_role("textbox", name="Words to measure")
    box.fill("doctor, nurse")
    box.press("Enter")
    expect(page.get_by_text("Inputs have changed")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Run all names").click()
    expect(page.get_by_text("Inputs have changed")).to_be_hidden()
    expect(drawing(page, "names").get_by_text("soldier")).to_have_count(0)
    expect(page.get_by_text("Does not show")).to_be_visible()
    settle(page)
    assert fits(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save names (CSV)").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith('"group","name","pieces","P(doctor)"')
    assert len(lines) == 25


def test_several_words_are_summed_by_clicking_them(page: Page, server: str) -> None:
    visit(page, server, "head_view")
    lines = drawing(page, "view_queries_lines")
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


def open_recording(page: Page, file: Path) -> None:
    """Open a recording from the session menu."""
    open_menu(page, "session_menu").get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)


def test_open_a_recording_and_see_ran_look_at_dog(
    page: Page, server: str, recording: Callable[[str], Path]
) -> None:
    visit(page, server, "head_view")
    open_recording(page, recording("dog_on_the_ship"))
    expect(page.get_by_text("12 × 12 heads · 17 tokens")).to_be_visible()
    settle(page)
    close_menu(page)
    layer, head = head_boxes(page)
    expect(layer).to_have_value("4")
    expect(head).to_have_value("3")
    chart = drawing(page, "view_queries_lines")
    chart.get_by_text("ran", exact=True).last.hover(force=True)
    expect(chart.get_by_text("0.74", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Close recording").click()
    settle(page)
    expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()


def test_a_broken_recording_is_refused_and_nothing_is_lost(page: Page, server: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not a zip")
    visit(page, server, prompt="A cat sat on the mat")
    open_recording(page, broken)
    expect(page.get_by_text("Can't open broken.npz. This is not a complete .npz archive")).to_be_visible()
    close_menu(page)
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("A cat sat on the mat")


def test_a_saved_trace_opens_again(page: Page, server: str) -> None:
    visit(page, server, prompt="A cat sat on the mat")
    settle(page)
    with page.expect_download() as download:
        open_menu(page, "session_menu").get_by_role("button", name="Save recording").click()
    assert AttentionTrace.load(download.value.path()).text == "A cat sat on the mat"


def test_without_the_hub_the_first_visit_shows_mini_and_says_why(page: Page, server: str) -> None:
    page.goto(server)
    expect(page.locator(".st-key-model_menu")).to_contain_text("mini, not gpt2")
    expect(figures_on(page).first).to_be_visible()
    menu = open_menu(page, "model_menu")
    expect(menu.get_by_text("gpt2 is unavailable, so you see mini")).to_be_visible()
    expect(menu.get_by_role("button", name="Try again")).to_be_visible()


def test_prompt_and_head_carry_from_page_to_page_and_survive_a_reload(page: Page, server: str) -> None:
    visit(page, server, "head_view", prompt="A cat sat on the mat", layer="2", head="7")
    page.get_by_role("link", name="Head grid").click()
    expect(title_of(page, "L2H7")).to_be_visible()
    expect(page).to_have_url(re.compile(r"head_grid.*prompt=A\+cat.*layer=2"))
    page.reload()
    expect(title_of(page, "L2H7")).to_be_visible()
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("A cat sat on the mat")


def test_back_and_forward_go_through_what_was_chosen(page: Page, server: str) -> None:
    visit(page, server, "head_view", layer="2", head="7")
    layer, _ = head_boxes(page)
    for number in ("5", "9"):
        settle(page)
        layer.fill(number)
        layer.press("Enter")
        expect(title_of(page, f"L{number}H7")).to_be_visible()
    settle(page)
    run_prompt(page, "A cat sat on the mat")
    expect(drawing(page, "view_queries_lines").get_by_text("mat").first).to_be_visible()
    settle(page)
    page.get_by_role("link", name="Head grid").click()
    expect(title_of(page, "L9H7")).to_be_visible()
    settle(page)

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What does L9H7 do?")
    settle(page)
    page.go_back()
    expect(page.get_by_role("textbox", name="Prompt")).not_to_have_value("A cat sat on the mat")
    expect(title_of(page, "L9H7")).to_be_visible()
    for number in ("5", "2"):
        settle(page)
        page.go_back()
        expect(title_of(page, f"L{number}H7")).to_be_visible()
        expect(layer).to_have_value(number)
    for number in ("5", "9"):
        settle(page)
        page.go_forward()
        expect(title_of(page, f"L{number}H7")).to_be_visible()
    settle(page)
    expect(page).not_to_have_url(re.compile("return"))
    page.reload()
    expect(title_of(page, "L9H7")).to_be_visible()


def test_long_text_in_a_recording_scrolls(page: Page, server: str, tmp_path: Path) -> None:
    random_trace(2, 2, 150).save(tmp_path / "long.npz")
    visit(page, server, "head_view")
    open_recording(page, tmp_path / "long.npz")
    expect(page.get_by_text("strongest links; ")).to_be_visible()
    settle(page)
    panel = page.locator(".st-key-panel_lines")
    assert panel.evaluate("it => it.scrollHeight > 1.5 * it.clientHeight")


@pytest.mark.parametrize("path", NAMES)
def test_every_page_has_its_own_title_says_its_language_and_asks_no_other_machine(
    page: Page, server: str, requested: list[str], path: str
) -> None:
    visit(page, server, path)
    settle(page)
    name = f"{NAMES[path]}: " if path else ""
    expect(page).to_have_title(f"{name}How GPT-2 chooses its next word")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert requested
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    assert [url for url in requested if not url.startswith(own)] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_a_figure_is_saved_as_four_files(page: Page, server: str, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, server, "head_view", prompt="The cat in the house slept", layer="2", head="7")
    lines = drawing(page, "view_queries_lines")
    expect(lines.get_by_text("house").first).to_be_visible()
    settle(page)
    before = drawn(lines)
    page.get_by_role("button", name="Save or view data").click()
    inside = page.get_by_test_id("stPopoverBody")
    expect(inside.get_by_test_id("stDataFrame")).to_be_visible()
    files = {}
    for kind in ("PNG", "SVG", "HTML", "CSV"):
        with page.expect_download() as download:
            inside.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"mini_l2h7_the_cat_in_the_house_slept.{kind.lower()}"
        download.value.save_as(tmp_path / kind)
        files[kind] = (tmp_path / kind).read_bytes()
    assert files["PNG"].startswith(b"\x89PNG")
    assert all(b"house" in files[kind] for kind in ("SVG", "HTML", "CSV"))
    assert drawn(lines) == before
    assert fits(page)
