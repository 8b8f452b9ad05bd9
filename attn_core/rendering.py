"""Vega-Lite in, image out, in a process of its own.

vl-convert runs Vega in V8, which would keep some 200 MB of a server for good, and a crash of V8 takes its process
with it. So each file is made by a child that ends again, one child at a time.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

from attn_core.lettering import FONT, FONT_FOLDER, FONT_SIZE, LINE, OTHER_FONTS, runs, width
from attn_core.turns import Turns

MARGIN = 16  # pixels around a figure and its caption

TIME_LIMIT = 60  # seconds

_ROOT = Path(__file__).parent.parent  # where a child finds this package, wherever the server was started

_children = Turns(1)


class RenderingFailed(RuntimeError):
    """A file could not be made; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Sheet:
    """What an image shows besides its chart.

    Attributes:
        caption: its lines, below the chart.
        width: of the caption, in pixels.
        title: for those who can't see the image.
        background, ink: colours.
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
    most_pixels: float = math.inf,
) -> bytes:
    """A chart in Vega-Lite, with its data inside, over its caption. Nothing is fetched from anywhere.

    Args:
        specification: the chart.
        sheet: what it stands on.
        form: a PNG, or an SVG in UTF-8 whose text stays text.
        scale: pixels of the PNG for each one of the chart,
        most_pixels: fewer if it would have more than this in all.

    Raises:
        RenderingFailed: Vega cannot draw it, or not in time.
    """
    task = {"form": form, "chart": specification, "sheet": asdict(sheet)}
    return _in_child(task | {"scale": scale, "most_pixels": most_pixels})


@cache
def vega_script(snippet: str) -> str:
    """JavaScript that holds Vega, Vega-Lite and Vega-Embed whole, and then runs the snippet.

    Raises:
        RenderingFailed: it could not be made in time.
    """
    return _in_child({"form": "script", "snippet": snippet}).decode()


def _in_child(task: dict[str, Any]) -> bytes:
    command = [sys.executable, "-m", "attn_core.rendering"]
    with _children.take():
        try:
            done = subprocess.run(
                command,
                cwd=_ROOT,
                input=json.dumps(task).encode(),
                capture_output=True,
                timeout=TIME_LIMIT,
                check=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise RenderingFailed("The file could not be made. Try again, or shorten the prompt.") from error
    return done.stdout


def _do(task: dict[str, Any]) -> bytes:
    import vl_convert

    if task["form"] == "script":
        return vl_convert.javascript_bundle(task["snippet"]).encode()
    vl_convert.register_font_directory(str(FONT_FOLDER))
    chart = vl_convert.vegalite_to_svg(task["chart"], allowed_base_urls=[])
    svg = _on_sheet(chart, Sheet(**task["sheet"]))
    if task["form"] == "svg":
        return svg.encode()
    across, height = _size(svg)
    return vl_convert.svg_to_png(svg, scale=min(task["scale"], math.sqrt(task["most_pixels"] / (across * height))))


def _on_sheet(chart: str, sheet: Sheet) -> str:
    """The SVG of a chart within another one, with the caption below it."""
    across, height = _size(chart)
    whole = max(across, sheet.width) + 2 * MARGIN
    top = height + 2 * MARGIN
    tall = top + LINE * len(sheet.caption) + MARGIN
    lines = _lines(sheet.caption, top + FONT_SIZE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:g}" height="{tall:g}" '
        f'viewBox="0 0 {whole:g} {tall:g}" role="img"><title>{escape(sheet.title)}</title>'
        f'<rect width="100%" height="100%" fill="{sheet.background}"/>'
        f'<g transform="translate({MARGIN},{MARGIN})">{chart}</g>'
        f'<g font-family="{FONT}" font-size="{FONT_SIZE}" fill="{sheet.ink}">{lines}</g></svg>'
    )


def _size(chart: str) -> tuple[float, float]:
    found = re.search(r'<svg[^>]*? width="([\d.]+)" height="([\d.]+)"', chart)
    if found is None:
        raise ValueError("The chart's SVG does not say how large it is.")
    return float(found[1]), float(found[2])


def _lines(lines: Sequence[str], top: float) -> str:
    return "".join(_line(line, top + LINE * index) for index, line in enumerate(lines))


def _line(line: str, y: float) -> str:
    """A line as one text, with a part of its own for what the font lacks, or all of it would be in another font."""
    x, parts = float(MARGIN), []
    for part, known in runs(line):
        font = "" if known else f' font-family="{OTHER_FONTS}"'
        parts.append(f'<tspan x="{x:.1f}"{font}>{escape(part)}</tspan>')
        x += width(part)
    return f'<text y="{y:g}" xml:space="preserve">{"".join(parts)}</text>'


if __name__ == "__main__":
    sys.stdout.buffer.write(_do(json.load(sys.stdin.buffer)))
