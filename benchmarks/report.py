"""Results as markdown and as JSON."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from loky import cpu_count

from benchmarks.results import Budget, Measurement, Result

PACKAGES = ("streamlit", "torch", "transformers", "altair", "pandas", "numpy", "bertviz", "playwright")
MANY = 20  # runs from which on the spread is told by the 95th percentile


@dataclass(frozen=True)
class Section:
    """A benchmark's result and where and when it was found.

    Attributes:
        name: of the benchmark.
        result: what was found.
        date: the day and time of its end, UTC.
        seconds: that it took.
        machine: what it ran on and with.
    """

    name: str
    result: Result
    date: str
    seconds: float
    machine: dict[str, str]

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Section:
        """The section that `asdict` made these fields of."""
        result = fields["result"]
        measurements = tuple(
            Measurement(**{**cell, "values": tuple(cell["values"])}) for cell in result["measurements"]
        )
        budgets = tuple(Budget(**budget) for budget in result["budgets"])
        found = Result(
            result["title"],
            result["how"],
            measurements,
            budgets,
            tuple(result["remarks"]),
            tuple(result["compared"]),
        )
        return cls(**{**fields, "result": found})


def machine() -> dict[str, str]:
    """What the benchmarks run on."""
    processor = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) / 1e6 for line in _lines("/proc/meminfo") if "MemTotal" in line), 0.0)
    return {
        "processor": processor,
        "cores": str(cpu_count()),
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """What the benchmarks run with, of what is installed: most of them need neither bertviz nor a browser."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit() -> str:
    """The commit that is measured, with a word if files were changed since; results themselves don't count."""
    try:
        head = _told_by_git("rev-parse", "--short=10", "HEAD")
        changed = _told_by_git("status", "--porcelain", "--", ":/", ":(exclude,top)benchmarks/results.*")
    except (OSError, subprocess.CalledProcessError):  # a copy without git
        return "unknown"
    return f"{head}, changed" if changed else head


def _told_by_git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    ).stdout.strip()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def as_json(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections as JSON can hold them."""
    return [asdict(section) for section in sections]


def as_markdown(sections: Sequence[Section]) -> str:
    """A page with all budgets first, then a part for each benchmark."""
    budgets = [(section, budget) for section in sections for budget in section.result.budgets]
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. Each number is a median over the runs, in brackets from the least to the most; from "
        f"{MANY} runs on the 95th percentile stands in place of the spread. The numbers of every run are in "
        "`results.json`.",
        "",
        "## Budgets",
        "",
        "| what | budget | measured | met |",
        "|---|---|---|---|",
        *(
            f"| {budget.what} | {_limit(budget)} | {_number(budget.measured, budget.unit)} "
            f"| {'yes' if budget.met else '**no**'} |"
            for _, budget in budgets
        ),
        "",
    ]
    for section in sections:
        lines += _part(section)
    lines += ["## Machine", ""]
    for text, names in _machines(sections).items():
        lines += [f"{', '.join(names)}: {text}", ""]
    return "\n".join(lines)


def _limit(budget: Budget) -> str:
    return f"{'at least' if budget.at_least else 'at most'} {_number(budget.limit, budget.unit)}"


def _part(section: Section) -> list[str]:
    result = section.result
    lines = [f"## {result.title}", "", result.how, ""]
    for title in dict.fromkeys(cell.table for cell in result.measurements):
        cells = [cell for cell in result.measurements if cell.table == title]
        lines += [f"### {title}", "", *_table(cells, compared=title in result.compared), ""]
    lines += [line for remark in result.remarks for line in (remark, "")]
    return lines


def _table(cells: Sequence[Measurement], *, compared: bool) -> list[str]:
    """One line a row; where sides are compared, each beside the first as a ratio."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    rows = list(dict.fromkeys(cell.row for cell in cells))
    at = {(cell.row, cell.column): cell for cell in cells}
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        first = at.get((row, columns[0])) if compared else None
        shown = [_cell(at.get((row, column)), first) for column in columns]
        lines.append(f"| {row} | " + " | ".join(shown) + " |")
    return lines


def _cell(cell: Measurement | None, first: Measurement | None) -> str:
    if cell is None:
        return ""
    if not cell.values:
        return cell.note
    text = _number(cell.median, cell.unit)
    if len(cell.values) >= MANY:
        text += f" (95th percentile {_number(cell.percentile(95), cell.unit)})"
    elif len(cell.values) > 1:
        text += f" ({_number(min(cell.values))} to {_number(max(cell.values))})"
    if first is not None and first is not cell and first.unit == cell.unit and first.values and first.median:
        text += f", × {_number(cell.median / first.median)}"
    return f"{text}; {cell.note}" if cell.note else text


def _number(value: float, unit: str = "") -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:,.{digits}f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
    return f"{text} {unit}".rstrip()


def _machines(sections: Sequence[Section]) -> dict[str, list[str]]:
    """The descriptions of machines, each with the benchmarks that ran there."""
    found: dict[str, list[str]] = {}
    for section in sections:
        text = "; ".join(f"{name} {value}" for name, value in section.machine.items())
        found.setdefault(text, []).append(f"{section.name} ({section.date}, {section.seconds:.0f} s)")
    return found
