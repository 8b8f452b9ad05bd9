"""Write lengths as Vega expressions of a figure's width and height, so that one form fits every panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from attn_core.charts.text_metrics import FONT_SIZE
from attn_core.charts.text_metrics import text_width as width_of

SMALLEST, LARGEST = 11, 34  # pixels of letters on a page
ROOM_SMALLEST, ROOM_LARGEST = 20.5, 40  # pixels on a projector, in a window of 1920 x 1080
ROOM = "min(windowSize()[0] / 1920, windowSize()[1] / 1080)"  # the window's size relative to that
LONGEST = 9.0  # ems that a word may reserve; a longer one is cut if there is no room
SLACK = 1.2  # for bold words, and for fonts wider than the page's


@dataclass(frozen=True)
class Look:
    """How a figure is drawn.

    Attributes:
        fills: whether it fills a panel of a page, which shows the legends itself; otherwise its size is fixed.
        for_projector: whether it is shown on a projector.
        legend: the contents of its legends; None if it has none.
    """

    fills: bool = False
    for_projector: bool = False
    legend: Any = None

    def letters(self, step: str, widest: str, *, share: float = 0.46, thinned: bool = False) -> str:
        """Return the font size in pixels, small enough that rows do not overlap.

        Args:
            step: pixels from one row to the next.
            widest: the largest font size that the width allows.
            share: the share of a large step that letters take.
            thinned: whether rows without room are left out, so that letters need not be smaller.
        """
        smallest = self.pixels(SMALLEST, ROOM_SMALLEST)
        largest = self.pixels(LARGEST, ROOM_LARGEST)
        fitting = f"min(max({step} * {share}, min({step} * 0.63, {self.pixels(18)})), {widest})"
        clamped = f"clamp({fitting}, {smallest}, {largest})"
        return clamped if thinned else f"min({clamped}, {step} * 0.85)"

    def pixels(self, on_page: float, on_projector: float | None = None) -> str:
        """Return a length: pixels on a page, or on a projector, there for a window of 1920 x 1080.

        On a projector it is 1.6 times as long as on a page if `on_projector` is None.
        """
        if self.for_projector:
            return f"({on_page * 1.6 if on_projector is None else on_projector} * {ROOM})"
        return str(on_page)

    def clicks(self, *fields: str) -> list[str]:
        """Return the fields of a selection by click."""
        return [*fields, "turn"] if self.fills else list(fields)


def named(expressions: Mapping[str, str]) -> list[alt.Parameter]:
    """Return named parameters for Vega expressions, which may refer to each other."""
    return [alt.param(name=name, expr=expression) for name, expression in expressions.items()]


def first(table: str, field: str, otherwise: float = 1) -> str:
    """Return the Vega expression for a field of a table's first row, with a fallback for an empty table."""
    return f"(length(data('{table}')) ? data('{table}')[0].{field} : {otherwise})"


def breadth(text: str) -> float:
    """Return the width of a text at a font size of one pixel."""
    return width_of(text) / FONT_SIZE


def longest(texts: Sequence[str]) -> float:
    """Return the width to reserve for the widest text, at a font size of one pixel."""
    widest = max(map(breadth, texts), default=0)
    return round(min(max(widest, 1), LONGEST) * SLACK, 3)


def across(expression: str, **options: Any) -> alt.XDatum:
    """Return the position at a number of pixels from the left."""
    return alt.XDatum(
        alt.expr(f"({expression}) / width"), type="quantitative", axis=None, scale=_width_scale(), **options
    )


def across_to(expression: str) -> alt.X2Datum:
    """Return the end position at a number of pixels from the left."""
    return alt.X2Datum(alt.expr(f"({expression}) / width"))


def along(field: str) -> alt.X:
    """Return the position of a field that is a fraction of the figure's width."""
    return alt.X(f"{field}:Q", axis=None, scale=_width_scale())


def _width_scale() -> alt.Scale:
    """Return the scale from 0 to 1 over the figure's width."""
    return alt.Scale(domain=[0, 1], range=[0, alt.ExprRef("width")], nice=False, zero=False)


def scale_of_rows(count: str, start: str, end: str) -> alt.Scale:
    """Return the scale for a sequence of items, where item i extends from i to i + 1.

    Args:
        count: the number of items.
        start, end: the pixels of 0 and of the count.
    """
    ends = [alt.ExprRef(start), alt.ExprRef(end)]
    return alt.Scale(domain=[0, alt.ExprRef(count)], range=ends, nice=False, zero=False)
