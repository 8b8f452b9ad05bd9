"""Pages that are painted, and the libraries that they load, from npm in the place of CDNs."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
CDN = "https://cdn.jsdelivr.net/npm/"

_LIBRARIES = {
    "require": "requirejs/require.js",
    "d3": "d3/dist/d3.min.js",
    "jquery": "jquery/dist/jquery.min.js",
    "vega": "vega/build/vega.min.js",
    "vega-lite": "vega-lite/build/vega-lite.min.js",
    "vega-embed": "vega-embed/build/vega-embed.min.js",
}


def page_of_chart(specification: str, *, canvas: bool) -> str:
    """A page that draws a chart with Vega and then sets `is_drawn`.

    Args:
        specification: the chart in Vega-Lite.
        canvas: paint it on canvas, not as SVG.
    """
    scripts = "".join(f'<script src="{CDN}{name}.min.js"></script>' for name in ("vega", "vega-lite", "vega-embed"))
    options = json.dumps({"renderer": "canvas" if canvas else "svg", "actions": False})
    return f"""<!DOCTYPE html><meta charset="utf-8">{scripts}<div id="chart"></div><script>
vegaEmbed("#chart", {specification}, {options}).then(async () => {{
  await Promise.all([...document.querySelectorAll("svg image")].map(image => image.decode()));
  window.is_drawn = true;
}});
</script>"""


def served_library(url: str) -> Path:
    """The file that stands for a library on a CDN: …/d3.min.js and the like."""
    return installed() / _LIBRARIES[url.rsplit("/", 1)[1].removesuffix(".js").removesuffix(".min")]


@cache
def installed() -> Path:
    """The folder of the libraries, which npm fills if it is not there."""
    modules = FOLDER / "node_modules"
    if not modules.exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=FOLDER, check=True)
    return modules
