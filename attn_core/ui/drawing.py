"""Figures on a page: as large as their panel, and the same picture from click to click."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import pyarrow as pa
import streamlit as st

from attn_core.charts import Figure
from attn_core.charts.figure import Columns
from attn_core.ui.presenting import presenting

# A description takes no place beside its figure. Lines fade from one weight to the next, if they are few: to fade
# the 500 of a prompt of 32 tokens a browser works for half a second.
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
    """Put a figure into the container that this is called in, as wide and as high as that is.

    Another head, token or text changes the data of the picture that the browser shows already, as long as the key
    stays the same.

    Args:
        figure: to be drawn.
        key: of the picture, the same from run to run.
        on_click: takes the fields of what was clicked, each time, whatever was clicked before.
        selection: name of the figure's point selection, for `on_click`.
        min_height: pixels of the figure at least, however low the container is.
    """
    turns = f"{key}_turns"
    options: dict[str, Any] = {}
    if on_click is not None and selection is not None:
        options = {"on_select": partial(_deliver, key, turns, selection, on_click), "selection_mode": selection}
    turn = st.session_state.setdefault(turns, 0)
    specification = figure.filling(for_a_room=presenting(), turn=turn)
    specification["datasets"] = {name: _as_arrow(table) for name, table in specification["datasets"].items()}
    st.vega_lite_chart(spec=specification, width="stretch", height="stretch", key=key, **options)
    # Streamlit gives its key to a figure that answers clicks only, so the place is told by what follows it.
    place = f"[data-testid=stElementContainer]:has(+ [data-testid=stElementContainer] .about-{key})"
    floor = "" if min_height is None else f"<style>{place} {{ min-height: {min_height}px; }}</style>"
    st.html(f'{_STYLE}{floor}<p class="figure-description about-{key}">{escape(figure.description)}</p>')


def _as_arrow(columns: Columns) -> pa.Table:
    """Return a table as Streamlit sends it."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def _deliver(key: str, turns: str, selection: str, on_click: Callable[[dict[str, int]], None]) -> None:
    """Hand on what was clicked, and let the next click on it be another selection."""
    points = st.session_state[key]["selection"].get(selection, [])
    if points:
        st.session_state[turns] += 1
        on_click({field: int(value) for field, value in points[0].items() if field != "turn"})
