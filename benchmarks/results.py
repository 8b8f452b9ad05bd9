"""What a benchmark found: measurements in tables, and budgets beside what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "ms", "kB", "MB", "tokens/s", ""]


@dataclass(frozen=True)
class Measurement:
    """One cell of a table.

    Attributes:
        table: its title.
        row, column: where in the table; a column is one of the sides that are compared.
        unit: of the values.
        values: one for each run; none where `note` says why.
        note: what else is to be said, shown in the cell.
    """

    table: str
    row: str
    column: str
    unit: Unit
    values: tuple[float, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.values and not self.note:
            raise ValueError(f"{self.row}, {self.column}: neither a value nor a reason why there is none.")

    @property
    def median(self) -> float:
        """The median of the runs, NaN if there are none."""
        return median(self.values) if self.values else math.nan

    def percentile(self, percent: float) -> float:
        """The smallest value that at least so many percent of the runs don't pass, NaN if there are none."""
        return percentile(self.values, percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent of all don't pass, NaN if there are none."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(percent / 100 * len(values)) - 1, 0)]


@dataclass(frozen=True)
class Budget:
    """A promise beside what was measured.

    Attributes:
        what: in words.
        limit: the promised number; `measured` may be at most so large, or with `at_least` at least.
        measured: the number found.
        unit: of both; empty for a plain number.
        at_least: whether more is better.
    """

    what: str
    limit: float
    measured: float
    unit: Unit = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the promise is kept; not if nothing was measured."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass(frozen=True)
class Result:
    """All that one benchmark has to say.

    Attributes:
        title: its heading.
        how: how it was measured, in markdown.
        measurements: in the order in which tables, rows and columns are shown.
        budgets: of the design that it speaks to.
        remarks: what the numbers mean, each a sentence or two of markdown.
        compared: tables whose columns are sides of one comparison: each is told as a ratio to the first.
    """

    title: str
    how: str
    measurements: tuple[Measurement, ...]
    budgets: tuple[Budget, ...] = ()
    remarks: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()

    def find(self, table: str, row: str, column: str) -> Measurement:
        """The measurement in this cell. Raises `KeyError` if there is none."""
        for cell in self.measurements:
            if (cell.table, cell.row, cell.column) == (table, row, column):
                return cell
        raise KeyError((table, row, column))


def by_turns(sides: Mapping[str, Callable[[], float]], runs: int) -> dict[str, tuple[float, ...]]:
    """Call each side once a round, the first one a round later in the next, so that all meet the same weather.

    Args:
        sides: functions that return what they measured.
        runs: how many rounds count; one more goes before them, unmeasured.

    Returns:
        The values of each side, (runs,).
    """
    names = list(sides)
    values: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, runs):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            value = sides[name]()
            if turn >= 0:
                values[name].append(value)
    return {name: tuple(found) for name, found in values.items()}


def growth_exponent(sizes: list[int], values: list[float]) -> float:
    """The b of values ~ a * size**b, fitted by least squares on logarithms."""
    xs, ys = [math.log(size) for size in sizes], [math.log(value) for value in values]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread
