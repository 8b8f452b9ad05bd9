"""Figures saved as pages, in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from attn_core import charts
from attn_core.charts import export, rendering
from attn_core.charts.export import Caption
from tests.support.figures import CAPTION, figures_of_kinds, make_prediction, make_trace

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made in this process, without the wait for one of their own."""
    monkeypatch.setattr(rendering, "_in_child", lambda task: rendering._do(json.loads(json.dumps(task))))


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[[bytes], Page]]:
    """Opens an HTML file with the network cut; whatever it runs, asks for or complains of fails the test."""
    context = browser.new_context(offline=True)
    complaints: list[str] = []

    def stop(dialog: Dialog) -> None:
        complaints.append(f"ran {dialog.message}")
        dialog.dismiss()

    def opening(file: bytes) -> Page:
        path = tmp_path / "figure.html"
        path.write_bytes(file)
        page = context.new_page()
        page.on("dialog", stop)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"asked for {request.url}"))
        page.goto(path.as_uri())
        expect(page.locator("svg.marks")).to_be_visible()
        return page

    yield opening
    context.close()
    assert complaints == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("kind", "mark", "told"),
    [
        ("lines", ".mark-rect path", "w1"),
        ("grid", ".mark-rect.role-mark path", "L0H"),
        ("next words", ".mark-rect path", "cat"),
    ],
)
def test_a_page_draws_itself_without_network_and_answers_the_pointer(
    kind: str, mark: str, told: str, opened: Callable[[bytes], Page], at_once: None
) -> None:
    figure, word = figures_of_kinds("dark")[kind]
    page = opened(export.to_html(figure, CAPTION, "dark"))
    expect(page.locator("svg.marks").get_by_text(word, exact=True).first).to_be_visible()
    expect(page.locator("figcaption")).to_have_text(CAPTION.line)
    assert page.title() == CAPTION.line
    page.locator(f"svg.marks {mark}").nth(1).hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_contain_text(told)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["lines", "row", "matrix", "next words", "layers", "pair", "names"])
def test_words_are_whole_while_the_browser_has_only_a_wider_font(
    kind: str, opened: Callable[[bytes], Page], at_once: None
) -> None:
    figure, word = figures_of_kinds()[kind]
    written = export.to_html(figure, CAPTION, "light").replace(b"@font-face", b"@font-palette-values")
    page = opened(written.replace(b"Source Sans Pro, sans-serif", b"DejaVu Sans, sans-serif"))
    expect(page.locator("svg.marks").get_by_text(word, exact=True).first).to_be_visible()
    expect(page.locator("svg.marks").get_by_text("…")).to_have_count(0)


@pytest.mark.browser
def test_pointing_at_a_word_of_a_saved_page_shows_its_lines_and_their_numbers(
    opened: Callable[[bytes], Page], at_once: None
) -> None:
    trace = make_trace("w0", " w1", " w2")
    page = opened(export.to_html(charts.attention_lines(trace, 1, 2), CAPTION, "light"))
    number = page.locator("svg.marks text").get_by_text(f"{trace.head(1, 2)[1, 1]:.2f}")
    expect(number.first).to_have_attribute("opacity", "0")
    page.locator("svg.marks .mark-rect path").nth(1).hover(force=True)
    expect(number.first).to_have_attribute("opacity", "1")


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["lines", "matrix", "next words", "map"])
def test_a_hostile_prompt_is_text_in_a_page(kind: str, opened: Callable[[bytes], Page], at_once: None) -> None:
    tokens = (HOSTILE, '"><svg onload=alert(2)>', "]]><!--<script>alert(3)</script>")
    figure = {
        **figures_of_kinds("light", *tokens),
        "next words": (charts.probability_bars(make_prediction(*tokens)), ""),
        "map": (charts.head_map(np.ones((2, 3)), title=HOSTILE), ""),
    }[kind][0]
    page = opened(export.to_html(figure, Caption(HOSTILE, HOSTILE, tokens, (HOSTILE,)), "light"))
    expect(page.locator("figcaption")).to_contain_text(HOSTILE)
    page.locator("svg.marks .role-mark path").nth(1).hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_be_visible()
    assert page.locator("body img, svg[onload]").count() == 0
    assert page.locator("script").count() == 2
