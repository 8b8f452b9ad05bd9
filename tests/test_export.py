"""Figures as files."""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Page, expect

from attn_core import AttentionTrace, Prediction, charts, export, rendering
from attn_core.charts.style import Theme
from attn_core.export import Caption, Drawing
from attn_core.lettering import LINE, width, wrapped
from attn_core.names import NameProbe
from attn_core.rendering import RenderingFailed
from attn_core.tables import grid_table, inert_csv
from tests.conftest import random_trace
from tests.serving import ROOT

HOSTILE = "</script><img src=x onerror=alert(1)>"
CAPTION = Caption("layer 1 head 2", "some model", ("w0 w1 & <w2>",), ("first word hidden",))
SVG = "{http://www.w3.org/2000/svg}"


def prediction(*tokens: str) -> Prediction:
    parts = np.arange(len(tokens), 0, -1, dtype=np.float32)
    return Prediction(tokens, parts / parts.sum(), tuple(range(len(tokens))))


def trace_of(*tokens: str) -> AttentionTrace:
    return AttentionTrace(tokens, random_trace(2, 3, len(tokens)).attention)


def names() -> NameProbe:
    numbers = np.linspace(0.1, 0.4, 4).reshape(2, 2)
    return NameProbe(
        "{name} is", ("good", "tall"), ("Ann", "Bob"), ("one", "two"), np.array([1, 2]), numbers, "some model"
    )


def kinds(theme: Theme = "light", *tokens: str) -> dict[str, tuple[Drawing, str]]:
    """A figure of each kind, and a text that it shows."""
    trace = trace_of(*(tokens or ("w0", " w1", " w2")))
    values = trace.attention[:, :, 2, 1].astype(float)
    next_words = prediction(" dog", " cat")
    row = np.array([0.5, 0.3, 0.2])
    return {
        "lines": (charts.lines_figure(trace, 1, 2, query=2), "w2"),
        "heads": (charts.lines_figure(trace, 1, 2, more_heads=[(0, 0)]), "L0H0"),
        "row": (charts.row_figure(trace.tokens, row, name="L1H2"), "w2"),
        "grid": (charts.grid_figure(trace, labels=["null", "other", "induction"] * 2, theme=theme), "induction"),
        "matrix": (charts.attention_heatmap(trace, 1, 2, theme=theme), "w1"),
        "map": (charts.map_figure(values, title="direct effect (logits)", theme=theme), "direct effect (logits)"),
        "next words": (charts.probability_bars(next_words), "cat"),
        "layers": (charts.lens_bars([next_words, next_words], 0, [0.1, 0.2]), "after L0"),
        "pair": (charts.paired_probabilities(next_words, prediction(" cat", " cow")), "cow"),
        "names": (charts.name_probabilities(names()), "tall"),
    }


KINDS = tuple(kinds())


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


def words_of(svg: bytes) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_svg_holds_the_figure_and_its_caption_as_text(kind: str, at_once: None) -> None:
    figure, word = kinds()[kind]
    svg = export.svg(figure, CAPTION, "light")
    root = ElementTree.fromstring(svg)
    assert word in words_of(svg)
    assert CAPTION.line in " ".join(words_of(svg))
    assert root.findtext(f"{SVG}title") == CAPTION.line
    assert b"currentColor" not in svg


@pytest.mark.parametrize(("kind", "theme"), [("lines", "light"), ("grid", "dark"), ("names", "dark")])
def test_a_png_is_twice_as_large_on_the_pages_background_and_not_blank(
    kind: str, theme: Theme, at_once: None
) -> None:
    figure, _ = kinds(theme)[kind]
    size = ElementTree.fromstring(export.svg(figure, CAPTION, theme)).attrib
    image = Image.open(io.BytesIO(export.png(figure, CAPTION, theme))).convert("RGB")
    assert image.size == (2 * int(size["width"]), 2 * int(size["height"]))
    background = export.PAGES[theme].background
    colors = image.getcolors(image.width * image.height) or []
    assert "#{:02x}{:02x}{:02x}".format(*map(int, np.asarray(image)[0, 0])) == background
    assert sum(count for count, _ in colors) - max(colors)[0] > 0.01 * image.width * image.height
    caption = np.asarray(image)[-2 * (LINE + rendering.MARGIN) :]
    assert (caption != caption[0, 0]).any()


def test_a_grid_keeps_the_picture_of_every_head_in_all_files(at_once: None) -> None:
    figure, _ = kinds()["grid"]
    assert len(list(ElementTree.fromstring(export.svg(figure, CAPTION, "light")).iter(f"{SVG}image"))) == 6
    assert export.html(figure, CAPTION, "light").count(b"data:image/png") == 6
    image = Image.open(io.BytesIO(export.png(figure, CAPTION, "light"))).convert("RGB")
    darkest = (0, 0x34, 0x71)  # of the scale that the pictures are painted in
    assert darkest in [color for _, color in image.getcolors(image.width * image.height) or []]


def test_a_very_large_figure_becomes_a_png_of_a_bounded_size(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_PIXELS", 100_000)
    image = Image.open(io.BytesIO(export.png(kinds()["grid"][0], CAPTION, "light")))
    assert 90_000 < image.width * image.height < 110_000


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
    figure, word = kinds("dark")[kind]
    page = opened(export.html(figure, CAPTION, "dark"))
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
    figure, word = kinds()[kind]
    written = export.html(figure, CAPTION, "light").replace(b"@font-face", b"@font-palette-values")
    page = opened(written.replace(b"Source Sans Pro, sans-serif", b"DejaVu Sans, sans-serif"))
    expect(page.locator("svg.marks").get_by_text(word, exact=True).first).to_be_visible()
    expect(page.locator("svg.marks").get_by_text("…")).to_have_count(0)


@pytest.mark.browser
def test_pointing_at_a_word_of_a_saved_page_shows_its_lines_and_their_numbers(
    opened: Callable[[bytes], Page], at_once: None
) -> None:
    trace = trace_of("w0", " w1", " w2")
    page = opened(export.html(charts.lines_figure(trace, 1, 2), CAPTION, "light"))
    number = page.locator("svg.marks text").get_by_text(f"{trace.head(1, 2)[1, 1]:.2f}")
    expect(number.first).to_have_attribute("opacity", "0")
    page.locator("svg.marks .mark-rect path").nth(1).hover(force=True)
    expect(number.first).to_have_attribute("opacity", "1")


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["lines", "matrix", "next words", "map"])
def test_a_hostile_prompt_is_text_in_a_page(kind: str, opened: Callable[[bytes], Page], at_once: None) -> None:
    tokens = (HOSTILE, '"><svg onload=alert(2)>', "]]><!--<script>alert(3)</script>")
    figure = {
        **kinds("light", *tokens),
        "next words": (charts.probability_bars(prediction(*tokens)), ""),
        "map": (charts.map_figure(np.ones((2, 3)), title=HOSTILE), ""),
    }[kind][0]
    page = opened(export.html(figure, Caption(HOSTILE, HOSTILE, tokens, (HOSTILE,)), "light"))
    expect(page.locator("figcaption")).to_contain_text(HOSTILE)
    page.locator("svg.marks .role-mark path").nth(1).hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_be_visible()
    assert page.locator("body img, svg[onload]").count() == 0
    assert page.locator("script").count() == 2


@pytest.mark.parametrize(
    "text", [HOSTILE, "a\x00\x07\x1b\ud800b", "\n\r\t ", "", "שלום \u202e עולם", "{{7*7}} &amp;"]
)
def test_an_svg_of_any_prompt_is_xml_with_no_other_elements(text: str, at_once: None) -> None:
    figure, _ = kinds("light", text or " ", text + "x", " y")["lines"]
    svg = export.svg(figure, Caption("all heads", text, (text,)), "light")
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "line", "text", "tspan"}


def test_long_prompts_of_any_script_are_cut_and_stay_within_the_figure() -> None:
    for text in ("word " * 900, "日本語の長い文章です。" * 90, "🙂👩‍🚀" * 300, "supercalifragilistic" * 90):
        line = Caption("all heads", "some model", (text,)).line
        assert len(line) < 400
        lines = wrapped(line, 400)
        assert "".join("".join(lines).split()) == "".join(line.split())
        assert len(lines) < 20
        assert all(width(row) <= 400 for row in lines)


def test_a_caption_tells_what_is_seen_and_names_the_file() -> None:
    caption = Caption("layer 4 head 3", "models/gpt2", ("The dog, on\nthe ship: ran",), ("first word hidden",))
    assert caption.line == "Layer 4 head 3 · models/gpt2 · “The dog, on the ship: ran” · first word hidden"
    assert caption.file_stem == "gpt2_layer4_head3_the_dog_on_the_ship_ran"
    for text in ("../../etc/passwd", "日本語", "a" * 500, 'a"\r\nb', ""):
        stem = Caption("all heads", "", (text,)).file_stem
        assert stem.startswith("all_heads")
        assert len(stem) <= 60
        assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_files_have_the_colours_of_the_dashboards_pages() -> None:
    themes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for theme, page in export.PAGES.items():
        assert (page.background, page.ink) == (themes[theme]["backgroundColor"], themes[theme]["textColor"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_a_figure_are_a_table(kind: str) -> None:
    table = export.numbers(kinds()[kind][0])
    assert len(table)
    assert not any("_" in name for name in table.columns)


def test_the_table_of_a_map_has_a_number_for_every_head() -> None:
    values = np.arange(6.0).reshape(2, 3)
    table = export.numbers(charts.map_figure(values, title="moved"))
    assert list(table.columns) == ["head", "moved"]
    assert table["head"].tolist() == ["L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2"]
    assert table["moved"].tolist() == values.ravel().tolist()


def test_the_table_of_a_grid_has_the_strongest_links_of_every_head() -> None:
    trace = random_trace(12, 12, 30)
    table = grid_table(trace, ["null"] * 144)
    assert len(table) <= 5000
    for layer, head in ((0, 0), (7, 11)):
        here = table[(table["layer"] == layer) & (table["head"] == head)]
        every = np.sort(trace.head(layer, head)[np.tril_indices(30)])[::-1]
        np.testing.assert_array_equal(here["attention"], every[: len(here)])
        np.testing.assert_array_equal(trace.head(layer, head)[here["query"], here["key"]], here["attention"])
    assert "'=1+1" in inert_csv(grid_table(trace_of("=1+1", " b", " c"), ["other"] * 6))


def test_a_child_process_makes_the_same_file_and_keeps_nothing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a server may be started anywhere
    figure, word = kinds()["lines"]
    assert word in words_of(export.svg(figure, CAPTION, "light"))


@pytest.mark.parametrize("limit", [60, 1e-3], ids=["not a chart", "out of time"])
def test_a_file_that_cannot_be_made_ends_in_one_sentence(limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "TIME_LIMIT", limit)
    nonsense: dict[str, Any] = {"mark": "no such mark", "data": {"values": [{}]}}
    with pytest.raises(RenderingFailed, match=r"could not be made\. Try again"):
        rendering.render(nonsense, rendering.Sheet((), 320, "", "#ffffff", "#000000"), "svg")
