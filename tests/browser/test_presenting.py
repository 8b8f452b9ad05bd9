"""Shown to a room, and inside another page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.visiting import (
    QUESTIONS,
    drawing,
    figures_on,
    open_menu,
    run_prompt,
    settle,
    visit,
    wait_for_keys,
)


def size_of_letters(it: Locator) -> float:
    """Pixels of an element's letters."""
    return float(it.evaluate("it => parseFloat(getComputedStyle(it).fontSize)"))


@pytest.mark.browser
def test_a_room_sees_larger_type_and_no_controls_and_arrows_go_from_head_to_head(page: Page, server: str) -> None:
    page.goto(f"{server}/head_grid?model=mini&layer=3&head=5")
    title = page.locator(".st-key-line_lines h2")
    expect(title).to_contain_text("L3H5")
    settle(page)
    words = drawing(page, "query_lines").get_by_text("dog", exact=True).first
    small = size_of_letters(title)
    controls = page.get_by_role("spinbutton").or_(page.get_by_role("textbox")).filter(visible=True)
    expect(controls).to_have_count(3)
    page.get_by_role("button", name="Present").click()
    expect(controls).to_have_count(0)
    expect(page.get_by_role("button", name="Present")).to_be_hidden()
    expect(page.get_by_role("button", name="Save or view data")).to_have_count(0)
    expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    settle(page)
    assert size_of_letters(title) > 1.15 * small
    expect(words).to_be_visible()
    for key, name in (("ArrowRight", "L3H6"), ("ArrowDown", "L4H6")):
        page.keyboard.press(key)
        expect(title).to_contain_text(name)
        settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Present")).to_be_visible()
    settle(page)
    page.get_by_role("textbox", name="Prompt").press("ArrowLeft")  # while nobody presents, arrows are the text's
    settle(page)
    expect(title).to_contain_text("L4H6")


@pytest.mark.browser
def test_the_names_of_the_pages_come_back_at_the_upper_edge(page: Page, server: str) -> None:
    page.goto(f"{server}/head_grid?model=mini&present=1")
    expect(figures_on(page).first).to_be_visible()
    settle(page)
    header = page.get_by_test_id("stHeader")
    page.mouse.move(640, 500)
    expect(header).to_have_css("opacity", "0")
    page.mouse.move(640, 10)
    expect(header).to_have_css("opacity", "1")
    page.get_by_role("link", name="Compare").click()
    page.mouse.move(640, 500)
    expect(page.locator("h1")).to_contain_text(str(QUESTIONS["compare"]))
    settle(page)
    expect(header).to_have_css("opacity", "0")  # under the pointer alone, not after the click


@pytest.mark.browser
def test_a_clicker_goes_from_step_to_step(page: Page, server: str) -> None:
    page.goto(f"{server}/tour?model=mini&present=1")
    title = page.get_by_role("heading", level=1)
    expect(title).to_contain_text("1. ")
    expect(figures_on(page)).to_be_visible()
    for key, number in (("PageDown", "2"), ("PageDown", "3"), ("PageUp", "2")):
        settle(page)
        page.keyboard.press(key)
        expect(title).to_contain_text(f"{number}. ")


@pytest.mark.browser
def test_the_link_that_is_copied_opens_the_same_elsewhere(browser: Browser, page: Page, server: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server}/head_view?model=mini&layer=3&head=5")
    settle(page)
    run_prompt(page, "A cat in the garden slept")
    expect(page).to_have_url(re.compile("prompt=A"))
    settle(page)
    page.get_by_role("radio", name="Matrix").click()
    expect(page).to_have_url(re.compile("view=matrix"))
    settle(page)
    open_menu(page, "session_menu").get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Link copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(link)
        expect(other.get_by_role("textbox", name="Prompt")).to_have_value("A cat in the garden slept")
        expect(other.get_by_role("spinbutton", name="Layer")).to_have_value("3")
        expect(other.get_by_role("spinbutton", name="Head")).to_have_value("5")
        expect(other.get_by_role("radio", name="Matrix")).to_be_checked()


@pytest.mark.browser
def test_a_frame_in_another_page_shows_the_figure_and_the_way_to_the_dashboard(page: Page, server: str) -> None:
    page.goto(f"{server}/head_view?model=mini&layer=3&head=5&embed=true")
    expect(figures_on(page)).to_be_visible()
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_count(0)
    expect(page.get_by_role("link", name="Compare")).to_have_count(0)
    way = page.get_by_role("link", name="Open the dashboard")
    expect(way).to_have_attribute("href", f"{server}/head_view?model=mini&layer=3&head=5")


@pytest.mark.browser
def test_every_press_of_a_key_counts_and_escape_does_not_wait(page: Page, server: str) -> None:
    visit(page, server, "head_grid", layer="4", head="0", present="1")
    expect(page.get_by_role("heading", level=2, name="L4H0")).to_be_visible()
    settle(page)
    wait_for_keys(page)
    for key in ["ArrowRight"] * 10 + ["ArrowUp"] * 2:
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=2, name="L2H10")).to_be_visible()
    settle(page)
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Present")).to_be_visible()
    settle(page)
    expect(page.get_by_role("heading", level=2, name="L2H8")).to_have_count(0)  # where all ten would lead
