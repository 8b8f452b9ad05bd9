"""What a visitor does on the pages of the dashboard, in a browser."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, TimeoutError, expect

WAIT = 30_000  # milliseconds, for whatever a slow machine still has to load
RECORDING = "shopping_list.npz"  # of the playlist
QUESTIONS: dict[str, str | re.Pattern[str]] = {
    "": "How GPT-2 chooses its next word",
    "tour": re.compile(r"^\d\. "),
    "generate": "Why this word?",
    "head_grid": "What is every head doing?",
    "head_view": re.compile(r"^What does L\d+H\d+ do\?"),
    "compare": "What changes when the prompt changes?",
    "names": "Does the name change what comes next?",
}
"""The heading of each page, by its path."""

NAMES = {"": "Home", "tour": "Tour", "generate": "Generate", "head_grid": "Head grid", "head_view": "Head view"}
NAMES |= {"compare": "Compare", "names": "Many names"}
"""What each page is called in the bar; the keys 1 to 7 go there in this order."""


def visit(page: Page, server: str, path: str = "", **query: str) -> None:
    """Open a page, with `mini` if the query names no other model."""
    page.goto(f"{server}/{path}?{urlencode({'model': 'mini'} | query)}")
    expect(page.locator("h1")).to_contain_text(QUESTIONS[path])  # while somebody presents, nobody sees it


def settle(page: Page) -> None:
    """Wait until the server has nothing more to send; while it sends, old parts of a page stand beside new."""
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()


def wait_for_keys(page: Page) -> None:
    """Wait until the page listens to its own keys: Enter in a prompt, and those of a talk."""
    page.wait_for_function("window.attnCoreKeys")


def figures_on(page: Page) -> Locator:
    """Return the figures of a page, in the order of reading."""
    return page.get_by_test_id("stVegaLiteChart")


def drawing(page: Page, key: str) -> Locator:
    """Return the figure with this key: what stands before its description."""
    container = "[data-testid=stElementContainer]"
    return page.locator(f"{container}:has(+ {container} .about-{key}) [data-testid=stVegaLiteChart]")


def run_prompt(page: Page, text: str, label: str = "Prompt") -> None:
    """Type a prompt and press Enter, once the page is whole."""
    settle(page)
    wait_for_keys(page)
    box = page.get_by_role("textbox", name=label, exact=True)
    box.fill(text)
    box.press("Enter")


def open_menu(page: Page, key: str) -> Locator:
    """Open the menu with this key, if it is not open, and return what is in it."""
    button = page.locator(f".st-key-{key}").get_by_role("button").first
    body = page.get_by_test_id("stPopoverBody")
    settle(page)
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    expect(body).to_be_visible()
    return body


def close_menu(page: Page) -> None:
    """Close the menu that is open."""
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_be_hidden()


def choose(page: Page, box: Locator, option: str | re.Pattern[str]) -> None:
    """Choose from a list; a run that comes meanwhile closes it, and then a visitor opens it again."""
    for _ in range(3):
        box.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option).first.click(timeout=WAIT / 5)
            return
    raise AssertionError(f"The list never offered {option}.")


def fits(page: Page) -> bool:
    """Return whether the page is no wider than its window."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)
