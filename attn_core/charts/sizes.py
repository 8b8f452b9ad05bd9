"""Lengths as Vega expressions of a figure's width and height, so that one form serves every panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from attn_core.lettering import FONT_SIZE
from attn_core.lettering import width as width_of

SMALLEST, LARGEST = 11, 34  # pixels of letters on a page
ROOM_SMALLEST, ROOM_LARGEST = 20.5, 40  # and for a room, in a window of 1920 x 1080
ROOM = "min(windowSize()[0] / 1920, windowSize()[1] / 1080)"  # how much larger or smaller the window is
LONGEST = 9.0  # widths of a letter m that a word may ask for; a longer one is cut where there is no room
SLACK = 1.2  # for bold words, and for fonts that are wider than the page's


@dataclass(frozen=True)
class Look:
    """How a figure is drawn.

    Attributes:
        fills: whether it fills a panel of a page, which shows the legends itself; else its size is fixed.
        for_a_room: whether it is seen on a projector.
        legend: what its legends say; None if it has none.
    """

    fills: bool = False
    for_a_room: bool = False
    legend: Any = None

    def letters(self, step: str, widest: str, *, share: float = 0.46, thinned: bool = False) -> str:
        """Return the pixels of letters, never so large that two rows collide.

        Args:
            step: pixels from one row to the next.
            widest: pixels that the width allows.
            share: of the step that letters take if it is large.
            thinned: whether rows are left out that have no room, so that letters need not be smaller.
        """
        smallest = self.pixels(SMALLEST, ROOM_SMALLEST)
        largest = self.pixels(LARGEST, ROOM_LARGEST)
        fitting = f"min(max({step} * {share}, min({step} * 0.63, {self.pixels(18)})), {widest})"
        clamped = f"clamp({fitting}, {smallest}, {largest})"
        return clamped if thinned else f"min({clamped}, {step} * 0.85)"

    def pixels(self, on_a_page: float, in_a_room: float | None = None) -> str:
        """Return a length: so many pixels on a page, and so many of a window of 1920 x 1080 for a room."""
        if self.for_a_room:
            return f"({on_a_page * 1.6 if in_a_room is None else in_a_room} * {ROOM})"
        return str(on_a_page)

    def clicks(self, *fields: str) -> list[str]:
        """Return the fields that a selection by click holds."""
        return [*fields, "turn"] if self.fills else list(fields)


def named(expressions: Mapping[str, str]) -> list[alt.Parameter]:
    """Return Vega expressions under names that others use; which may use each other."""
    return [alt.param(name=name, expr=expression) for name, expression in expressions.items()]


def first(table: str, field: str, otherwise: float = 1) -> str:
    """Return the expression for a field of the first row of a table."""
    return f"(length(data('{table}')) ? data('{table}')[0].{field} : {otherwise})"


def breadth(text: str) -> float:
    """Return the width of a text, for letters of one pixel."""
    return width_of(text) / FONT_SIZE


def longest(texts: Sequence[str]) -> float:
    """Return the width of the widest text, for letters of one pixel."""
    widest = max(map(breadth, texts), default=0)
    return round(min(max(widest, 1), LONGEST) * SLACK, 3)


def across(expression: str, **options: Any) -> alt.XDatum:
    """Return a place so many pixels from the left."""
    return alt.XDatum(
        alt.expr(f"({expression}) / width"), type="quantitative", axis=None, scale=_whole(), **options
    )


def across_to(expression: str) -> alt.X2Datum:
    """Return the other end of something, so many pixels from the left."""
    return alt.X2Datum(alt.expr(f"({expression}) / width"))


def along(field: str) -> alt.X:
    """Return the place of a field that is a part of the figure's width."""
    return alt.X(f"{field}:Q", axis=None, scale=_whole())


def _whole() -> alt.Scale:
    return alt.Scale(domain=[0, 1], range=[0, alt.ExprRef("width")], nice=False, zero=False)


def scale_of_rows(count: str, start: str, end: str) -> alt.Scale:
    """Return the scale for things in a row: the one at i reaches from i to i + 1.

    Args:
        count: how many there are.
        start, end: pixels at 0 and at the count.
    """
    ends = [alt.ExprRef(start), alt.ExprRef(end)]
    return alt.Scale(domain=[0, alt.ExprRef(count)], range=ends, nice=False, zero=False)
