"""Figures as files."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attn_core import charts
from attn_core.analysis.tables import csv_without_formulas, grid_table, summed_table
from attn_core.charts import export, rendering
from attn_core.charts.export import Caption
from attn_core.charts.style import Theme
from attn_core.charts.text_metrics import LINE, text_width, wrap_text
from attn_core.errors import RenderingFailed
from tests.support.figures import CAPTION, KINDS, figures_of_kinds, make_trace
from tests.support.serving import ROOT
from tests.support.traces import random_trace

HOSTILE = "</script><img src=x onerror=alert(1)>"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made in this process, without the wait for one of their own."""
    monkeypatch.setattr(rendering, "_in_child", lambda task: rendering._do(json.loads(json.dumps(task))))


def words_of(svg: bytes) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_svg_holds_the_figure_and_its_caption_as_text(kind: str, at_once: None) -> None:
    figure, word = figures_of_kinds()[kind]
    svg = export.to_svg(figure, CAPTION, "light")
    root = ElementTree.fromstring(svg)
    assert word in words_of(svg)
    assert CAPTION.line in " ".join(words_of(svg))
    assert root.findtext(f"{SVG}title") == CAPTION.line
    assert b"currentColor" not in svg


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "theme"), [("lines", "light"), ("grid", "dark"), ("names", "dark")])
def test_a_png_is_twice_as_large_on_the_pages_background_and_not_blank(
    kind: str, theme: Theme, at_once: None
) -> None:
    figure, _ = figures_of_kinds(theme)[kind]
    size = ElementTree.fromstring(export.to_svg(figure, CAPTION, theme)).attrib
    image = Image.open(io.BytesIO(export.to_png(figure, CAPTION, theme))).convert("RGB")
    assert image.size == (2 * int(size["width"]), 2 * int(size["height"]))
    background = export.PAGES[theme].background
    colors = image.getcolors(image.width * image.height) or []
    assert "#{:02x}{:02x}{:02x}".format(*map(int, np.asarray(image)[0, 0])) == background
    assert sum(count for count, _ in colors) - max(colors)[0] > 0.01 * image.width * image.height
    caption = np.asarray(image)[-2 * (LINE + rendering.MARGIN) :]
    assert (caption != caption[0, 0]).any()


@pytest.mark.slow
def test_a_grid_keeps_the_picture_of_every_head_in_all_files(at_once: None) -> None:
    figure, _ = figures_of_kinds()["grid"]
    assert len(list(ElementTree.fromstring(export.to_svg(figure, CAPTION, "light")).iter(f"{SVG}image"))) == 6
    assert export.to_html(figure, CAPTION, "light").count(b"data:image/png") == 6
    image = Image.open(io.BytesIO(export.to_png(figure, CAPTION, "light"))).convert("RGB")
    darkest = (0, 0x34, 0x71)  # of the scale that the pictures are painted in
    assert darkest in [color for _, color in image.getcolors(image.width * image.height) or []]


@pytest.mark.slow
def test_a_very_large_figure_becomes_a_png_of_a_bounded_size(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_PIXELS", 100_000)
    image = Image.open(io.BytesIO(export.to_png(figures_of_kinds()["grid"][0], CAPTION, "light")))
    assert 90_000 < image.width * image.height < 110_000


@pytest.mark.parametrize(
    "text", [HOSTILE, "a\x00\x07\x1b\ud800b", "\n\r\t ", "", "שלום \u202e עולם", "{{7*7}} &amp;"]
)
def test_an_svg_of_any_prompt_is_xml_with_no_other_elements(text: str, at_once: None) -> None:
    figure, _ = figures_of_kinds("light", text or " ", text + "x", " y")["lines"]
    svg = export.to_svg(figure, Caption("all heads", text, (text,)), "light")
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "line", "text", "tspan"}


def test_long_prompts_of_any_script_are_cut_and_stay_within_the_figure() -> None:
    for text in ("word " * 900, "日本語の長い文章です。" * 90, "🙂👩‍🚀" * 300, "supercalifragilistic" * 90):
        line = Caption("all heads", "some model", (text,)).line
        assert len(line) < 400
        lines = wrap_text(line, 400)
        assert "".join("".join(lines).split()) == "".join(line.split())
        assert len(lines) < 20
        assert all(text_width(row) <= 400 for row in lines)


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
    table = export.to_frame(figures_of_kinds()[kind][0])
    assert len(table)
    assert not any("_" in name for name in table.columns)


def test_the_table_of_a_map_has_a_number_for_every_head() -> None:
    values = np.arange(6.0).reshape(2, 3)
    table = export.to_frame(charts.head_map(values, title="moved"))
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
    assert "'=1+1" in csv_without_formulas(grid_table(make_trace("=1+1", " b", " c"), ["other"] * 6))


def test_the_table_of_several_queries_begins_with_the_key_they_attend_to_most() -> None:
    trace = make_trace("a", " b", " c", " d", " e")
    table = summed_table(trace, 1, 2, [2, 4])
    assert table["sum"].is_monotonic_decreasing
    np.testing.assert_allclose(table["sum"], trace.head(1, 2)[[2, 4]].sum(axis=0)[table["key"]])
    np.testing.assert_array_equal(table["from e (4)"], trace.head(1, 2)[4, table["key"]])


@pytest.mark.slow
def test_a_child_process_makes_the_same_file_and_keeps_nothing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a server may be started anywhere
    figure, word = figures_of_kinds()["lines"]
    assert word in words_of(export.to_svg(figure, CAPTION, "light"))


@pytest.mark.parametrize("limit", [60, 1e-3], ids=["not a chart", "out of time"])
def test_a_file_that_cannot_be_made_ends_in_one_sentence(limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "TIME_LIMIT", limit)
    nonsense: dict[str, Any] = {"mark": "no such mark", "data": {"values": [{}]}}
    with pytest.raises(RenderingFailed, match=r"could not be made\. Try again"):
        rendering.render(nonsense, rendering.Sheet((), 320, "", "#ffffff", "#000000"), "svg")
