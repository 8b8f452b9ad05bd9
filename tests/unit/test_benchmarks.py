"""What the reports of benchmarks say."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks import needs, profiling
from benchmarks.processes import in_fork
from benchmarks.report import PACKAGES, Section, as_json, as_markdown, versions
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


def test_a_fork_has_what_was_made_and_leaves_it_as_it_was() -> None:
    made = [1.0]

    def add() -> float:
        made.append(2.0)
        return sum(made)

    assert in_fork(add) == 3.0
    assert made == [1.0]


def test_a_fork_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="exit ended with 3"):
        in_fork(sys.exit, 3)


@given(st.floats(0.5, 3), st.floats(1e-3, 1e3))
def test_the_exponent_of_a_power_law_is_found(exponent: float, factor: float) -> None:
    sizes = [128, 256, 512, 1024]
    assert growth_exponent(sizes, [factor * size**exponent for size in sizes]) == pytest.approx(exponent)


WITHOUT = """
import importlib, sys
for name in ("bertviz", "playwright", "hypothesis", "axe_playwright_python"):
    sys.modules[name] = None
for part in ("__main__", "capturing", "writing", "visitors", "growth", "ablation", "mini"):
    importlib.import_module(f"benchmarks.{part}")
"""


@pytest.mark.slow
def test_the_parts_that_compute_only_need_neither_bertviz_nor_a_browser() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], cwd=Path(command.__file__).parents[1], check=True)


def lacks(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these packages be missing."""
    known = importlib.metadata.version

    def version(package: str) -> str:
        if package in names:
            raise importlib.metadata.PackageNotFoundError(package)
        return known(package)

    monkeypatch.setattr("benchmarks.report.version", version)
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name in names else object())


def test_a_part_ends_with_the_versions_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks(monkeypatch, "bertviz", "playwright")
    monkeypatch.setattr("benchmarks.mini.run", lambda runs: RESULT)
    section = Section.from_json(json.loads(json.dumps(command.measure("mini"))))
    assert section.result == RESULT
    assert {"commit", "torch"} <= set(section.machine)
    assert not {"bertviz", "playwright"} & set(versions())
    assert set(versions()) == {"python", *PACKAGES} - {"bertviz", "playwright"}


@pytest.mark.parametrize("name", needs.NEEDS)
def test_what_a_part_lacks_is_said_before_anything_is_measured(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacks(monkeypatch, "bertviz", "playwright")
    monkeypatch.setattr(needs, "find_browser", lambda: None)
    monkeypatch.setattr(needs, "LIBRARIES", Path("nowhere"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    measured: list[str] = []

    def measure(_: str, part: str, **__: object) -> dict[str, object]:
        measured.append(part)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "in_fresh_process", measure)
    monkeypatch.setattr(sys, "argv", ["benchmarks", name])
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        command.main()
    said = capsys.readouterr().err
    if name in ("overview", "app", "memory"):
        assert not measured
        assert f"{name} needs " in said
        assert "playwright, a Chromium" in said
        assert ("bertviz" in said and "npm" in said) == (name == "overview")
        assert "choose from: capturing, writing, visitors, growth, ablation, mini." in said
    else:
        assert measured == [name]


def test_every_part_is_there_and_says_what_it_needs() -> None:
    folder = Path(command.__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in needs.NEEDS)
    texts = {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in needs.NEEDS}
    assert {name for name, text in texts.items() if "playwright" in text} == {
        name for name, needed in needs.NEEDS.items() if needs.PLAYWRIGHT in needed
    }
    assert {name for name, text in texts.items() if "import bertviz" in text} == {"overview"}


@pytest.mark.parametrize(
    ("stack", "kind"),
    [
        (["run_network (/b/attn_core/forward.py:9)", "hook (/b/attn_core/attention.py:2)"], profiling.MODEL),
        (["run (/a/streamlit/x.py:1)", "draw (/b/attn_core/ui/drawing.py:9)", "dumps (/json.py:2)"], profiling.OWN),
        (["draw (/b/attn_core/ui/drawing.py:9)", "chart (/a/streamlit/elements/x.py:1)"], profiling.STREAMLIT),
        (["run (/usr/threading.py:1)"], profiling.REST),
    ],
)
def test_a_sample_counts_for_whose_code_it_met(stack: list[str], kind: str) -> None:
    assert profiling.kind_of(stack) == kind
