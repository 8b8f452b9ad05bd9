"""The dashboard for those who don't see colours, don't see at all, don't point, or hold a phone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import altair as alt
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.testing.v1 import AppTest

from attn_core import NameProbe, Prediction, charts
from attn_core.charts import lines, style
from attn_core.charts.style import ACCENT, BACKGROUNDS, CATEGORIES, DIVERGING, LINK, SEQUENTIAL, Theme
from attn_core.examples import DOG
from tests.conftest import random_trace
from tests.serving import ROOT, serving
from tests.test_pages import dashboard
from tests.visiting import NAMES, WAIT, figures_on, fits, open_menu, settle, visit, wait_for_keys

SON = "Jesse Vig is the son of an evangelical preacher named James"
THEMES: tuple[Theme, ...] = ("light", "dark")
CONFIG: dict[str, Any] = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
TEXT, MARKS = 4.5, 3.0  # contrast that WCAG 2.2 asks for (1.4.3, 1.4.11)


def rgb(color: str) -> NDArray[np.float64]:
    """A colour like #2b7bba as three numbers from 0 to 1."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def laid_over(color: str, background: str, opacity: float) -> NDArray[np.float64]:
    return opacity * rgb(color) + (1 - opacity) * rgb(background)


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """WCAG's contrast ratio of two colours, from 1 to 21."""

    def luminance(color: NDArray[np.float64]) -> float:
        linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_contrast_that_wcag_says() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", THEMES)
def test_the_charts_know_the_backgrounds_of_the_page(theme: Theme) -> None:
    assert CONFIG[theme]["backgroundColor"] == BACKGROUNDS[theme]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("color", [LINK, ACCENT, *CATEGORIES])
def test_lines_and_marks_at_full_weight_stand_out(color: str, theme: Theme) -> None:
    assert contrast(rgb(color), rgb(BACKGROUNDS[theme])) >= MARKS


@pytest.mark.parametrize("theme", THEMES)
def test_the_strong_ends_of_the_scales_stand_out_and_nothing_is_the_background(theme: Theme) -> None:
    background = BACKGROUNDS[theme]
    sequential, diverging = SEQUENTIAL[theme], DIVERGING[theme]
    assert sequential[0] == diverging[len(diverging) // 2] == background
    for end in (sequential[-1], diverging[0], diverging[-1]):
        assert contrast(rgb(end), rgb(background)) >= MARKS


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_whatever_it_stands(theme: Theme) -> None:
    text, background = CONFIG[theme]["textColor"], BACKGROUNDS[theme]
    assert contrast(laid_over(text, background, lines.FADED), rgb(background)) >= TEXT
    for surest in (0.08, 0.7):  # the shade of a token, from the least probable to the most
        assert contrast(rgb(text), laid_over(LINK, background, surest)) >= TEXT
    for marked in CATEGORIES[:2]:  # the words that differ in Compare
        assert contrast(rgb(text), laid_over(marked, background, 0.25)) >= TEXT


def test_charts_write_in_the_text_colour_of_the_page() -> None:
    for chart in some_charts().values():
        config = chart.to_dict()["config"]
        for part in ("axis", "legend"):
            assert {config[part]["labelColor"], config[part]["titleColor"]} == {style.INK}


def some_charts() -> dict[str, alt.LayerChart]:
    trace = random_trace(2, 2, 4)
    after_a = Prediction((" Vig", " James"), np.array([0.8, 0.1], np.float32), (5, 6))
    after_b = Prediction((" Smith", " Vig"), np.array([0.5, 0.01], np.float32), (7, 5))
    probe = NameProbe(
        template="{name} is a",
        words=("cook", "poet"),
        groups=("Cats", "Dogs"),
        names=("Mia", "Rex"),
        pieces=np.array([1, 1]),
        probabilities=np.array([[0.5, 0.1], [0.25, 0.1]]),
        model="mini",
    )
    looks = np.zeros((1, 1, 3, 3), np.float32)
    looks[0, 0, [0, 1, 2], [0, 0, 1]] = 1
    dog = type(trace)(("The", " dog", " ran"), looks)
    return {
        "lines": charts.attention_lines(dog, 0, 0, query=2),
        "row": charts.row_lines(["The", " dog", " ran"], np.array([0.1, 0.7, 0.2]), name="L4H3"),
        "matrix": charts.attention_heatmap(dog, 0, 0),
        "grid": charts.head_grid(trace, selected=(1, 0), labels=["null", "null", "other", "induction"]),
        "map": charts.head_map(
            np.array([[0.1, -2], [3, 0]]), selected=(0, 1), title="direct effect on “a” (logits)"
        ),
        "bars": charts.probability_bars(after_a),
        "lens": charts.lens_bars([after_b, after_a], 5, [0.01, 0.8]),
        "pairs": charts.paired_probabilities(after_a, after_b),
        "names": charts.name_probabilities(probe),
    }


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("lines", "Lines of layer 0, head 0. Strongest: from “ran” to “dog”, 1.00."),
        ("row", "Lines of layer 4, head 3, from the last token. Strongest: from “ran” to “dog”, 0.70."),
        ("matrix", "Matrix of layer 0, head 0. Strongest: from “dog” to “The”, 1.00."),
        ("grid", "Selected: layer 1, head 0. Patterns: 2 null, 1 other, 1 induction."),
        ("map", "Largest: layer 1, head 0, +3.0. Smallest: layer 0, head 1, −2.0. Selected: layer 0, head 1."),
        ("bars", "Bars of the most probable next tokens: “Vig” 80%, “James” 10%."),
        ("lens", "At the input “Smith” 50%, at the end “Vig” 80%."),
        ("pairs", "Largest: “Vig”, 80% after A, 1.0% after B."),
        ("names", "Largest difference: “cook”, 50% after Cats, 25% after Dogs."),
    ],
)
def test_a_chart_says_what_is_to_be_seen_in_it(chart: str, said: str) -> None:
    assert some_charts()[chart].to_dict()["description"].endswith(said)


def test_what_a_click_in_the_tour_chooses_can_be_typed() -> None:
    app = dashboard("tour", step="3")
    app.number_input(key="tour_layer_box").set_value(7).run()
    app.number_input(key="tour_head_box").set_value(11).run()
    assert any(header.value.startswith("**L7H11** · ") for header in app.header)
    app.selectbox(key="tour_all").set_value(2).run()
    assert "from “on” to" in descriptions(app)[-1]


def test_the_token_on_the_first_page_is_the_last_one_until_another_is_chosen() -> None:
    app = dashboard("home", prompt="A cat on the ship ran")
    assert app.selectbox(key="home_query").value == 5
    app.text_area(key="prompt_box").set_value("A cat on the ship ran away").run()
    assert app.selectbox(key="home_query").value == 6
    app.selectbox(key="home_query").set_value(4).run()
    assert "from “ship” to" in descriptions(app)[0]
    app.text_area(key="prompt_box").set_value("A cat on the ship ran").run()
    assert app.selectbox(key="home_query").value == 4


def test_the_articles_prompt_is_looked_at_from_where_the_article_looks() -> None:
    app = dashboard("home", prompt=f"{DOG} away")
    assert app.selectbox(key="home_query").value == 5


def descriptions(app: AppTest) -> list[str]:
    """What the figures of a page say to those who don't see them."""
    pattern = r'<p class="figure-description[^"]*">(.*?)</p>'
    return [said for html in app.get("html") for said in re.findall(pattern, html.proto.body)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as running:
        yield running.address


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """The browser of somebody who wants no motion, which also spares the tests the fading of colours."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    return context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


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
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
        settle(page)
        page.wait_for_function("!document.getAnimations().length")
        assert not faults(page)
    page.set_viewport_size({"width": 400, "height": 800})
    assert fits(page)


def faults(page: Page) -> list[str]:
    """What axe finds serious, and headings that skip a level."""
    return [
        f"{found['id']}: {node['html'][:200]} {node['any']}"
        for found in Axe().run(page).response["violations"]
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
@pytest.mark.parametrize("path", NAMES)
def test_every_page_has_its_own_title_and_says_its_language(page: Page, server: str, path: str) -> None:
    visit(page, server, path)
    name = f"{NAMES[path]}: " if path else ""
    expect(page).to_have_title(f"{name}How GPT-2 chooses its next word")
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.browser
def test_nothing_moves_for_those_who_want_no_motion(page: Page, server: str) -> None:
    opened("", figures=3)(page, server)
    seconds = "[...document.querySelectorAll('*')].map(it => parseFloat(getComputedStyle(it).transitionDuration))"
    assert page.evaluate(f"Math.max(...{seconds})") <= 0.001
