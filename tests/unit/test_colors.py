"""Charts for those who don't see colors, or don't see at all."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attn_core import NameProbe, Prediction, charts
from attn_core.charts import lines, style
from attn_core.charts.style import ACCENT, BACKGROUNDS, CATEGORIES, DIVERGING, LINK, SEQUENTIAL, Theme
from tests.support.contrast import MARKS, TEXT, contrast, rgb
from tests.support.serving import ROOT
from tests.support.traces import random_trace

THEMES: tuple[Theme, ...] = ("light", "dark")


CONFIG: dict[str, Any] = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]


def laid_over(color: str, background: str, opacity: float) -> NDArray[np.float64]:
    return opacity * rgb(color) + (1 - opacity) * rgb(background)


def test_black_on_white_has_the_contrast_that_wcag_says() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", THEMES)
def test_the_charts_know_the_backgrounds_of_the_page(theme: Theme) -> None:
    assert CONFIG[theme]["backgroundColor"] == BACKGROUNDS[theme]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("color", [LINK, ACCENT, *CATEGORIES])
def test_lines_and_marks_at_full_weight_stand_out(color: str, theme: Theme) -> None:
    assert contrast(rgb(color), rgb(BACKGROUNDS[theme])) >= MARKS


@pytest.mark.parametrize("theme", THEMES)
def test_the_strong_ends_of_the_scales_stand_out_and_nothing_is_the_background(theme: Theme) -> None:
    background = BACKGROUNDS[theme]
    sequential, diverging = SEQUENTIAL[theme], DIVERGING[theme]
    assert sequential[0] == diverging[len(diverging) // 2] == background
    for end in (sequential[-1], diverging[0], diverging[-1]):
        assert contrast(rgb(end), rgb(background)) >= MARKS


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_whatever_it_stands(theme: Theme) -> None:
    text, background = CONFIG[theme]["textColor"], BACKGROUNDS[theme]
    assert contrast(laid_over(text, background, lines.FADED), rgb(background)) >= TEXT
    for surest in (0.08, 0.7):  # the shade of a token, from the least probable to the most
        assert contrast(rgb(text), laid_over(LINK, background, surest)) >= TEXT
    for marked in CATEGORIES[:2]:  # the words that differ in Compare
        assert contrast(rgb(text), laid_over(marked, background, 0.25)) >= TEXT


def test_charts_write_in_the_text_colour_of_the_page() -> None:
    for chart in some_charts().values():
        config = chart.to_dict()["config"]
        for part in ("axis", "legend"):
            assert {config[part]["labelColor"], config[part]["titleColor"]} == {style.INK}


def some_charts() -> dict[str, charts.Figure]:
    trace = random_trace(2, 2, 4)
    after_a = Prediction((" Vig", " James"), np.array([0.8, 0.1], np.float32), (5, 6))
    after_b = Prediction((" Smith", " Vig"), np.array([0.5, 0.01], np.float32), (7, 5))
    probe = NameProbe(
        template="{name} is a",
        words=("cook", "poet"),
        groups=("Cats", "Dogs"),
        names=("Mia", "Rex"),
        pieces=np.array([1, 1]),
        probabilities=np.array([[0.5, 0.1], [0.25, 0.1]]),
        model="mini",
    )
    looks = np.zeros((1, 1, 3, 3), np.float32)
    looks[0, 0, [0, 1, 2], [0, 0, 1]] = 1
    dog = type(trace)(("The", " dog", " ran"), looks)
    return {
        "lines": charts.attention_lines(dog, 0, 0, query=2),
        "row": charts.row_lines(["The", " dog", " ran"], np.array([0.1, 0.7, 0.2]), name="L4H3"),
        "matrix": charts.attention_heatmap(dog, 0, 0),
        "grid": charts.head_grid(trace, selected=(1, 0), labels=["null", "null", "other", "induction"]),
        "map": charts.head_map(
            np.array([[0.1, -2], [3, 0]]), selected=(0, 1), title="direct effect on “a” (logits)"
        ),
        "bars": charts.probability_bars(after_a),
        "lens": charts.lens_bars([after_b, after_a], 5, [0.01, 0.8]),
        "pairs": charts.paired_probabilities(after_a, after_b),
        "names": charts.name_probabilities(probe),
    }


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("lines", "Lines of layer 0, head 0. Strongest: from “ran” to “dog”, 1.00."),
        ("row", "Lines of layer 4, head 3, from the last token. Strongest: from “ran” to “dog”, 0.70."),
        ("matrix", "Matrix of layer 0, head 0. Strongest: from “dog” to “The”, 1.00."),
        ("grid", "Selected: layer 1, head 0. Patterns: 2 null, 1 other, 1 induction."),
        ("map", "Largest: layer 1, head 0, +3.0. Smallest: layer 0, head 1, −2.0. Selected: layer 0, head 1."),
        ("bars", "Bars of the most probable next tokens: “Vig” 80%, “James” 10%."),
        ("lens", "At the input “Smith” 50%, at the end “Vig” 80%."),
        ("pairs", "Largest: “Vig”, 80% after A, 1.0% after B."),
        ("names", "Largest difference: “cook”, 50% after Cats, 25% after Dogs."),
    ],
)
def test_a_chart_says_what_is_to_be_seen_in_it(chart: str, said: str) -> None:
    assert some_charts()[chart].to_dict()["description"].endswith(said)
