"""A figure for a room is the same figure, all of it larger."""

from __future__ import annotations

from typing import Any

import pytest

from attn_core import charts
from attn_core.charts.zoom import zoomed
from tests.conftest import random_trace

TRACE = random_trace()
DRAWN: dict[str, dict[str, Any]] = {
    "grid": charts.head_grid(TRACE).to_dict(),
    "lines": charts.attention_lines(TRACE, 0, 0, query=2).to_dict(),
    "map": charts.head_map(TRACE.attention[:, :, -1, 0] - 0.5, title="some number").to_dict(),
    "matrix": charts.attention_heatmap(TRACE, 0, 0).to_dict(),
}


def numbers(value: Any, name: str) -> list[float]:
    """All numbers under keys of this name."""
    if isinstance(value, list):
        return [number for item in value for number in numbers(item, name)]
    if not isinstance(value, dict):
        return []
    here = [value[name]] if isinstance(value.get(name), int | float) else []
    return here + [number for key, item in value.items() if key != "datasets" for number in numbers(item, name)]


@pytest.mark.parametrize("kind", DRAWN)
def test_sides_and_letters_grow_alike_and_the_data_stay(kind: str) -> None:
    before = DRAWN[kind]
    after = zoomed(before, 1.5)
    assert after["width"] == 1.5 * before["width"]
    assert after["height"] == 1.5 * before["height"]
    for name in ("fontSize", "dx"):
        assert numbers(after, name) == [1.5 * number for number in numbers(before, name)]
    assert after["datasets"] == before["datasets"]


def ranges(specification: dict[str, Any], channel: str) -> list[list[float]]:
    """The ranges of all scales of a channel of the lines."""
    encoding = specification["layer"][0]["encoding"][channel]
    several = encoding.get("condition", [])
    parts = [encoding, *(several if isinstance(several, list) else [several])]
    return [part["scale"]["range"] for part in parts if "scale" in part]


def test_lines_grow_thicker_and_none_is_faint() -> None:
    before, after = DRAWN["lines"], zoomed(DRAWN["lines"], 2)
    assert ranges(after, "strokeWidth") == [[2 * end for end in ends] for ends in ranges(before, "strokeWidth")]
    assert ranges(before, "opacity") == [[0.25, 1]]
    assert ranges(after, "opacity") == [[0.6, 1]]


def test_the_chart_itself_is_not_changed() -> None:
    before = repr(DRAWN["lines"])
    zoomed(DRAWN["lines"], 3)
    assert repr(DRAWN["lines"]) == before
