"""What is seen before anybody scrolls: the figure of each page, whole, in every window."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.support.visiting import (
    NAMES,
    QUESTIONS,
    RECORDING,
    WAIT,
    drawing,
    fits,
    settle,
    visit,
    wait_for_keys,
)

pytestmark = pytest.mark.browser

LAPTOP: ViewportSize = {"width": 1280, "height": 720}
PROJECTOR: ViewportSize = {"width": 1920, "height": 1080}
PHONE: ViewportSize = {"width": 400, "height": 800}
SMALLEST_LETTER = 20  # pixels, for a room, at 1920 x 1080


@dataclass(frozen=True)
class Stage:
    """A page that shows a figure on its first screen.

    Attributes:
        path: of the page.
        query: what its address says besides the model.
        figures: how many charts there are at least, once all are drawn.
        screens: how many windows high the page is at most; None if nobody asks.
        main: finds what must be seen, if that is not the first chart.
    """

    path: str
    query: dict[str, str] = field(default_factory=dict)
    figures: int = 1
    screens: float | None = None
    main: str = "[data-testid=stVegaLiteChart] svg"


STAGES = {
    "home": Stage("", screens=1, figures=2),
    **{f"tour {step}": Stage("tour", {"step": str(step)}, screens=1) for step in (1, 2, 3, 4, 5, 7, 8)},
    "tour 6": Stage("tour", {"step": "6"}, screens=1, figures=0, main=".shaded-text"),
    "generate": Stage("generate", figures=3, screens=2.5, main=".tokens, .st-key-panels_three svg"),
    "head grid": Stage("head_grid", figures=2, screens=2),
    "head view": Stage("head_view", screens=1),
    "compare": Stage("compare", screens=2),
    "names": Stage("names"),
}

SEEN = """selector => {
  const rootOf = it => it.getRootNode() instanceof ShadowRoot ? it.getRootNode().host : null;
  const parentOf = it => it.parentElement ?? rootOf(it);
  const found = [];
  const search = root => {
    found.push(...root.querySelectorAll(selector));
    for (const it of root.querySelectorAll('*')) if (it.shadowRoot) search(it.shadowRoot);
  };
  search(document);
  return found.filter(it => it.getClientRects().length && it.getBoundingClientRect().height > 20).map(it => {
    const box = it.getBoundingClientRect();
    let [top, bottom, left, right] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight),
                                      Math.max(box.left, 0), Math.min(box.right, innerWidth)];
    for (let around = parentOf(it); around; around = parentOf(around)) {
      if (around === document.body || getComputedStyle(around).overflow === 'visible') continue;
      const edge = around.getBoundingClientRect();
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
    }
    const part = Math.max(bottom - top, 0) * Math.max(right - left, 0) / (box.width * box.height);
    return {part, left: box.left, top: box.top, width: box.width, height: box.height};
  });
}"""
"""Of everything that a selector finds: its box, and the part of it that is seen without scrolling anything."""

HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight / innerHeight"

STEADY = """async () => {
  const watched = '[data-testid=stVegaLiteChart], [data-testid=stVegaLiteChart] :is(svg, path), h1, h2';
  const boxes = () => JSON.stringify([innerWidth, innerHeight, ...[...document.querySelectorAll(watched)].map(
    it => { const box = it.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].map(Math.round); })]);
  for (let before = '', same = 0; same < 8;) {
    await new Promise(requestAnimationFrame);
    const now = boxes();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}"""
"""Wait until nothing has moved for eight pictures of the screen."""


@pytest.fixture
def page(page: Page) -> Page:
    """Return a page in a window as small as a projector's may be."""
    page.set_viewport_size(LAPTOP)
    return page


def arrive(page: Page, server: str, stage: Stage, *, figures: int | None = None, **query: str) -> None:
    """Open a page and wait until all its figures are drawn."""
    visit(page, server, stage.path, **stage.query | query)
    expect(page.locator(stage.main).first).to_be_visible(timeout=4 * WAIT)  # the first time the names take theirs
    wait_for_figures(page, stage.figures if figures is None else figures)


def wait_for_figures(page: Page, fewest: int) -> None:
    """Wait until a page is whole and nothing on it moves."""
    settle(page)
    page.wait_for_function(
        """fewest => {
          const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
          return charts.length >= fewest && charts.every(chart => chart.querySelector('svg'));
        }""",
        arg=fewest,
    )
    page.evaluate(STEADY)


def resize(page: Page, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    page.evaluate(STEADY)


def seen(page: Page, selector: str) -> list[dict[str, float]]:
    """Return the boxes of what a selector finds, each with the part of it that is seen."""
    return list(page.evaluate(SEEN, selector))


def shortcomings(page: Page, name: str, stage: Stage, *, screens: float | None) -> list[str]:
    """Return what is wrong with a page in the window as it is, in words."""
    faults = []
    size = page.viewport_size
    figures = seen(page, stage.main)
    if not figures:
        return [f"{name}, {size}: no figure"]
    shown = figures if stage.main != STAGES["home"].main else figures[:1]
    shown = [box for box in shown if box["top"] < page.evaluate("innerHeight")] or shown[:1]
    for box in shown:
        if box["part"] < 0.995:
            faults.append(f"{name}, {size}: only {box['part']:.0%} of the figure is seen: {box}")
    height = page.evaluate(HEIGHT)
    if screens is not None and height > screens + 0.005:
        faults.append(f"{name}, {size}: the page is {height:.2f} screens high, not {screens}")
    return faults


LETTERS = """() => {
  const found = [];
  const look = root => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.shadowRoot) look(node.shadowRoot);
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      const it = node.parentElement;
      if (!it || ['STYLE', 'SCRIPT', 'TITLE', 'NOSCRIPT', 'DESC'].includes(it.tagName.toUpperCase())) continue;
      if (!it.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
      const box = it.getBoundingClientRect(), style = getComputedStyle(it);
      if (box.width < 3 || box.height < 3 || style.clipPath !== 'none') continue;
      if (box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth) continue;
      if (style.fontFamily.includes('Material')) continue;
      if (it.closest('svg') && [it.getAttribute('opacity'), it.getAttribute('fill-opacity')].includes('0')) continue;
      found.push([parseFloat(style.fontSize), node.data.trim().slice(0, 40)]);
    }
  };
  look(document.body);
  return found.sort((a, b) => a[0] - b[0]).slice(0, 4);
}"""
"""The smallest letters that are seen, with their texts."""

SOURCES = {"mini": {}, "a recording": {"recording": RECORDING}, "no gpt2": {"model": "gpt2"}}


@pytest.mark.parametrize("source", SOURCES)
def test_every_page_shows_its_figure_whole_and_lets_a_room_read_every_letter(
    page: Page, server: str, source: str
) -> None:
    """On a laptop and on a projector, at a desk and presenting."""
    faults = []
    for name, stage in STAGES.items():
        page.set_viewport_size(LAPTOP)
        figures = min(stage.figures, 1) if source == "a recording" and stage.path != "generate" else stage.figures
        arrive(page, server, stage, figures=figures, **SOURCES[source])
        for size in (LAPTOP, PROJECTOR):
            resize(page, size)
            faults += shortcomings(page, name, stage, screens=stage.screens)
        page.get_by_role("button", name="Present").click()
        expect(page.get_by_role("button", name="Present")).to_be_hidden()
        wait_for_figures(page, figures)
        letters = page.evaluate(LETTERS)
        faults += [f"{name}: {text} is {size} px high" for size, text in letters if size < SMALLEST_LETTER]
        for size in (PROJECTOR, LAPTOP):
            resize(page, size)
            faults += shortcomings(page, f"{name}, presenting", stage, screens=1)
    assert not faults, "\n".join(faults)


# --- other windows -----------------------------------------------------------------------------------------------

WINDOWS: list[ViewportSize] = [
    {"width": 1280, "height": 600},
    {"width": 1280, "height": 900},
    {"width": 1280, "height": 1440},
    {"width": 1024, "height": 720},
    {"width": 2560, "height": 1440},
]


@pytest.mark.parametrize("name", ["home", "head grid", "compare", "generate", "tour 3"])
def test_figures_follow_the_window_without_a_word_from_the_server(page: Page, server: str, name: str) -> None:
    stage, frames = STAGES[name], list[str | bytes]()
    page.once("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    arrive(page, server, stage)
    assert frames
    frames.clear()
    before, faults = seen(page, stage.main)[0], []
    for size in WINDOWS:
        resize(page, size)
        faults += shortcomings(page, name, stage, screens=None)
        now = seen(page, stage.main)[0]
        assert (now["width"], now["height"]) != (before["width"], before["height"])
        before = now
        if name in ("home", "head grid", "tour 3"):
            images = page.locator(".mark-image image")
            expect(images).to_have_count(144)
            for square in images.evaluate_all(
                "images => images.map(it => it.getBoundingClientRect()).map(box => box.width / box.height)"
            ):
                assert square == pytest.approx(1, abs=0.05)
    assert not faults, "\n".join(faults)
    assert not frames


def test_no_control_is_cut_at_the_edge_of_its_row(page: Page, server: str) -> None:
    faults = []
    for name in ("tour 1", "generate", "head view", "compare"):
        arrive(page, server, STAGES[name])
        for width in (1280, 1024, 700):
            resize(page, {"width": width, "height": 768})
            buttons = seen(page, ":is([class*=st-key-toolbar], [class*=st-key-headline]) button")
            faults += [f"{name}, {width}: {button}" for button in buttons if button["part"] < 0.95]
        page.set_viewport_size(LAPTOP)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "name", ["home", "generate", "head grid", "head view", "compare", "tour 1", "tour 7", "names"]
)
def test_on_a_phone_the_figure_comes_first_and_the_controls_below(page: Page, server: str, name: str) -> None:
    stage = STAGES[name]
    page.set_viewport_size(PHONE)
    arrive(page, server, stage)
    assert not shortcomings(page, name, stage, screens=None)
    assert fits(page)
    (figure, *_) = seen(page, stage.main)
    controls = seen(page, "[class*=st-key-toolbar] input")
    assert all(box["top"] >= figure["top"] + figure["height"] - 1 for box in controls)


FRAMES: list[ViewportSize] = [
    {"width": 300, "height": 200},
    {"width": 600, "height": 400},
    {"width": 1200, "height": 800},
]


@pytest.mark.parametrize(
    "name", ["home", "head grid", "head view", "compare", "generate", "tour 3", "tour 7", "names"]
)
def test_a_frame_of_another_page_shows_the_figure_alone_with_a_link(page: Page, server: str, name: str) -> None:
    stage, faults = STAGES[name], []
    page.set_viewport_size(FRAMES[-1])
    visit_embedded(page, server, stage)
    for size in FRAMES:
        resize(page, size)
        faults += shortcomings(page, name, stage, screens=1)
        (link,) = seen(page, "[data-testid=stLinkButton] a")
        if link["part"] < 0.995:
            faults.append(f"{name}, {size}: {link['part']:.0%} of the link is seen")
    assert not faults, "\n".join(faults)
    expect(page.get_by_role("link", name="Open the dashboard")).to_be_visible()
    expect(page.get_by_role("textbox").or_(page.get_by_role("spinbutton")).filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Present")).to_have_count(0)


def visit_embedded(page: Page, server: str, stage: Stage) -> None:
    page.goto(f"{server}/{stage.path}?embed=true&model=mini" + "".join(f"&{k}={v}" for k, v in stage.query.items()))
    expect(page.locator(stage.main).first).to_be_visible()
    settle(page)
    page.evaluate(STEADY)


# --- shown to a room ---------------------------------------------------------------------------------------------

FOCUSED = """() => {
  let it = document.activeElement;
  while (it?.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
  if (!it || it === document.body) return null;
  const box = it.getBoundingClientRect();
  const seen = it.checkVisibility({visibilityProperty: true, opacityProperty: true}) && box.width > 2 && box.height > 2
    && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight;
  return [seen, it.tagName, (it.ariaLabel ?? it.innerText ?? '').trim().slice(0, 60)];
}"""
"""Whether what has the focus is seen, its kind and its name; null if nothing has the focus."""


@pytest.mark.parametrize("name", ["home", "head grid", "generate", "compare", "tour 3", "names"])
def test_tab_never_comes_to_anything_that_a_room_does_not_see(page: Page, server: str, name: str) -> None:
    arrive(page, server, STAGES[name], present="1")
    page.evaluate("document.activeElement?.blur()")
    passed = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        passed.append(focused)
    else:
        pytest.fail(f"Tab never leaves the page: {passed}")
    assert passed
    assert not [it for it in passed if not it[0]]


WATCH_THE_BAR = """() => {
  window.barSeen = [];
  window.watchTheBar = true;
  const look = () => {
    const header = document.querySelector('[data-testid=stHeader]');
    const shows = header?.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const menus = [...document.querySelectorAll('.st-key-model_menu, .st-key-session_menu, [data-testid=stSidebar]')];
    if (shows || menus.some(it => it.checkVisibility({opacityProperty: true, visibilityProperty: true})))
      barSeen.push([performance.now(), shows, menus.length]);
    if (watchTheBar) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def test_keys_change_the_page_and_the_bar_never_flashes(page: Page, server: str) -> None:
    arrive(page, server, STAGES["home"], present="1")
    page.mouse.move(640, 400)
    page.evaluate(WATCH_THE_BAR)
    for number, path in (*enumerate(NAMES, start=1), (1, "")):
        page.keyboard.press(str(number))
        expect(page).to_have_url(re.compile(rf"/{path}(\\?|$)"))
        expect(page.locator("h1")).to_contain_text(QUESTIONS[path])
        settle(page)
    page.evaluate("watchTheBar = false")
    assert page.evaluate("barSeen") == []


def test_the_keys_of_a_talk(page: Page, server: str) -> None:
    arrive(page, server, STAGES["head grid"], present="1", layer="3", head="5")
    wait_for_keys(page)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    for key in ("← →", "Page Up, Page Down", "Space", "1 to 7", "Esc"):
        expect(keys.get_by_text(key)).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    settle(page)
    title = page.locator("h2").nth(1)
    expect(title).to_contain_text("L3H5")
    for key, head in (
        ("ArrowRight", "L3H6"),
        ("ArrowLeft", "L3H5"),
        ("ArrowDown", "L4H5"),
        ("ArrowUp", "L3H5"),
        ("ArrowUp", "L2H5"),
    ):
        page.keyboard.press(key)
        expect(title).to_contain_text(head)
        settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Present")).to_be_visible()


def test_keys_go_through_a_generated_text_and_play_it(page: Page, server: str) -> None:
    arrive(page, server, STAGES["generate"], present="1")
    chosen = page.get_by_role("group", name="Generated tokens").locator("[aria-pressed=true]")
    tokens = page.get_by_role("group", name="Generated tokens").get_by_role("button")
    expect(tokens.first).to_have_attribute("aria-pressed", "true")
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        expect(tokens.nth(place)).to_have_attribute("aria-pressed", "true")
        expect(chosen).to_have_count(1)
        settle(page)
    page.keyboard.press("Space")
    expect(tokens.nth(3)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", include_hidden=True)).to_have_count(1)


# --- what moves --------------------------------------------------------------------------------------------------

WATCH_LINES = """key => {
  const place = `[data-testid=stElementContainer]:has(+ * .about-${key})`;
  const svg = () => document.querySelector(`${place} [data-testid=stVegaLiteChart] svg`);
  window.watched = { fewest: Infinity, frames: 0, other: 0 };
  window.watchLines = true;
  const first = svg();
  const look = () => {
    watched.frames += 1;
    watched.fewest = Math.min(watched.fewest, svg()?.querySelectorAll('line').length ?? 0);
    watched.other += svg() !== first;
    if (watchLines) requestAnimationFrame(look);
  };
  look();
}"""


def watch_lines(page: Page, key: str, do: Callable[[], None]) -> None:
    """Do something and demand that at every picture of the screen the figure is the same and has lines."""
    page.evaluate(WATCH_LINES, key)
    do()
    settle(page)
    page.evaluate(STEADY)
    page.evaluate("watchLines = false")
    watched = page.evaluate("watched")
    assert watched["frames"] > 8
    assert watched["fewest"] > 0
    assert watched["other"] == 0


def test_another_head_or_token_never_empties_the_figure(page: Page, server: str) -> None:
    arrive(page, server, STAGES["head grid"], layer="3", head="5")
    title = page.locator("h2").nth(1)

    def click_last_head() -> None:
        drawing(page, "grid").locator(".mark-rect.role-mark path").last.click(force=True)
        expect(title).to_contain_text("L11H11")

    def click_word() -> None:
        drawing(page, "query_lines").get_by_text("ship", exact=True).last.click(force=True)
        expect(page.get_by_role("combobox", name="Query token")).to_have_value(re.compile("ship"))

    watch_lines(page, "query_lines", click_last_head)
    watch_lines(page, "query_lines", click_word)

    arrive(page, server, STAGES["generate"])
    tokens = page.get_by_role("group", name="Generated tokens").get_by_role("button")

    def click_token() -> None:
        tokens.nth(1).click()
        expect(tokens.nth(1)).to_have_attribute("aria-pressed", "true")

    watch_lines(page, "row_chart", click_token)


def test_lines_fade_except_for_those_who_want_no_motion(page: Page, server: str) -> None:
    duration = "parseFloat(getComputedStyle(document.querySelector('.mark-rule line')).transitionDuration)"
    arrive(page, server, STAGES["head view"])
    assert page.evaluate(duration) > 0.1
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(duration) <= 0.001
