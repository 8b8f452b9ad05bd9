"""Every benchmark runs, in a short form, with a narrow network."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import app, capturing, hall, memory, needs, profiling, subjects, visitors
from benchmarks.hall import OPEN
from benchmarks.report import Section, as_markdown
from benchmarks.results import Result
from tests.support.serving import Server, serving

pytestmark = pytest.mark.browser

SHORT: dict[str, dict[str, object]] = {
    "capturing": {"SIZES": (32, 48), "SHORTEST_RUN": 0.0},
    "writing": {"SIZES": (16,), "NEW_TOKENS": 3, "PAIRS": 1},
    "growth": {"SIZES": (16, 24), "FITTED": (16, 24)},
    "ablation": {"LOOPED": [(0, 0), (11, 11)]},
    "mini": {"NEW_TOKENS": 4},
}


@pytest.fixture(autouse=True)
def _narrow_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "WIDTH", 48)


@pytest.fixture
def shared_servers(monkeypatch: pytest.MonkeyPatch, dashboard: Server) -> Iterator[None]:
    """Let benchmarks use one server for each script, and for the dashboard the one that is there."""
    with ExitStack() as running:

        @cache
        def start(script: str | Path) -> Server:
            return dashboard if script == "dashboard.py" else running.enter_context(serving(script))

        for part in (app, memory, visitors):
            monkeypatch.setattr(part, "serving", lambda script="dashboard.py", **_: nullcontext(start(script)))
        yield


@pytest.mark.parametrize("name", SHORT)
def test_a_part_that_computes_measures_all_that_it_reports(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part = importlib.import_module(f"benchmarks.{name}")
    for constant, value in SHORT[name].items():
        monkeypatch.setattr(part, constant, value)
    for module in (part, capturing):
        monkeypatch.setattr(module, "in_fresh_process", call_here, raising=False)
        monkeypatch.setattr(module, "N_CORES", 1, raising=False)  # threads are not copied into a fork
    n_threads = torch.get_num_threads()
    try:
        check_measured(part.run(1))
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.usefixtures("shared_servers")
def test_the_memory_of_the_server_is_followed(elsewhere: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    for constant, value in {"LONGEST": 64, "SESSIONS": 2, "PROMPTS": 2, "STEP": 1}.items():
        monkeypatch.setattr(memory, constant, value)
    result = elsewhere.submit(memory.run).result()
    check_measured(result)
    assert len([cell for cell in result.measurements if cell.table == memory.MANY]) == 2


def test_the_overviews_are_built_and_painted(elsewhere: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    if lacking := needs.missing_for("overview"):
        pytest.skip(f"lacking: {', '.join(lacking)}")
    overview = importlib.import_module("benchmarks.overview")
    monkeypatch.setattr(overview, "SIZES", (16,))
    monkeypatch.setattr(overview, "BUDGET_SIZE", "16 tokens")
    check_measured(elsewhere.submit(overview.run, 1).result())


@pytest.mark.usefixtures("shared_servers")
def test_the_hall_of_visitors_finds_every_page_in_order(
    elsewhere: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall, "in_fresh_process", call_here)
    result = elsewhere.submit(visitors.measure, (6,), 3.0, idle_seconds=1.0).result()
    check_measured(result)
    assert result.remarks[0] == "Faults: none."
    for side in (visitors.MINI, visitors.GPT2):
        assert len(result.find(f"{visitors.WAITS}: {side}", "6 visitors", OPEN).values) >= 6
        assert result.find(visitors.MEMORY, "6 visitors", side).median > 300
        assert result.find(visitors.PROFILE, profiling.MODEL, side).median > 0


@pytest.mark.usefixtures("shared_servers")
def test_the_waits_in_the_app_are_measured_on_its_pages(
    elsewhere: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TRIES", 1)
    monkeypatch.setattr(app, "PAGES", dict([*app.PAGES.items()][:1]))
    monkeypatch.setattr(app, "replay_app", subjects.empty_app)  # the hall of visitors makes a real one
    result = elsewhere.submit(app.run, 1).result()
    check_measured(result)
    assert {cell.row for cell in result.measurements if cell.table == app.DEEDS} >= {
        "click on a head",
        *(f"… to {page}" for page in app.PAGES),
    }


def call_here(function: str, *arguments: Any, limit: float = 0) -> Any:
    """Call a function without a process of its own."""
    module, name = function.split(":")
    return getattr(importlib.import_module(module), name)(*arguments)


def check_measured(result: Result) -> None:
    """Every number is there, and every budget has one."""
    assert result.measurements
    for cell in result.measurements:
        assert cell.values, cell
        assert all(math.isfinite(value) for value in cell.values)
    assert all(budget.measured >= 0 for budget in result.budgets)
    assert as_markdown([Section("part", result, "today", 1.0, {})])
