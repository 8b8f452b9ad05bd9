"""A chart's form and its data apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, ParamSpec

import altair as alt
import numpy as np
import pandas  # noqa: F401 - altair fails while another thread is importing it
from numpy.typing import NDArray

from attn_core.charts.sizes import Look

P = ParamSpec("P")
Draw = Callable[[Any, Look], alt.LayerChart]
"""Makes a chart of a form; its data are `alt.NamedData`."""

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
"""A table: its columns by name, all of one length. pandas would take ten times as long to make it and to send it."""

PADDING = 2  # pixels around a figure that fills its panel, so that no frame is cut


@dataclass(frozen=True)
class Figure:
    """A chart whose form is worked out once for all charts that differ in their data only.

    Altair writes and checks a chart's form in tens of milliseconds, most of the time that a click takes. A browser
    that shows a form already takes other data into it, without drawing the chart anew.

    Attributes:
        draw: makes the chart of its form.
        form: all that the chart depends on besides its tables.
        tables: its data by name.
        description: of this chart, for those who can't see it.
        kind: what charts of this form show, in one sentence.
        size: width and height in pixels, in a file or a notebook.
        least_height: pixels in which all of it can be read on a page; 0 where any height will do.
        clickable: the table whose rows answer a click; None if nothing does.
        legend: what its legends say, in a file or a notebook.
    """

    draw: Draw
    form: Hashable
    tables: Mapping[str, Columns]
    description: str
    kind: str
    size: tuple[int, int]
    least_height: int = 0
    clickable: str | None = None
    legend: Hashable = None

    def chart(self) -> alt.LayerChart:
        """Return the chart for a notebook, which holds its data."""
        chart = self.draw(self.form, Look(legend=self.legend))
        return chart.properties(**self._fixed(), datasets=self._rows())

    def specification(self) -> dict[str, Any]:
        """Return the same in Vega-Lite; the caller's own."""
        form = json.loads(_written(self.draw, self.form, Look(legend=self.legend)))
        return {**form, **self._fixed(), "datasets": self._rows()}

    def filling(self, *, for_a_room: bool = False, turn: int = 0) -> dict[str, Any]:
        """Return the chart in Vega-Lite as wide and as high as what it is put into, without legends.

        Charts of one form differ in `datasets` alone, whatever is chosen in them. The tables there are `Columns`.

        Args:
            for_a_room: for a projector: letters and lines that can be seen from the last row.
            turn: a number that all clickable rows carry, and a selection with them: with another one, a click on
                what is selected already is a new selection.
        """
        form = json.loads(_written(self.draw, self.form, Look(fills=True, for_a_room=for_a_room)))
        tables = dict(self.tables)
        if self.clickable is not None:
            clickable = tables[self.clickable]
            tables[self.clickable] = {**clickable, "turn": [turn] * len(next(iter(clickable.values())))}
        return {
            **form,
            "autosize": {"type": "fit", "contains": "padding"},
            "padding": dict.fromkeys(("left", "right", "top", "bottom"), PADDING),
            "description": self.kind,
            # Streamlit takes a canvas for many rows, and a click would then draw the chart anew.
            "usermeta": {"embedOptions": {"renderer": "svg"}},
            "datasets": tables,
        }

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        return {name: _rows_of(columns) for name, columns in self.tables.items()}

    def _fixed(self) -> dict[str, Any]:
        width, height = self.size
        return {"width": width, "height": height, "description": self.description}


def as_chart(function: Callable[P, Figure]) -> Callable[P, alt.LayerChart]:
    """Return the function that makes the chart of a function's figure."""

    @wraps(function)
    def chart(*args: P.args, **kwargs: P.kwargs) -> alt.LayerChart:
        return function(*args, **kwargs).chart()

    return chart


def rows_where(columns: Columns, chosen: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the rows of a table for which `chosen` holds, one value for each row."""
    return {name: _array(values)[chosen] for name, values in columns.items()}


def _rows_of(columns: Columns) -> list[dict[str, Any]]:
    """Return a table's rows in terms of JSON."""
    lists = [_array(values).tolist() for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _array(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    return np.array(values, dtype=object if any(isinstance(value, str) for value in values) else None)


@lru_cache(maxsize=128)
def _written(draw: Draw, form: Hashable, look: Look) -> str:
    return draw(form, look).to_json(indent=None)
