"""Charts as files: PNG, SVG, and an HTML page that answers the pointer with no network at all."""

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
from attn_core.charts.style import INK, Theme
from attn_core.lettering import FONT, FONT_FILE, wrapped
from attn_core.rendering import MARGIN, Sheet, render, vega_script
from attn_core.tokens import token_label

Drawing = alt.LayerChart | Figure

SCALE = 2  # pixels of a PNG for each one of the chart,
MAX_PIXELS = 8e6  # but no more than this in all: each takes four bytes of memory
MIN_CAPTION = 320  # pixels across, so that a small chart does not get a tall column of words
FIRST, LAST = 220, 100  # characters that stay of a long prompt
MAX_STEM = 60  # characters of a file's name


@dataclass(frozen=True)
class Page:
    """The colours of a page, as in `.streamlit/config.toml`, and those that Streamlit gives to charts on it."""

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
    """What a figure shows, in words.

    Attributes:
        what: "L4H3".
        model: its name; empty if nobody knows.
        texts: the prompt, or both that are compared; a long one is cut.
        notes: how it is looked at: "word pieces joined".
    """

    what: str
    model: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All of it as plain text on one line without anything invisible."""
        texts = (f"“{_cut(_visible(text))}”" for text in self.texts)
        what = self.what[:1].upper() + self.what[1:]
        return " · ".join(filter(None, (what, _visible(self.model), *texts, *self.notes)))

    @property
    def file_stem(self) -> str:
        """A file's name without its ending: ASCII letters, digits and underscores, 60 of them at most."""
        what = re.sub(r"\b(layer|head) (\d)", r"\1\2", self.what)
        parts = (Path(self.model).name, what, *self.texts)
        stem = "_".join(filter(None, map(_safe, parts)))
        return stem if len(stem) <= MAX_STEM else stem[:MAX_STEM].rpartition("_")[0] or stem[:MAX_STEM]


def png(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """The chart as on a page of that theme, over its caption, twice as large; a very tall one less.

    Raises:
        RenderingFailed: it cannot be drawn, or not in time.
    """
    specification = _specification(drawing, theme)
    sheet = _sheet(specification, caption, theme)
    return render(specification, sheet, "png", scale=SCALE, most_pixels=MAX_PIXELS)


def svg(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """The same as SVG in UTF-8. Text stays text, in Source Sans where the reader has it.

    Raises:
        RenderingFailed: it cannot be drawn, or not in time.
    """
    specification = _specification(drawing, theme)
    return render(specification, _sheet(specification, caption, theme), "svg")


def html(drawing: Drawing, caption: Caption, theme: Theme) -> bytes:
    """The same as one page in UTF-8 that needs no network and has its tooltips; some 1.2 MB.

    Raises:
        RenderingFailed: Vega could not be put into it.
    """
    page = PAGES[theme]
    told = escape(caption.line)
    # Nothing of a prompt ends the script that it stands in.
    written = json.dumps(_specification(drawing, theme)).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{told}</title>
<style>
@font-face {{ font-family: "Source Sans Pro"; src: url(data:font/otf;base64,{_font()}) }}
body {{ margin: {MARGIN}px; background: {page.background}; color: {page.ink}; font-family: {FONT} }}
figure {{ margin: 0; overflow-x: auto }}
figcaption {{ margin-top: {MARGIN}px; max-width: 720px; line-height: 1.4; overflow-wrap: anywhere }}
</style>
</head>
<body>
<figure><div id="chart"></div><figcaption>{told}</figcaption></figure>
<script type="application/json" id="specification" data-theme="{theme}">{written}</script>
<script type="module">{vega_script(_SNIPPET)}</script>
</body>
</html>
""".encode()


_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_SNIPPET = """
const written = document.getElementById("specification");
const options = { renderer: "svg", actions: false, ast: true, tooltip: { theme: written.dataset.theme } };
const draw = () => vegaEmbed("#chart", JSON.parse(written.textContent), options);
// Vega measures words before it places them.
document.fonts.load('16px "Source Sans Pro"').then(draw, draw);
"""


def numbers(drawing: Drawing) -> pd.DataFrame:
    """Return what the tooltips of a chart say, as a table with their names and a row for each mark."""
    written = _written(drawing)
    layer = next(layer for layer in written["layer"] if isinstance(layer["encoding"].get("tooltip"), list))
    table = written["datasets"][layer.get("data", written.get("data"))["name"]]
    names = {
        field["field"].removesuffix("_text"): field.get("title", field["field"])
        for field in layer["encoding"]["tooltip"]
    }
    return pd.DataFrame(table)[list(names)].rename(columns=names)


def _written(drawing: Drawing) -> dict[str, Any]:
    return drawing.specification() if isinstance(drawing, Figure) else drawing.to_dict()


def _specification(drawing: Drawing, theme: Theme) -> dict[str, Any]:
    """The chart in Vega-Lite, in the look that Streamlit gives it, with its data as lists."""
    written = _written(drawing)
    tables, written["datasets"] = written["datasets"], {}
    page = PAGES[theme]
    written["config"] = _merged(_look(page), written.get("config", {}))
    # Programs that draw vectors know no colour of a page around the figure.
    colored: dict[str, Any] = json.loads(json.dumps(written).replace(json.dumps(INK), json.dumps(page.ink)))
    return colored | {"datasets": tables}


def _look(page: Page) -> dict[str, Any]:
    """The configuration of Vega-Lite that Streamlit's theme comes to."""
    label = {"labelFontWeight": 400, "labelColor": page.faint}
    title = {"titleFontWeight": 400, "titleFontStyle": "normal", "titleColor": page.faint, "titleFontSize": 14}
    return {
        "font": FONT,
        "background": page.background,
        "fieldTitle": "verbal",
        "autosize": {"type": "fit", "contains": "padding"},
        "axis": {
            **label,
            **title,
            "labelFontSize": 12,
            "ticks": False,
            "domain": False,
            "gridColor": page.grid,
            "labelFlush": True,
            "labelFlushOffset": 1,
            "labelBound": False,
            "labelLimit": 100,
            "titlePadding": 16,
            "labelPadding": 16,
            "labelSeparation": 4,
            "labelOverlap": True,
        },
        "legend": {
            **label,
            **title,
            "labelFontSize": 14,
            "titlePadding": 8,
            "labelPadding": 16,
            "columnPadding": 8,
            "rowPadding": 4,
            "padding": 8,
            "symbolStrokeWidth": 4,
        },
        "view": {"strokeWidth": 0, "stroke": "transparent"},
        "mark": {"tooltip": {"content": "encoding"}},
        "bar": {"binSpacing": 4, "discreteBandSize": {"band": 0.85}},
        "axisDiscrete": {"grid": False},
        "axisXPoint": {"grid": False},
        "axisXBand": {"grid": False},
    }


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = base | over
    for name in base.keys() & over.keys():
        if isinstance(base[name], dict) and isinstance(over[name], dict):
            merged[name] = _merged(base[name], over[name])
    return merged


def _sheet(specification: dict[str, Any], caption: Caption, theme: Theme) -> Sheet:
    width = max(float(specification["width"]), MIN_CAPTION)
    page = PAGES[theme]
    told = caption.line
    return Sheet(wrapped(told, width), width, told, page.background, page.ink)


@cache
def _font() -> str:
    return base64.b64encode(FONT_FILE.read_bytes()).decode()


def _visible(text: str) -> str:
    """A text on one line, with what is invisible in it made visible."""
    return token_label(" ".join(text.split())).replace("␣", " ") if text.strip() else ""


def _cut(text: str) -> str:
    return text if len(text) <= FIRST + LAST else f"{text[:FIRST]} … {text[-LAST:]}"


def _safe(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")
