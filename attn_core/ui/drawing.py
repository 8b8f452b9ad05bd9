"""Draw figures on a page: as large as their panel, and updated in place after a click."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import pyarrow as pa
import streamlit as st

from attn_core.charts import Figure
from attn_core.charts.figure import Columns
from attn_core.ui.presenting import is_presenting
from attn_core.ui.session import session

# A description takes no space beside its figure. Lines fade from one weight to the next only if they are few:
# fading the 500 lines of a 32-token prompt keeps a browser busy for half a second.
_STYLE = """<style>
[data-testid=stElementContainer]:has(> [data-testid=stHtml] > .figure-description) { position: absolute; }
.figure-description {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; border: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (prefers-reduced-motion: no-preference) {
  [data-testid=stVegaLiteChart] .mark-rule:not(:has(line:nth-of-type(150))) line {
    transition: opacity 0.2s, stroke-width 0.2s;
  }
}
</style>"""


def draw(
    figure: Figure,
    *,
    key: str,
    on_click: Callable[[dict[str, int]], None] | None = None,
    selection: str | None = None,
    min_height: int | None = None,
) -> None:
    """Draw a figure in the current container, as wide and as high as that is.

    As long as the key stays the same, another head, token or text changes only the data of the figure that the
    browser already shows.

    Args:
        figure: the figure to draw.
        key: the key of the figure, the same from run to run.
        on_click: is called with the fields of the clicked mark, also if the same mark is clicked twice.
        selection: the name of the figure's point selection, for `on_click`.
        min_height: the least height of the figure in pixels, however low the container is.
    """
    turns = f"{key}_turns"
    options: dict[str, Any] = {}
    if on_click is not None and selection is not None:
        options = {
            "on_select": partial(_handle_click, key, turns, selection, on_click),
            "selection_mode": selection,
        }
    turn = session.setdefault(turns, 0)
    specification = figure.filling(for_projector=is_presenting(), turn=turn)
    specification["datasets"] = {name: _to_arrow(table) for name, table in specification["datasets"].items()}
    st.vega_lite_chart(spec=specification, width="stretch", height="stretch", key=key, **options)
    # Streamlit gives a key only to a figure that handles clicks, so the style finds the figure by what follows it.
    selector = f"[data-testid=stElementContainer]:has(+ [data-testid=stElementContainer] .about-{key})"
    minimum = "" if min_height is None else f"<style>{selector} {{ min-height: {min_height}px; }}</style>"
    st.html(f'{_STYLE}{minimum}<p class="figure-description about-{key}">{escape(figure.description)}</p>')


def _to_arrow(columns: Columns) -> pa.Table:
    """Convert a table to the form that Streamlit sends."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def _handle_click(key: str, turns: str, selection: str, on_click: Callable[[dict[str, int]], None]) -> None:
    """Call `on_click` with what was clicked, and make the next click on it count as a new selection."""
    points = session[key]["selection"].get(selection, [])
    if points:
        session[turns] += 1
        on_click({field: int(value) for field, value in points[0].items() if field != "turn"})
