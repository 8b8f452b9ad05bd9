"""The dashboard for those who don't see colours, don't see at all, don't point, or hold a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.visiting import figures_on, fits, open_menu, settle, visit, wait_for_keys

SON = "Jesse Vig is the son of an evangelical preacher named James"
RULES_OF_COLOR = ("color-contrast", "link-in-text-block")
"""Those of axe's rules whose answer depends on the theme."""


@pytest.fixture
def page(page: Page) -> Page:
    """Return the page of somebody who wants no motion, which also spares the tests the fading of colours."""
    page.emulate_media(reduced_motion="reduce")
    return page


def opened(path: str, *, figures: int = 0, **query: str) -> Callable[[Page, str], None]:
    """Go to a page with so many figures."""

    def go(page: Page, server: str) -> None:
        visit(page, server, path, **query)
        expect(figures_on(page).locator("svg")).to_have_count(figures)
        settle(page)

    return go


def written(page: Page, server: str) -> None:
    """Let text be written and look at its third token."""
    visit(page, server, "generate", prompt=SON)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("tokens by mini")).to_be_visible()
    settle(page)
    tokens = page.get_by_role("group", name="Generated tokens").get_by_role("button")
    tokens.nth(2).click()
    expect(tokens.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(figures_on(page).locator("svg")).to_have_count(4)
    settle(page)


def detailed(name: str) -> Callable[[Page, str], None]:
    """Look at what is below the figures of Generate."""

    def go(page: Page, server: str) -> None:
        visit(page, server, "generate", prompt=SON, off="4.8,1.0")
        page.get_by_role("radio", name=name).click()
        expect(page.get_by_role("radio", name=name)).to_be_checked()
        settle(page)

    return go


def menu(path: str, key: str, figures: int = 1, **query: str) -> Callable[[Page, str], None]:
    """Open a menu of a page."""

    def go(page: Page, server: str) -> None:
        opened(path, figures=figures, **query)(page, server)
        open_menu(page, key)
        settle(page)

    return go


def found_by_words(page: Page, server: str) -> None:
    opened("head_grid", figures=2)(page, server)
    open_menu(page, "finder").get_by_role("radio", name="by two tokens").click()
    expect(page.get_by_text("heads put at least 0.10 there")).to_be_visible()
    settle(page)


def viewed_as(name: str) -> Callable[[Page, str], None]:
    def go(page: Page, server: str) -> None:
        visit(page, server, "head_view", off="4.8,1.0")
        page.get_by_role("radio", name=name).click()
        expect(page.get_by_role("radio", name=name)).to_be_checked()
        settle(page)

    return go


def several(page: Page, server: str) -> None:
    """Draw two heads over each other from a word."""
    opened("head_view", figures=1)(page, server)
    box = page.get_by_role("combobox", name="Query tokens")
    box.fill("dog")
    box.press("Enter")
    expect(page.locator("[data-tag]")).to_have_count(1)
    page.keyboard.press("Escape")
    settle(page)
    box = open_menu(page, "view_menu").get_by_role("combobox", name="Overlay heads")
    box.fill("L2H3")
    box.press("Enter")
    expect(page.locator("[data-tag]")).to_have_count(2)
    settle(page)


def saving(page: Page, server: str) -> None:
    opened("head_view", figures=1)(page, server)
    page.get_by_role("button", name="Save or view data").click()
    expect(page.get_by_test_id("stPopoverBody").get_by_test_id("stDataFrame")).to_be_visible()
    settle(page)


def asked(page: Page, server: str) -> None:
    visit(page, server, "names")
    page.get_by_role("button", name="Run all names").click()
    expect(page.get_by_text("Does not show")).to_be_visible()
    settle(page)


def asked_for_keys(page: Page, server: str) -> None:
    """Let the keys of a talk be listed."""
    opened("head_view", figures=1, present="1")(page, server)
    wait_for_keys(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog").get_by_text("Page Up, Page Down")).to_be_visible()
    settle(page)


STATES: dict[str, Callable[[Page, str], None]] = {
    "home": opened("", figures=3),
    "an empty prompt": opened("", prompt=" "),
    "no such model": menu("", "model_menu", 3, model="no/such-model", off="4.8"),
    "session": menu("", "session_menu", 3),
    "a link that asks for what is not there": opened("", figures=3, layer="99", head="x"),
    "tour, lines": opened("tour", figures=1),
    "tour, own prompt": menu("tour", "own_tour_subject", tour_subject="A cat sat"),
    "tour, grid": opened("tour", figures=2, step="3"),
    "tour, list": opened("tour", figures=2, step="5"),
    "tour, text": opened("tour", step="6"),
    "tour, comparison": opened("tour", figures=2, step="7"),
    "tour, names": opened("tour", figures=1, step="8"),
    "generate": opened("generate", figures=4),
    "generate, written": written,
    "generate, strongest heads": detailed("Strongest heads"),
    "generate, heads off": detailed("Turn heads off"),
    "generate, settings": menu("generate", "generation_settings", 4, way="sampled"),
    "generate, effects": menu("generate", "effect_menu", 4),
    "head grid": opened("head_grid", figures=2),
    "head grid, patterns": menu("head_grid", "finder", 2),
    "head grid, two words": found_by_words,
    "head view": opened("head_view", figures=1),
    "head view, options": menu("head_view", "view_menu"),
    "head view, matrix": viewed_as("Matrix"),
    "head view, table": viewed_as("Table"),
    "head view, several heads": several,
    "compare": opened("compare", figures=4),
    "compare, prompts": menu("compare", "prompts_menu", 4),
    "names": opened("names", figures=1),
    "names, asked": asked,
    "files of a figure": saving,
    "presenting, a grid": opened("head_grid", figures=2, present="1"),
    "presenting, the tour": opened("tour", figures=1, present="1"),
    "presenting, keys": asked_for_keys,
    "in a frame": opened("head_grid", figures=2, embed="true"),
}


@pytest.mark.browser
@pytest.mark.parametrize("state", STATES)
def test_a_page_has_no_serious_fault_in_either_theme_and_fits_a_phone(page: Page, server: str, state: str) -> None:
    STATES[state](page, server)
    expect(page.locator("h1")).to_have_count(1)
    assert not faults(page)
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", "dark")
    settle(page)
    page.wait_for_function("!document.getAnimations().length")
    assert not faults(page, only=RULES_OF_COLOR)
    page.set_viewport_size({"width": 400, "height": 800})
    assert fits(page)


def faults(page: Page, *, only: Sequence[str] = ()) -> list[str]:
    """Return what axe finds serious, and headings that skip a level; only by these of its rules, if any are named."""
    options = {"runOnly": only} if only else None
    return [
        f"{found['id']}: {node['html'][:200]} {node['any']}"
        for found in Axe().run(page, options=options).response["violations"]
        if found["impact"] in ("serious", "critical") or found["id"] == "heading-order"
        for node in found["nodes"]
    ]


@pytest.mark.browser
def test_generated_tokens_are_walked_with_the_arrow_keys_and_chosen_with_enter(page: Page, server: str) -> None:
    written(page, server)
    row = page.get_by_role("group", name="Generated tokens")
    tokens = row.get_by_role("button")
    for box in (tokens.nth(index).bounding_box() for index in range(tokens.count())):
        assert box is not None
        assert min(box["width"], box["height"]) >= 24

    page.get_by_role("spinbutton", name="Head").focus()
    for _ in range(10):  # the View menu is between them
        page.keyboard.press("Tab")
        if row.locator(":focus").count():
            break
    expect(tokens.nth(2)).to_be_focused()
    page.keyboard.press("End")
    expect(tokens.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(tokens.nth(1)).to_have_accessible_name(re.compile(r"^\+?ig: [<>]?[\d.]+%$"))
    page.keyboard.press("Enter")
    expect(tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", name="Which heads raised “ig”?")).to_be_visible()
    settle(page)
    expect(tokens.nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(row.locator(":focus")).to_have_count(0)


FOCUS = """() => {
    let it = document.activeElement;
    while (it.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
    const written = it.querySelector("[data-testid=stMarkdownContainer]")?.textContent; // without its icons
    const spoken = it.ariaLabel ?? it.labels?.[0]?.innerText ?? written ?? it.innerText;
    return [it.tagName, spoken.trim().split("\\n").at(-1), getComputedStyle(it).outlineStyle];
}"""
"""What has the focus: its kind, the last line of its name, and its outline."""

HEADER = ["Home", "Tour", "Many names", "mini", "Session", "Present"]
IN_ORDER = {
    "head_grid": [*HEADER, "Prompt", "Examples", "Find heads", "Layer", "Head", "Query token", "View",
                  "Save or view data", "Save or view data"],
    "head_view": [*HEADER, "Prompt", "Examples", "Layer", "Head", "Query tokens", "Lines", "Save or view data"],
    "compare": [*HEADER, "Prompt A", "Prompt B", "Layer", "Head", "Query word", "Rank by", "View",
                "Save or view data", "Save or view data", "Save or view data", "Save or view data"],
    "generate": [*HEADER, "Prompt", "Examples", "Generate", "Next token", "Play", "Layer", "Head", "View",
                 "Save or view data", "Save or view data", "Save or view data", "After each layer",
                 "Save or view data"],
    "tour": [*HEADER, "Next", "Try your own prompt", "Open in Head view", "Save or view data"],
}  # fmt: skip
"""What Tab comes to on a page, in the order of reading: bar, question, prompt, toolbar, panels, below."""


@pytest.mark.browser
@pytest.mark.parametrize("path", IN_ORDER)
def test_tab_goes_through_a_whole_page_and_shows_where_it_is(page: Page, server: str, path: str) -> None:
    visit(page, server, path)
    expect(figures_on(page).first.locator("svg")).to_be_visible()
    settle(page)
    passed: list[str] = []
    for _ in range(120):
        page.keyboard.press("Tab")
        kind, name, outline = page.evaluate(FOCUS)
        if kind == "BODY":
            break
        if kind in ("A", "BUTTON"):
            assert outline == "solid", name
        passed.append(name)
    else:
        pytest.fail(f"Tab never leaves the page: {passed}")
    rest = iter(passed)
    missing = [name for name in IN_ORDER[path] if not any(name == other for other in rest)]
    assert not missing, passed


@pytest.mark.browser
def test_a_figure_is_read_as_one_sentence(page: Page, server: str) -> None:
    opened("head_grid", figures=2)(page, server)
    sentences = page.locator(".figure-description")
    expect(sentences).to_have_text(
        [re.compile("Selected: layer 4, head 8"), re.compile("^Lines of layer 4, head 8")]
    )
    expect(page.locator("svg [role=graphics-symbol]:not([aria-hidden] *)")).to_have_count(0)


@pytest.mark.browser
def test_nothing_moves_for_those_who_want_no_motion(page: Page, server: str) -> None:
    opened("", figures=3)(page, server)
    seconds = "[...document.querySelectorAll('*')].map(it => parseFloat(getComputedStyle(it).transitionDuration))"
    assert page.evaluate(f"Math.max(...{seconds})") <= 0.001
