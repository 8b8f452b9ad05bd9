"""Render Vega-Lite as images in a child process.

vl-convert runs Vega in V8, which would keep about 200 MB of the server's memory for good, and a crash of V8 ends its
process. So each file is made by a child process that then exits, one at a time.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from attn_core.charts.text_metrics import FONT, FONT_FOLDER, FONT_SIZE, LINE, OTHER_FONTS, split_by_font, text_width
from attn_core.errors import RenderingFailed

MARGIN = 16  # pixels around a figure and its caption

TIME_LIMIT = 60  # seconds

_ROOT = Path(__file__).parents[2]  # where a child process finds this package, wherever the server was started

_one_child = threading.Lock()


@dataclass(frozen=True)
class Sheet:
    """The contents of an image besides its chart.

    Attributes:
        caption: the lines of the caption, below the chart.
        width: the width of the caption in pixels.
        title: a description for people who can't see the image.
        background, ink: the colors of the background and the caption.
    """

    caption: tuple[str, ...]
    width: float
    title: str
    background: str
    ink: str


def render(
    specification: dict[str, Any],
    sheet: Sheet,
    form: Literal["png", "svg"],
    *,
    scale: float = 1,
    max_pixels: float = math.inf,
) -> bytes:
    """Render a chart above its caption, without fetching anything.

    Args:
        specification: the chart in Vega-Lite, with its data.
        sheet: the contents of the image besides the chart.
        form: the format: a PNG, or an SVG in UTF-8 whose text stays text.
        scale: the pixels of the PNG for each pixel of the chart.
        max_pixels: the pixels of the PNG at most; it is scaled down if it would have more.

    Raises:
        RenderingFailed: Vega cannot draw the chart, or not in time.
    """
    task = {"form": form, "chart": specification, "sheet": asdict(sheet)}
    return _in_child(task | {"scale": scale, "max_pixels": max_pixels})


@cache
def vega_script(snippet: str) -> str:
    """Return JavaScript that contains Vega, Vega-Lite and Vega-Embed, and then runs the snippet.

    Raises:
        RenderingFailed: the script cannot be made, or not in time.
    """
    return _in_child({"form": "script", "snippet": snippet}).decode()


def _in_child(task: dict[str, Any]) -> bytes:
    """Run a task of `_do` in a child process, and return its output."""
    if find_spec("vl_convert") is None:
        raise RenderingFailed("Saving figures needs vl-convert-python. Run  pip install vl-convert-python.")
    command = [sys.executable, "-m", "attn_core.charts.rendering"]
    with _one_child:
        try:
            child = subprocess.run(
                command,
                cwd=_ROOT,
                input=json.dumps(task).encode(),
                capture_output=True,
                timeout=TIME_LIMIT,
                check=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise RenderingFailed("The file could not be made. Try again, or shorten the prompt.") from error
    return child.stdout


def _do(task: dict[str, Any]) -> bytes:
    """Make a script, an SVG or a PNG; only in a child process."""
    import vl_convert

    if task["form"] == "script":
        return vl_convert.javascript_bundle(task["snippet"]).encode()
    vl_convert.register_font_directory(str(FONT_FOLDER))
    chart = vl_convert.vegalite_to_svg(task["chart"], allowed_base_urls=[])
    svg = _on_sheet(chart, Sheet(**task["sheet"]))
    if task["form"] == "svg":
        return svg.encode()
    width, height = _size(svg)
    return vl_convert.svg_to_png(svg, scale=min(task["scale"], math.sqrt(task["max_pixels"] / (width * height))))


def _on_sheet(chart: str, sheet: Sheet) -> str:
    """Return an SVG with the SVG of a chart and the caption below it."""
    chart_width, chart_height = _size(chart)
    width = max(chart_width, sheet.width) + 2 * MARGIN
    top = chart_height + 2 * MARGIN
    height = top + LINE * len(sheet.caption) + MARGIN
    lines = _lines(sheet.caption, top + FONT_SIZE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img"><title>{escape(sheet.title)}</title>'
        f'<rect width="100%" height="100%" fill="{sheet.background}"/>'
        f'<g transform="translate({MARGIN},{MARGIN})">{chart}</g>'
        f'<g font-family="{FONT}" font-size="{FONT_SIZE}" fill="{sheet.ink}">{lines}</g></svg>'
    )


def _size(chart: str) -> tuple[float, float]:
    """Return the width and height of a chart's SVG, in pixels."""
    size = re.search(r'<svg[^>]*? width="([\d.]+)" height="([\d.]+)"', chart)
    if size is None:
        raise ValueError("The chart's SVG does not say how large it is.")
    return float(size[1]), float(size[2])


def _lines(lines: Sequence[str], top: float) -> str:
    """Return the SVG of the caption's lines."""
    return "".join(_line(line, top + LINE * index) for index, line in enumerate(lines))


def _line(line: str, y: float) -> str:
    """Return a line as an SVG text, with separate spans for characters that the font lacks.

    Without them the whole line would be in another font.
    """
    x, parts = float(MARGIN), []
    for part, has_all in split_by_font(line):
        font = "" if has_all else f' font-family="{OTHER_FONTS}"'
        parts.append(f'<tspan x="{x:.1f}"{font}>{escape(part)}</tspan>')
        x += text_width(part)
    return f'<text y="{y:g}" xml:space="preserve">{"".join(parts)}</text>'


if __name__ == "__main__":
    sys.stdout.buffer.write(_do(json.load(sys.stdin.buffer)))
