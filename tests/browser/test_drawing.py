"""Figures on a page, in a browser: as large as their panel, and the same picture from click to click.

Streamlit runs this file as the page that the tests open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import streamlit as st
from playwright.sync_api import Locator, Page, expect

from attn_core import AttentionTrace, NameProbe, Prediction, charts
from attn_core.charts import Figure
from attn_core.ui.drawing import draw
from tests.support.serving import ROOT, serving
from tests.support.traces import random_trace
from tests.support.visiting import settle

pytestmark = pytest.mark.browser

WORDS = (
    *("The", " dog", " on", " the", " ship", " ran", " off", " extraordinarily"),
    *(" far", ",", " and", " then", ".", "日本語", "W", "iiii"),
)
MARKS = {1: "changed", 4: "only here"}
LABELS = ["null", "other", "induction"]
SIZES = ((400, 600), (1024, 600), (1280, 720), (1920, 1080), (2560, 1440))
KINDS = ("lines", "heads", "row", "grid", "ranked", "map", "matrix", "bars", "layers", "pairs", "names")

# A page of one or three figures, in panels that are as wide and as high as the window or as a number says.
STYLE = """<style>
[data-testid=stMainBlockContainer] {{ padding: 3.5rem 1rem 0 !important; }}
[data-testid=stLayoutWrapper]:has(> [class*=st-key-panel_]) {{
  flex: 0 0 auto !important; width: {width} !important; height: {height} !important;
}}
</style>"""


def words_of(n_tokens: int) -> tuple[str, ...]:
    return tuple(WORDS[position % len(WORDS)] for position in range(n_tokens))


def trace_of(head: tuple[int, int], n_tokens: int) -> AttentionTrace:
    layers, heads = map(int, st.query_params.get("shape", "12x12").split("x"))
    return AttentionTrace(words_of(n_tokens), random_trace(layers, heads, n_tokens, seed=sum(head)).attention)


def prediction(*tokens: str) -> Prediction:
    probabilities = np.geomspace(0.6, 0.0005, len(tokens)).astype(np.float32)
    return Prediction(tokens, probabilities, tuple(range(len(tokens))))


def probe() -> NameProbe:
    numbers = np.random.default_rng(0).random((12, 3)) / 10
    groups, names = ("Cats",) * 6 + ("Dogs",) * 6, tuple("ABCDEFGHIJKL")
    return NameProbe("{name} is a", ("cook", "poet", "engineer"), names, groups, np.ones(12, int), numbers, "mini")


def figure_of(kind: str, head: tuple[int, int], query: int, n_tokens: int) -> Figure:
    trace = trace_of(head, n_tokens)
    head = min(head[0], trace.n_layers - 1), min(head[1], trace.n_heads - 1)
    theme: Any = "dark" if st.context.theme.type == "dark" else "light"
    next_words = prediction(*words_of(10))
    values = trace.attention[:, :, -1, 0].astype(float) - 0.2
    labels = (LABELS * trace.n_layers * trace.n_heads)[: trace.n_layers * trace.n_heads]
    draws: dict[str, Callable[..., Figure]] = {
        "lines": partial(charts.attention_lines, trace, *head, query=query, marks=MARKS),
        "heads": partial(charts.attention_lines, trace, *head, query=query, more_heads=[(0, 0), (3, 5)]),
        "row": partial(charts.row_lines, trace.tokens, trace.head(*head)[-1], name="L0H0"),
        "grid": partial(charts.head_grid, trace, selected=head, labels=labels),
        "ranked": partial(charts.head_grid, trace, selected=head, heads=[(0, 3), (11, 11), head], ranked=True),
        "map": partial(charts.head_map, values, selected=head, title=f"weight from {query}"),
        "matrix": partial(charts.attention_heatmap, trace, *head, query=query),
        "bars": partial(charts.probability_bars, next_words, chosen=query),
        "layers": partial(charts.lens_bars, [next_words] * 13, 3, np.linspace(0, 1, 13).tolist()),
        "pairs": partial(charts.paired_probabilities, next_words, prediction(" dog", " cat")),
        "names": partial(charts.name_probabilities, probe()),
    }
    return draws[kind](theme=theme)


def show_page() -> None:
    """Show the figures that the link asks for, with buttons that change what they show."""
    link, state = st.query_params, st.session_state
    for name, value in {"head": (4, 3), "query": 5, "n_tokens": int(link.get("n", 8)), "clicks": 0}.items():
        state.setdefault(name, value)
    state.presenting = "room" in link
    st.html(STYLE.format(width=link.get("width", "100%"), height=link.get("height", "60vh")))

    def clicked(fields: dict[str, int]) -> None:
        state.clicks += 1
        state.query = fields.get("query", state.query)
        state.head = (fields.get("layer", state.head[0]), fields.get("head", state.head[1]))

    def change(**values: Any) -> None:
        state.update(values)

    layer, head = state.head
    st.button("Another head", on_click=change, kwargs={"head": (layer, head + 1)})
    st.button("One more token", on_click=change, kwargs={"n_tokens": state.n_tokens + 1, "query": state.n_tokens})
    st.text(f"{state.clicks} clicks, L{layer}H{head}, query {state.query}")
    selections = {"lines": "query", "heads": "query", "grid": "head", "ranked": "head", "map": "head"}
    for kind in link["kinds"].split(","):
        with st.container(height=400, border=False, key=f"panel_{kind}"):
            draw(
                figure_of(kind, state.head, state.query, state.n_tokens),
                key=kind,
                on_click=clicked if kind in selections else None,
                selection=selections.get(kind),
                min_height=int(link["least"]) if "least" in link else None,
            )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving("tests/browser/test_drawing.py", PYTHONPATH=str(ROOT)) as running:
        yield running.address


def visit(page: Page, address: str) -> None:
    page.goto(address)
    settle(page)
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg.marks").first).to_be_visible()


def lines_of(page: Page) -> list[list[str]]:
    """Where the lines end that can be seen, and how thick they are."""
    shown = page.locator(".st-key-lines .mark-rule line:not([opacity='0'])")
    return shown.evaluate_all(
        "lines => lines.map(line => ['transform', 'x2', 'y2', 'stroke-width'].map(name => line.getAttribute(name)))"
    )


def test_another_head_token_or_text_moves_the_lines_of_the_same_picture(page: Page, server: str) -> None:
    visit(page, f"{server}?kinds=lines,grid,map,bars,matrix")
    pictures = page.get_by_test_id("stVegaLiteChart").locator("svg.marks")
    expect(pictures).to_have_count(5)
    pictures.evaluate_all("all => all.forEach((picture, index) => { picture.mine = index; })")
    changes: list[tuple[Callable[[], None], str]] = [
        (lambda: page.get_by_text("Another head").click(), "L4H4, query 5"),
        (lambda: words(page, "lines").nth(2).click(force=True), "L4H4, query 2"),
        (lambda: page.get_by_text("One more token").click(), "L4H4, query 8"),
    ]
    for change, told in changes:
        before = lines_of(page)
        change()
        expect(page.get_by_text(told)).to_be_visible()
        settle(page)
        page.wait_for_function("before => JSON.stringify(before) !== JSON.stringify(" + LINES + ")", arg=before)
        assert pictures.evaluate_all("all => all.map(picture => picture.mine)") == [0, 1, 2, 3, 4]


LINES = """[...document.querySelectorAll(".st-key-lines .mark-rule line:not([opacity='0'])")].map(
  line => ['transform', 'x2', 'y2', 'stroke-width'].map(name => line.getAttribute(name)))"""


def words(page: Page, kind: str) -> Locator:
    """What answers a click in a figure."""
    return page.locator(f".st-key-{kind} svg.marks .mark-rect path")


TURN = """([kind, turn]) => [...document.querySelectorAll(`.st-key-${kind} svg.marks .mark-rect path`)].some(
  path => path.__data__?.datum?.turn === turn)"""


PICTURE = "kind => document.querySelector(`.st-key-${kind} svg.marks`)?.innerHTML"


@pytest.mark.parametrize(("kind", "first", "other"), [("lines", 3, 1), ("grid", 17, 40), ("map", 30, 2)])
def test_a_click_on_what_was_clicked_before_is_delivered_again(
    page: Page, server: str, kind: str, first: int, other: int
) -> None:
    visit(page, f"{server}?kinds={kind}")
    places = words(page, kind)
    for clicks, place in enumerate((first, first, other, first), 1):
        places.nth(place).click(force=True)
        expect(page.get_by_text(f"{clicks} clicks")).to_be_visible()
        # Until the answer is drawn, a click on the same thing is the same click.
        page.wait_for_function(TURN, arg=[kind, clicks])
    before = page.evaluate(PICTURE, kind)
    page.get_by_text("Another head").click()
    page.wait_for_function(f"([kind, before]) => ({PICTURE})(kind) !== before", arg=[kind, before])
    settle(page)
    places.nth(first).click(force=True)
    expect(page.get_by_text("5 clicks")).to_be_visible()


# What is wrong with the figures that the page shows, in words.
PROBLEMS = """
([letters]) => {
  const problems = [];
  const round = box => [box.left, box.top, box.right, box.bottom].map(Math.round).join(" ");
  for (const panel of document.querySelectorAll("[class*=st-key-panel_]")) {
    const name = panel.className.match(/st-key-panel_(\\w+)/)[1];
    const room = panel.getBoundingClientRect();
    const picture = panel.querySelector("svg.marks");
    if (!picture) { problems.push(`${name}: no picture`); continue; }
    const whole = picture.getBoundingClientRect();
    if (Math.abs(whole.width - room.width) > 3 || Math.abs(whole.height - room.height) > 3)
      problems.push(`${name}: ${round(whole)} does not fill ${round(room)}`);
    const boxes = [];
    for (const text of picture.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (!text.textContent || text.getAttribute("opacity") === "0" || !box.width) continue;
      if (parseFloat(text.getAttribute("font-size")) < letters - 0.05)
        problems.push(`${name}: “${text.textContent}” has ${text.getAttribute("font-size")}`);
      if (box.left < room.left - 1 || box.right > room.right + 1)
        problems.push(`${name}: “${text.textContent}” ${round(box)} sticks out of ${round(room)}`);
      const leading = box.height * 0.22;
      if (box.top + leading < room.top - 1 || box.bottom - leading > room.bottom + 1)
        problems.push(`${name}: “${text.textContent}” ${round(box)} sticks out of ${round(room)}`);
      if (text.getAttribute("transform").includes("rotate")) continue;
      boxes.push([text.textContent, box.left, box.top + leading, box.right, box.bottom - leading]);
    }
    boxes.forEach(([one, left, top, right, bottom], index) => {
      for (const [other, left2, top2, right2, bottom2] of boxes.slice(index + 1))
        if (left < right2 && left2 < right && top < bottom2 && top2 < bottom)
          problems.push(`${name}: “${one}” over “${other}”`);
    });
    for (const mark of picture.querySelectorAll(".mark-rect path, .mark-image image, .mark-rule line")) {
      const box = mark.getBoundingClientRect();
      if (mark.getAttribute("opacity") === "0") continue;
      if (box.left < room.left - 1 || box.right > room.right + 1 ||
          box.top < room.top - 1 || box.bottom > room.bottom + 1)
        problems.push(`${name}: ${mark.tagName} ${round(box)} sticks out of ${round(room)}`);
    }
    for (const square of picture.querySelectorAll(".mark-image image")) {
      const box = square.getBoundingClientRect();
      if (Math.abs(box.width - box.height) > 1) problems.push(`${name}: ${round(box)} is not square`);
    }
  }
  return problems;
}"""


def assert_fits(page: Page, *, letters: float = 0) -> None:
    """Wait until the figures of the page are as they should be."""
    try:
        page.wait_for_function(f"letters => !({PROBLEMS})(letters).length", arg=[letters], timeout=10_000)
    except Exception:
        problems = page.evaluate(PROBLEMS, [letters])
        raise AssertionError(
            f"{page.viewport_size}: {len(problems)} problems\n" + "\n".join(problems[:40])
        ) from None


@pytest.mark.parametrize(("width", "height"), [("100%25", "60vh"), ("230px", "70vh")])
def test_figures_fill_their_panels_and_nothing_collides(page: Page, server: str, width: str, height: str) -> None:
    visit(page, f"{server}?kinds={','.join(KINDS)}&n=16&width={width}&height={height}")
    for window_width, window_height in SIZES:
        page.set_viewport_size({"width": window_width, "height": window_height})
        assert_fits(page)


@pytest.mark.parametrize(("n_layers", "n_heads"), [(30, 9), (24, 16), (1, 1)])
def test_grids_of_any_shape_fit_and_answer_a_click(page: Page, server: str, n_layers: int, n_heads: int) -> None:
    visit(page, f"{server}?kinds=grid,map&shape={n_layers}x{n_heads}")
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
    words(page, "grid").last.click(force=True)
    expect(page.get_by_text(f"1 clicks, L{n_layers - 1}H{n_heads - 1}")).to_be_visible()


def test_the_last_row_of_a_room_can_read_the_smallest_letters(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    visit(page, f"{server}?kinds={','.join(KINDS)}&room=1&n=8&width=700px&height=800px")
    assert_fits(page, letters=20)


def test_a_figure_too_high_for_its_panel_scrolls_inside_it(page: Page, server: str) -> None:
    visit(page, f"{server}?kinds=lines&n=40&height=300px&least=600")
    expect(page.locator(".st-key-panel_lines svg.marks")).to_have_attribute("height", "600")


def test_the_picture_has_a_name_and_its_finding_is_on_the_page(page: Page, server: str) -> None:
    visit(page, f"{server}?kinds=lines,grid")
    pictures = page.locator("[role=graphics-document]")
    expect(pictures).to_have_count(2)
    names = pictures.evaluate_all("all => all.map(picture => picture.getAttribute('aria-label'))")
    assert names[0].startswith("Lines from each query token")
    assert names[1].startswith("Grid of attention thumbnails")
    for said in ("Lines of layer 4, head 3.", "Selected: layer 4, head 3."):
        expect(page.locator(".figure-description", has_text=said)).to_have_count(1)


if __name__ == "__main__":
    show_page()
