"""Save charts as files: PNG, SVG, and an interactive HTML page that needs no network."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from attn_core.charts import Figure
from attn_core.charts.rendering import MARGIN, Sheet, render, vega_script
from attn_core.charts.style import INK, Theme
from attn_core.charts.text_metrics import FONT, FONT_FILE, wrap_text
from attn_core.tokens import token_label

Drawing = alt.LayerChart | Figure

SCALE = 2  # pixels of a PNG for each pixel of the chart
MAX_PIXELS = 8e6  # of a PNG; each takes four bytes of memory
MIN_CAPTION = 320  # pixels of width, so that a small chart does not get a tall, narrow caption
FIRST, LAST = 220, 100  # characters kept from the start and end of a long prompt
MAX_STEM = 60  # characters of a file's name


@dataclass(frozen=True)
class Page:
    """The colors of a page, as in `.streamlit/config.toml`, and the colors that Streamlit gives to its charts."""

    background: str
    ink: str
    faint: str
    grid: str


PAGES: dict[Theme, Page] = {
    "light": Page("#ffffff", "#101722", "#808495", "#e6eaf1"),
    "dark": Page("#0e1117", "#eef2f8", "#e6eaf1", "#31333f"),
}


@dataclass(frozen=True)
class Caption:
    """The caption of a figure.

    Attributes:
        what: the subject: "L4H3".
        model: the model's name; empty if unknown.
        texts: the prompt, or both prompts of a comparison; long ones are shortened.
        notes: the view options: "word pieces joined".
    """

    what: str
    model: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The caption as one line of plain text without invisible characters."""
        texts = (f"“{_shorten(_visible(text))}”" for text in self.texts)
        what = self.what[:1].upper() + self.what[1:]
        return " · ".join(filter(None, (what, _visible(self.model), *texts, *self.notes)))

    @property
    def file_stem(self) -> str:
        """A file name without extension: at most 60 ASCII letters, digits and underscores."""
        what = re.sub(r"\b(layer|head) (\d)", r"\1\2", self.what)
        parts = (Path(self.model).name, what, *self.texts)
        stem = "_".join(filter(None, map(_slug, parts)))
        return stem if len(stem) <= MAX_STEM else stem[:MAX_STEM].rpartition("_")[0] or stem[:MAX_STEM]


def to_png(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """Return a PNG of the chart in a page's theme, above its caption, at twice its size (a very tall chart less).

    Raises:
        RenderingFailed: the chart cannot be drawn, or not in time.
    """
    specification = _specification(drawing, theme)
    sheet = _sheet(specification, caption, theme)
    return render(specification, sheet, "png", scale=SCALE, max_pixels=MAX_PIXELS)


def to_svg(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """Return the chart above its caption as an SVG in UTF-8; text stays text, in Source Sans where it is installed.

    Raises:
        RenderingFailed: the chart cannot be drawn, or not in time.
    """
    specification = _specification(drawing, theme)
    return render(specification, _sheet(specification, caption, theme), "svg")


def to_html(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """Return the chart above its caption as an HTML page in UTF-8, with tooltips and without a network; about 1.2 MB.

    Raises:
        RenderingFailed: the script with Vega cannot be made.
    """
    page = PAGES[theme]
    caption_html = escape(caption.line)
    # No prompt can end the script element that contains it.
    specification = json.dumps(_specification(drawing, theme)).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{caption_html}</title>
<style>
@font-face {{ font-family: "Source Sans Pro"; src: url(data:font/otf;base64,{_font_base64()}) }}
body {{ margin: {MARGIN}px; background: {page.background}; color: {page.ink}; font-family: {FONT} }}
figure {{ margin: 0; overflow-x: auto }}
figcaption {{ margin-top: {MARGIN}px; max-width: 720px; line-height: 1.4; overflow-wrap: anywhere }}
</style>
</head>
<body>
<figure><div id="chart"></div><figcaption>{caption_html}</figcaption></figure>
<script type="application/json" id="specification" data-theme="{theme}">{specification}</script>
<script type="module">{vega_script(_SNIPPET)}</script>
</body>
</html>
""".encode()


_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_SNIPPET = """
const element = document.getElementById("specification");
const options = { renderer: "svg", actions: false, ast: true, tooltip: { theme: element.dataset.theme } };
const draw = () => vegaEmbed("#chart", JSON.parse(element.textContent), options);
// Vega measures words before it places them.
document.fonts.load('16px "Source Sans Pro"').then(draw, draw);
"""


def to_frame(drawing: Drawing) -> pd.DataFrame:
    """Return the contents of a chart's tooltips as a table, with their titles and a row for each mark."""
    specification = drawing.to_dict()
    layer = next(layer for layer in specification["layer"] if isinstance(layer["encoding"].get("tooltip"), list))
    table = specification["datasets"][layer.get("data", specification.get("data"))["name"]]
    names = {
        field["field"].removesuffix("_text"): field.get("title", field["field"])
        for field in layer["encoding"]["tooltip"]
    }
    return pd.DataFrame(table)[list(names)].rename(columns=names)


def _specification(drawing: Drawing, theme: Theme) -> dict[str, Any]:
    """Return the chart in Vega-Lite, in the look that Streamlit gives it, with its data as lists."""
    specification = drawing.to_dict()
    tables, specification["datasets"] = specification["datasets"], {}
    page = PAGES[theme]
    specification["config"] = _merge(_streamlit_config(page), specification.get("config", {}))
    # Outside of a page, programs do not know the text color of the page.
    colored: dict[str, Any] = json.loads(json.dumps(specification).replace(json.dumps(INK), json.dumps(page.ink)))
    return colored | {"datasets": tables}


def _streamlit_config(page: Page) -> dict[str, Any]:
    """Return the configuration of Vega-Lite that Streamlit's theme applies."""
    label = {"labelFontWeight": 400, "labelColor": page.faint}
    title = {"titleFontWeight": 400, "titleFontStyle": "normal", "titleColor": page.faint, "titleFontSize": 14}
    return {
        "font": FONT,
        "background": page.background,
        "fieldTitle": "verbal",
        "autosize": {"type": "fit", "contains": "padding"},
        "axis": {**label, **title, **_AXIS, "gridColor": page.grid},
        "legend": {**label, **title, **_LEGEND},
        "view": {"strokeWidth": 0, "stroke": "transparent"},
        "mark": {"tooltip": {"content": "encoding"}},
        "bar": {"binSpacing": 4, "discreteBandSize": {"band": 0.85}},
        "axisDiscrete": {"grid": False},
        "axisXPoint": {"grid": False},
        "axisXBand": {"grid": False},
    }


_AXIS = {
    "labelFontSize": 12,
    "ticks": False,
    "domain": False,
    "labelFlush": True,
    "labelFlushOffset": 1,
    "labelBound": False,
    "labelLimit": 100,
    "titlePadding": 16,
    "labelPadding": 16,
    "labelSeparation": 4,
    "labelOverlap": True,
}
_LEGEND = {
    "labelFontSize": 14,
    "titlePadding": 8,
    "labelPadding": 16,
    "columnPadding": 8,
    "rowPadding": 4,
    "padding": 8,
    "symbolStrokeWidth": 4,
}


def _merge(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the overrides, merged at all levels."""
    merged = base | overrides
    for name in base.keys() & overrides.keys():
        if isinstance(base[name], dict) and isinstance(overrides[name], dict):
            merged[name] = _merge(base[name], overrides[name])
    return merged


def _sheet(specification: dict[str, Any], caption: Caption, theme: Theme) -> Sheet:
    """Return the contents of an image besides its chart."""
    width = max(float(specification["width"]), MIN_CAPTION)
    page = PAGES[theme]
    line = caption.line
    return Sheet(wrap_text(line, width), width, line, page.background, page.ink)


@cache
def _font_base64() -> str:
    """Return the font's file in base64."""
    return base64.b64encode(FONT_FILE.read_bytes()).decode()


def _visible(text: str) -> str:
    """Return a text on one line, with its invisible characters made visible."""
    return token_label(" ".join(text.split())).replace("␣", " ") if text.strip() else ""


def _shorten(text: str) -> str:
    """Return the start and end of a long text."""
    return text if len(text) <= FIRST + LAST else f"{text[:FIRST]} … {text[-LAST:]}"


def _slug(text: str) -> str:
    """Return a text as lower-case ASCII letters and digits joined by underscores."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")
