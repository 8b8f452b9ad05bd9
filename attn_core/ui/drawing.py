"""Interim: puts a figure into its panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def draw(
    figure: Any,
    *,
    key: str,
    on_click: Callable[[dict[str, int]], None] | None = None,
    selection: str | None = None,
    min_height: int | None = None,
) -> None:
    """Put a figure into the panel."""
    spec = figure.specification() if hasattr(figure, "specification") else figure.to_dict()
    spec.pop("height", None)
    spec.pop("width", None)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    options: dict[str, Any] = {}
    if on_click is not None:
        turn = st.session_state.setdefault(f"{key}_turn", 0)
        chart_key = f"{key}_{turn}"

        def clicked() -> None:
            points = st.session_state[chart_key]["selection"].get(selection, [])
            if points:
                st.session_state[f"{key}_turn"] += 1
                on_click(points[0])

        options = {"on_select": clicked, "selection_mode": selection}
        key = chart_key
    st.vega_lite_chart(spec=spec, width="stretch", height="stretch", key=key, **options)
