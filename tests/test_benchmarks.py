"""What the reports of benchmarks say; the benchmarks themselves run by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report import Section, as_json, as_markdown
from benchmarks.results import Budget, Measurement, Result, by_turns, growth_exponent

RESULT = Result(
    title="Capture",
    how="Timed.",
    measurements=(
        Measurement("Time", "8 tokens", "ours", "ms", (2.0, 1.0, 3.0)),
        Measurement("Time", "8 tokens", "theirs", "ms", (6.0, 5.0, 7.0)),
        Measurement("Time", "512 tokens", "ours", "ms", (40.0,)),
        Measurement("Time", "512 tokens", "theirs", "ms", (), "not within 120 s"),
    ),
    budgets=(Budget("time", 0.5, 0.33), Budget("speed", 0.95, 0.9, at_least=True)),
    remarks=("A remark.",),
    compared=("Time",),
)
SECTION = Section("capturing", RESULT, "2026-01-01 00:00 UTC", 12.0, {"cores": "2"})


def test_the_report_sets_each_budget_beside_what_was_measured() -> None:
    page = as_markdown([SECTION])
    assert "| time | at most 0.500 | 0.330 | yes |" in page
    assert "| speed | at least 0.950 | 0.900 | **no** |" in page


def test_the_report_tells_median_spread_and_ratio_and_why_a_number_is_missing() -> None:
    page = as_markdown([SECTION])
    assert "| 8 tokens | 2.00 ms (1.00 to 3.00) | 6.00 ms (5.00 to 7.00), × 3.00 |" in page
    assert "| 512 tokens | 40.0 ms | not within 120 s |" in page
    assert "capturing (2026-01-01 00:00 UTC, 12 s): cores 2" in page


def test_many_tries_are_told_by_their_95th_percentile() -> None:
    cell = Measurement("Wait", "click", "in all", "ms", tuple(float(i) for i in range(1, 31)))
    assert cell.percentile(95) == 29
    result = Result("App", "Clicked.", (cell,))
    assert "15.5 ms (95th percentile 29.0 ms)" in as_markdown([Section("app", result, "today", 1.0, {})])


def test_a_section_comes_back_from_its_json() -> None:
    assert Section.from_json(json.loads(json.dumps(as_json([SECTION])))[0]) == SECTION
    assert asdict(SECTION)["result"]["compared"] == ("Time",)


def test_a_cell_has_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Measurement("Time", "8 tokens", "ours", "ms", ())


def test_the_sides_take_turns_at_being_first() -> None:
    called: list[str] = []

    def side(name: str) -> float:
        called.append(name)
        return float(len(called))

    found = by_turns({"a": lambda: side("a"), "b": lambda: side("b")}, 3)
    assert [len(values) for values in found.values()] == [3, 3]
    assert called[2:] == ["a", "b", "b", "a", "a", "b"]


@given(st.floats(0.5, 3), st.floats(1e-3, 1e3))
def test_the_exponent_of_a_power_law_is_found(exponent: float, factor: float) -> None:
    sizes = [128, 256, 512, 1024]
    assert growth_exponent(sizes, [factor * size**exponent for size in sizes]) == pytest.approx(exponent)
