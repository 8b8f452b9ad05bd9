"""Keep a chart's form apart from its data, so that a click sends only data."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas  # noqa: F401 - altair fails while another thread is importing it
from numpy.typing import NDArray

from attn_core.charts.sizes import Look

Draw = Callable[[Any, Look], alt.LayerChart]
"""A function that makes a chart from its form and look; its data are `alt.NamedData`."""

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
"""A table: its columns by name, all of the same length. A DataFrame would take ten times as long to make and send."""

PADDING = 2  # pixels around a figure that fills its panel, so that no frame is clipped


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A chart that displays in a notebook; charts that differ only in their data share one form.

    Altair takes tens of milliseconds to write and check a chart's form, most of the time of a click. A browser that
    already shows the form can take other data without drawing the chart again.

    Attributes:
        draw: makes the chart from its form.
        form: everything that the chart depends on besides its tables.
        tables: the data by name.
        description: a description of this chart, for people who can't see it.
        kind: one sentence on what charts of this form show.
        size: width and height in pixels, in a file or a notebook.
        min_height: the smallest height in pixels at which the chart can be read on a page; 0 if any height will do.
        clickable: the table whose rows respond to clicks; None if there is none.
        legend: the contents of the legends, in a file or a notebook.

    >>> figure = charts.head_grid(capture(load_model("mini"), "The dog on the ship ran"))
    >>> figure
    Figure('Grid of 12 × 12 attention thumbnails.')
    >>> figure.to_dict()["width"]
    468
    """

    draw: Draw
    form: Hashable
    tables: Mapping[str, Columns]
    description: str
    kind: str
    size: tuple[int, int]
    min_height: int = 0
    clickable: str | None = None
    legend: Hashable = None

    def __repr__(self) -> str:
        return f"Figure({self.description!r})"

    def _repr_mimebundle_(self, *args: object, **kwargs: object) -> Any:
        return self.chart()._repr_mimebundle_(*args, **kwargs)

    def chart(self) -> alt.LayerChart:
        """Return the figure as an Altair chart with its data."""
        chart = self.draw(self.form, Look(legend=self.legend))
        return chart.properties(**self._properties(), datasets=self._rows())

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as a new Vega-Lite dictionary with its data."""
        form = json.loads(_form_json(self.draw, self.form, Look(legend=self.legend)))
        return {**form, **self._properties(), "datasets": self._rows()}

    def filling(self, *, for_projector: bool = False, turn: int = 0) -> dict[str, Any]:
        """Return the chart in Vega-Lite, without legends, to fill the width and height of its container.

        Charts of one form differ only in `datasets`, whatever is selected in them. Their tables are `Columns`.

        Args:
            for_projector: whether letters and lines are large enough to see from the last row of a room.
            turn: a number in all clickable rows and in their selection. After a change of the number, a click on the
                row that is already selected is a new selection.
        """
        form = json.loads(_form_json(self.draw, self.form, Look(fills=True, for_projector=for_projector)))
        tables = dict(self.tables)
        if self.clickable is not None:
            clickable = tables[self.clickable]
            tables[self.clickable] = {**clickable, "turn": [turn] * len(next(iter(clickable.values())))}
        return {
            **form,
            "autosize": {"type": "fit", "contains": "padding"},
            "padding": dict.fromkeys(("left", "right", "top", "bottom"), PADDING),
            "description": self.kind,
            # Streamlit uses a canvas for many rows, and a click would then draw the whole chart again.
            "usermeta": {"embedOptions": {"renderer": "svg"}},
            "datasets": tables,
        }

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return all tables as lists of rows."""
        return {name: _rows_of(columns) for name, columns in self.tables.items()}

    def _properties(self) -> dict[str, Any]:
        """Return the size and description of the chart."""
        width, height = self.size
        return {"width": width, "height": height, "description": self.description}


def rows_where(columns: Columns, chosen: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the rows of a table for which `chosen`, (n_rows,), is true."""
    return {name: _array(values)[chosen] for name, values in columns.items()}


def _rows_of(columns: Columns) -> list[dict[str, Any]]:
    """Return a table's rows as values that JSON can hold."""
    lists = [_array(values).tolist() for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _array(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Return a column as an array; of objects if it has texts."""
    if isinstance(values, np.ndarray):
        return values
    return np.array(values, dtype=object if any(isinstance(value, str) for value in values) else None)


@lru_cache(maxsize=128)
def _form_json(draw: Draw, form: Hashable, look: Look) -> str:
    """Return the chart of a form in Vega-Lite, as JSON."""
    return draw(form, look).to_json(indent=None)
