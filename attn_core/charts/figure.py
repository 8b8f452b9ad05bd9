"""A chart's form and its data apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, ParamSpec

import altair as alt
import pandas as pd

P = ParamSpec("P")
Tables = Mapping[str, Any]
"""The data of a chart by name: pandas tables, or `alt.NamedData` that stands for them."""


@dataclass(frozen=True)
class Figure:
    """A chart whose form is worked out once for all charts that differ in their data only.

    Altair writes and checks a chart's form in tens of milliseconds, most of the time that a click takes.

    Attributes:
        draw: makes the chart of its form and its tables.
        form: all that the chart depends on besides its tables.
        tables: its data by name.
        description: of this chart, for those who can't see it.
    """

    draw: Callable[[Any, Tables], alt.LayerChart]
    form: Hashable
    tables: Mapping[str, pd.DataFrame]
    description: str

    def chart(self) -> alt.LayerChart:
        """The chart for a notebook, which holds its data."""
        return self.draw(self.form, self.tables).properties(description=self.description)

    def specification(self) -> dict[str, Any]:
        """The same in Vega-Lite, with the tables as they are under `datasets`; the caller's own."""
        form = json.loads(_written(self.draw, self.form, tuple(self.tables)))
        return {**form, "description": self.description, "datasets": dict(self.tables)}


def as_chart(function: Callable[P, Figure]) -> Callable[P, alt.LayerChart]:
    """A function of a figure, made one of its chart."""

    @wraps(function)
    def chart(*args: P.args, **kwargs: P.kwargs) -> alt.LayerChart:
        return function(*args, **kwargs).chart()

    return chart


@lru_cache(maxsize=128)
def _written(draw: Callable[[Any, Tables], alt.LayerChart], form: Hashable, names: tuple[str, ...]) -> str:
    return draw(form, {name: alt.NamedData(name) for name in names}).to_json(indent=None)
