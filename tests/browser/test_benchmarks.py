"""Every benchmark runs, in a short form."""

from __future__ import annotations

import importlib
import importlib.metadata
import math

import pytest
import torch

from benchmarks import app, memory, needs, profiling, visitors
from benchmarks.hall import OPEN
from benchmarks.report import Section, as_markdown
from benchmarks.results import Result

# --- what a part does not need is not asked for ----------------------------------------------------------------


# --- every part, in a short form -------------------------------------------------------------------------------

SHORT: dict[str, dict[str, object]] = {
    "capturing": {"SIZES": (32, 48), "SHORTEST_RUN": 0.0},
    "writing": {"SIZES": (16,), "NEW_TOKENS": 3, "PAIRS": 1},
    "growth": {"SIZES": (16, 24), "FITTED": (16, 24)},
    "ablation": {"LOOPED": [(0, 0), (11, 11)]},
    "mini": {"NEW_TOKENS": 4},
}


@pytest.mark.parametrize("name", SHORT)
def test_a_part_that_computes_measures_all_that_it_reports(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part = importlib.import_module(f"benchmarks.{name}")
    for constant, value in SHORT[name].items():
        monkeypatch.setattr(part, constant, value)
    n_threads = torch.get_num_threads()
    try:
        check_measured(part.run(1))
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.browser
def test_the_memory_of_the_server_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    for constant, value in {"LONGEST": 64, "SESSIONS": 2, "PROMPTS": 4, "STEP": 2}.items():
        monkeypatch.setattr(memory, constant, value)
    result = memory.run()
    check_measured(result)
    assert len([cell for cell in result.measurements if cell.table == memory.MANY]) == 2


@pytest.mark.browser
def test_the_overviews_are_built_and_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    if lacking := needs.missing_for("overview"):
        pytest.skip(f"lacking: {', '.join(lacking)}")
    overview = importlib.import_module("benchmarks.overview")
    monkeypatch.setattr(overview, "SIZES", (16,))
    monkeypatch.setattr(overview, "BUDGET_SIZE", "16 tokens")
    check_measured(overview.run(1))


def test_the_hall_of_visitors_finds_every_page_in_order() -> None:
    result = visitors.measure((6,), 4.0, idle_seconds=2.0)
    check_measured(result)
    assert result.remarks[0] == "Faults: none."
    for side in (visitors.MINI, visitors.GPT2):
        assert len(result.find(f"{visitors.WAITS}: {side}", "6 visitors", OPEN).values) >= 6
        assert result.find(visitors.MEMORY, "6 visitors", side).median > 300
        assert result.find(visitors.PROFILE, profiling.MODEL, side).median > 0


@pytest.mark.browser
def test_the_waits_in_the_app_are_measured_on_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "TRIES", 3)
    result = app.run(1)
    check_measured(result)
    assert {cell.row for cell in result.measurements if cell.table == app.DEEDS} >= {
        "click on a head",
        *(f"… to {page}" for page in app.PAGES),
    }


def check_measured(result: Result) -> None:
    """Every number is there, and every budget has one."""
    assert result.measurements
    for cell in result.measurements:
        assert cell.values, cell
        assert all(math.isfinite(value) for value in cell.values)
    assert all(budget.measured >= 0 for budget in result.budgets)
    assert as_markdown([Section("part", result, "today", 1.0, {})])
