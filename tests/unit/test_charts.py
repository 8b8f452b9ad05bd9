from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attn_core import AttentionTrace, Prediction, charts
from attn_core.charts.formatting import format_percent, format_signed, format_weight
from attn_core.charts.style import BACKGROUNDS, DIVERGING, SEQUENTIAL, Theme, colors, picture, ramp
from tests.support.contrast import MARKS, TEXT, contrast, rgb
from tests.support.figures import make_trace
from tests.support.traces import random_trace


def rows(chart: charts.Figure, field: str) -> list[dict[str, Any]]:
    """The chart's first table that has the field."""
    tables = chart.to_dict()["datasets"].values()
    return next(table for table in tables if table and field in table[0])


def test_the_grid_has_a_picture_for_every_head() -> None:
    trace = random_trace(n_layers=3, n_heads=4)
    cells = rows(charts.head_grid(trace, selected=(1, 2)), "picture")
    assert [(cell["layer"], cell["head"]) for cell in cells] == [(i, j) for i in range(3) for j in range(4)]


def test_a_thumbnail_shows_the_weights_and_stays_small() -> None:
    weights = np.eye(200, dtype=np.float16)
    image = Image.open(io.BytesIO(base64.b64decode(picture(weights, "light", 64).split(",")[1])))
    assert image.size == (64, 64)
    pixels = np.asarray(image.convert("RGB"))
    assert (pixels[5, 5] == ramp("light")[-1]).all()
    assert (pixels[5, 40] == ramp("light")[0]).all()


@pytest.mark.slow
def test_the_grid_of_a_long_prompt_is_within_an_80th_of_bertvizs_64_megabytes() -> None:
    rng = np.random.default_rng(0)
    weights = np.tril(rng.dirichlet(np.full(128, 0.05), size=(12, 12, 128))) + 1e-6 * np.tril(np.ones((128, 128)))
    weights /= weights.sum(-1, keepdims=True)
    trace = AttentionTrace(tuple(" w" for _ in range(128)), weights.astype(np.float32))
    assert len(charts.head_grid(trace).chart().to_json(indent=None)) < 64_000_000 / 80


def test_lines_show_ran_looking_at_dog(recording: Callable[[str], Path]) -> None:
    trace = AttentionTrace.load(recording("dog_on_the_ship"))
    links = rows(charts.attention_lines(trace, 4, 3, query=5), "from_word")
    strongest = max((link for link in links if link["chosen"]), key=lambda link: link["weight"])
    assert (strongest["from_word"], strongest["to_word"]) == ("ran", "dog")
    assert strongest["weight"] == pytest.approx(0.737, abs=0.001)


def test_a_long_prompt_keeps_the_strongest_links_and_all_of_the_chosen_word() -> None:
    trace = random_trace(1, 1, 200)
    links = charts.shown_links(trace, [(0, 0)], query=150)
    assert links.left_out > 0
    weights = trace.head(0, 0)
    hidden = {(q, k) for q, k in np.argwhere(weights >= 0.01)} - set(zip(links.queries, links.keys, strict=True))
    assert len(hidden) == links.left_out
    assert max(weights[q, k] for q, k in hidden) == pytest.approx(links.threshold)
    assert (links.queries == 150).sum() == (weights[150] >= 0.01).sum()


def without_data(figure: charts.Figure) -> dict[str, Any]:
    specification = figure.to_dict()
    return {name: specification[name] for name in specification.keys() - {"datasets", "description"}}


def test_figures_that_differ_in_data_only_are_one_form_for_the_browser() -> None:
    trace = random_trace(2, 3, 8)
    assert without_data(charts.attention_lines(trace, 0, 0, query=3)) == without_data(
        charts.attention_lines(random_trace(2, 3, 8, seed=1), 1, 2, query=5)
    )
    assert without_data(charts.head_grid(trace, selected=(0, 0))) == without_data(
        charts.head_grid(trace, selected=(1, 2))
    )


@pytest.mark.parametrize("draw", ["lines", "grid", "map"])
def test_a_figure_and_its_chart_show_the_same(draw: str) -> None:
    trace = random_trace(2, 3, 8)
    figure = {
        "lines": lambda: charts.attention_lines(trace, 0, 0, query=[3, 5]),
        "grid": lambda: charts.head_grid(trace, selected=(1, 2), labels=["null", "other", "induction"] * 2),
        "map": lambda: charts.head_map(trace.attention[:, :, 4, 2], selected=(1, 2), title="attention"),
    }[draw]()
    sent, chart = figure.to_dict(), figure.chart().to_dict()
    assert chart["description"] == sent["description"]
    assert [layer["mark"] for layer in chart["layer"]] == [layer["mark"] for layer in sent["layer"]]
    assert [layer["encoding"] for layer in chart["layer"]] == [layer["encoding"] for layer in sent["layer"]]
    assert chart["datasets"] == sent["datasets"]


def test_what_is_done_to_one_figure_is_not_done_to_the_next() -> None:
    trace = random_trace(2, 3, 8)
    charts.attention_lines(trace, 0, 0).to_dict()["layer"].clear()
    assert charts.attention_lines(trace, 0, 0).to_dict()["layer"]


def test_several_heads_get_a_colour_each() -> None:
    chart = charts.attention_lines(random_trace(), 0, 0, more_heads=[(1, 2)])
    assert {link["head"] for link in rows(chart, "from_word")} == {"L0H0", "L1H2"}


def test_the_row_of_one_step_draws_only_its_own_lines() -> None:
    links = rows(charts.row_lines(["a", " b", " c"], np.array([0.7, 0.2, 0.1]), name="L0H0"), "from_word")
    assert [(link["from_word"], link["to_word"]) for link in links] == [("c", "a"), ("c", "b"), ("c", "c")]


def test_the_matrix_answers_the_pointer_for_the_strongest_cells() -> None:
    small = rows(charts.attention_heatmap(random_trace(1, 1, 6), 0, 0, query=2), "weight")
    assert len(small) == 21
    large = rows(charts.attention_heatmap(random_trace(1, 1, 100), 0, 0), "weight")
    assert len(large) == 2000


@pytest.mark.parametrize(("n", "first", "last"), [(48, "word0", "+word47"), (49, "0", "48")])
def test_the_matrix_names_up_to_48_words_and_then_positions(n: int, first: str, last: str) -> None:
    trace = make_trace(*(f"word{i}" for i in range(n)))
    names = [row["name"] for row in rows(charts.attention_heatmap(trace, 0, 0), "middle")]
    assert (names[0], names[n - 1]) == (first, last)


def test_bars_of_two_prompts_hold_the_best_words_of_each() -> None:
    a = Prediction((" Vig", " James"), np.array([0.8, 0.1], dtype=np.float32))
    b = Prediction((" Smith", " Vig"), np.array([0.5, 0.01], dtype=np.float32))
    table = rows(charts.paired_probabilities(a, b), "prompt")
    assert {(row["token"], row["prompt"]): round(row["probability"], 2) for row in table} == {
        (" Vig", "A"): 0.8,
        (" Vig", "B"): 0.01,
        (" Smith", "A"): 0.0,
        (" Smith", "B"): 0.5,
        (" James", "A"): 0.1,
        (" James", "B"): 0.0,
    }


@pytest.mark.slow
@pytest.mark.parametrize("token", ["'", '"', "\\", "</script>", "\u2028", "{{x}}", "${x}"])
def test_no_token_breaks_a_chart(token: str) -> None:
    weights = np.array([[[[1, 0], [0.5, 0.5]]]], dtype=np.float16)
    trace = AttentionTrace((token, token), weights)
    prediction = Prediction((token,), np.array([1.0], dtype=np.float32), (5,))
    for chart in (
        charts.attention_lines(trace, 0, 0),
        charts.attention_heatmap(trace, 0, 0),
        charts.probability_bars(prediction, chosen=5),
        charts.lens_bars([prediction], 5, [1.0]),
    ):
        assert json.loads(chart.chart().to_json())["description"]


def test_a_map_of_heads_has_a_square_a_head_and_zero_in_the_middle_of_its_colours() -> None:
    values = np.linspace(-1, 3, 12).reshape(3, 4)
    chart = charts.head_map(values, selected=(2, 1), title="direct effect on “dog” (logits)").to_dict()
    table = next(iter(chart["datasets"].values()))
    assert [(row["layer"], row["head"]) for row in table if row["selected"]] == [(2, 1)]
    assert [row["value"] for row in table] == pytest.approx(values.ravel())
    assert max(abs(row["shade"]) for row in table) == 1
    scale = next(layer["encoding"]["color"]["scale"] for layer in chart["layer"] if "color" in layer["encoding"])
    assert scale["domain"][0] == -scale["domain"][-1] == -1
    assert scale["domain"][len(scale["domain"]) // 2] == 0
    assert scale["range"][len(scale["range"]) // 2] == "#ffffff"
    assert "3 × 4 heads" in chart["description"]


def test_a_map_of_nothing_but_zeros_is_drawn() -> None:
    charts.head_map(np.zeros((2, 2)), title="nothing").to_dict()


def test_the_lens_names_the_best_word_of_each_layer_and_marks_the_chosen_one() -> None:
    said = [
        Prediction((token,), np.array([p], np.float32), (i,)) for token, p, i in ((" a", 0.2, 7), (" b", 0.9, 8))
    ]
    chart = charts.lens_bars(said, 8, [0.1, 0.9]).to_dict()
    table = next(iter(chart["datasets"].values()))
    assert [row["label"] for row in table] == ["a", "b"]
    assert [row["chosen"] for row in table] == [False, True]
    assert [row["place"] for row in table] == ["input", "after L0"]
    assert [row["of_chosen"] for row in table] == pytest.approx([0.1, 0.9])


def test_a_query_that_looks_everywhere_alike_still_shows_its_strongest_links() -> None:
    n = 300
    chart = charts.row_lines([f" w{i}" for i in range(n)], np.full(n, 1 / n), name="L0H0")
    assert len(rows(chart, "weight")) == 5
    looks_at_one = np.eye(1, n, 7)[0] * 0.99 + 0.01 / n
    assert len(rows(charts.row_lines([f" w{i}" for i in range(n)], looks_at_one, name=""), "weight")) == 1


def test_a_head_that_looks_everywhere_alike_is_drawn_without_lines() -> None:
    n = 300
    weights = np.tril(np.ones((1, 1, n, n))) / np.arange(1, n + 1)[:, None]
    weights[:, :, :150] = 0  # these rows have few enough keys to be drawn
    trace = AttentionTrace(tuple(f" w{i}" for i in range(n)), weights.astype(np.float16), derived=True)
    assert not len(charts.shown_links(trace, [(0, 0)]).weights)
    charts.attention_lines(trace, 0, 0).to_dict()


def test_of_tokens_that_read_the_same_only_the_chosen_one_stands_out() -> None:
    alike = Prediction(("�", "�"), np.array([0.6, 0.4], np.float32), (7, 8))
    assert [row["chosen"] for row in rows(charts.probability_bars(alike, chosen=8), "chosen")] == [False, True]
    recorded = Prediction((" a",), np.array([0.6], np.float32))
    assert [row["chosen"] for row in rows(charts.probability_bars(recorded), "chosen")] == [False]


def test_a_token_that_one_prompt_did_not_keep_is_less_probable_than_those_it_kept() -> None:
    a = Prediction((" x", " y"), np.array([0.6, 0.3], np.float32), (1, 2))
    b = Prediction((" x", " z"), np.array([0.9, 0.02], np.float32), (1, 3))
    bars = rows(charts.paired_probabilities(a, b), "prompt")
    said = {(bar["token"].strip(), bar["prompt"]): bar["probability_text"] for bar in bars}
    assert said == {
        ("x", "A"): "60%",
        ("x", "B"): "90%",
        ("y", "A"): "30%",
        ("y", "B"): "<2.0%",
        ("z", "A"): "<10%",
        ("z", "B"): "2.0%",
    }


def test_chosen_words_are_summed_at_the_right() -> None:
    trace = random_trace(1, 1, 6)
    chart = charts.attention_lines(trace, 0, 0, query=[3, 5]).to_dict()
    sums = trace.head(0, 0)[[3, 5]].sum(axis=0)
    assert [row["weight"] for row in chart["datasets"]["sums"]] == pytest.approx(sums[sums >= 0.01].tolist())


def grid_rows(**options: Any) -> list[dict[str, Any]]:
    return rows(charts.head_grid(random_trace(2, 3), **options), "stands_out")


def test_heads_that_were_not_asked_for_fade_in_their_place() -> None:
    cells = grid_rows(heads=[(1, 2), (0, 0)])
    assert [(cell["row"], cell["column"]) for cell in cells] == [(i, j) for i in range(2) for j in range(3)]
    assert {(cell["layer"], cell["head"]) for cell in cells if cell["stands_out"]} == {(0, 0), (1, 2)}


def test_ranked_heads_stand_in_their_order_and_the_others_are_left_out() -> None:
    cells = grid_rows(heads=[(1, 2), (0, 0), (1, 0), (0, 1)], ranked=True)
    assert [(cell["layer"], cell["head"]) for cell in cells] == [(1, 2), (0, 0), (1, 0), (0, 1)]
    assert [(cell["row"], cell["column"]) for cell in cells] == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_ranked_heads_have_room_for_their_names_however_many_heads_a_layer_has() -> None:
    every = [(layer, head) for layer in range(2) for head in range(25)]
    cells = rows(charts.head_grid(random_trace(2, 25), heads=every, ranked=True), "stands_out")
    assert [cell["column"] for cell in cells][:14] == [*range(12), 0, 1]
    assert {cell["row"] for cell in cells} == set(range(5))


def test_heads_that_found_something_have_frames_and_a_legend() -> None:
    labels = ["null", "other", "induction", "null", "list items", "previous token"]
    chart = charts.head_grid(random_trace(2, 3), labels=labels).to_dict()
    strokes = [layer["encoding"]["stroke"] for layer in chart["layer"] if "stroke" in layer["encoding"]]
    assert strokes[0]["scale"]["domain"] == list(charts.label_colors("light"))
    assert strokes[0]["legend"]["values"] == ["previous token", "induction", "list items"]
    framed = [cell["label"] for cell in chart["datasets"]["cells"] if cell["framed"]]
    assert framed == ["induction", "list items", "previous token"]


def test_swatches_count_what_was_found() -> None:
    labels = ["null", "other", "induction", "null", "induction", "previous token"]
    colors = charts.label_colors("dark")
    assert charts.swatches(labels, "dark") == [
        ("previous token", colors["previous token"], 1),
        ("induction", colors["induction"], 2),
    ]


def test_the_scale_of_a_map_is_told_in_texts() -> None:
    values = np.array([[0.5, -2.0], [0.0, 1.25]])
    assert charts.scale_of(values, True, "light") == charts.Scale(DIVERGING["light"], "−2.0", "0", "+2.0")
    assert charts.scale_of(abs(values) / 4, False, "dark") == charts.Scale(SEQUENTIAL["dark"], "0", "0.25", "0.50")


@pytest.mark.parametrize(
    ("write", "number", "text"),
    [
        (format_weight, 0.825, "0.82"),
        (format_weight, 0.009, "<0.01"),
        (format_weight, 0.0, "0"),
        (format_percent, 0.342, "34%"),
        (format_percent, 0.0342, "3.4%"),
        (format_percent, 0.0999, "10%"),
        (format_percent, 0.0034, "0.34%"),
        (format_percent, 0.0015, "0.15%"),
        (format_percent, 0.0009, "<0.1%"),
        (format_percent, 0.0, "0%"),
        (format_percent, 0.999, ">99%"),
        (format_percent, 1.0, "100%"),
        (format_signed, 12.3, "+12"),
        (format_signed, 1.23, "+1.2"),
        (format_signed, -0.451, "−0.45"),
        (format_signed, -0.00001, "0"),
        (format_signed, 0.0, "0"),
    ],
)
def test_numbers_have_two_digits(write: Callable[[float], str], number: float, text: str) -> None:
    assert write(number) == text


def forms(theme: Theme = "light") -> dict[str, list[charts.Figure]]:
    """Figures of each kind that differ in what is chosen, in their numbers and in how many tokens there are."""
    few, many = random_trace(2, 3, 5), random_trace(2, 3, 9, seed=1)
    next_words = [
        Prediction((" a", " b", " c")[:n], np.array([0.5, 0.2, 0.1][:n], np.float32), (1, 2, 3)[:n]) for n in (2, 3)
    ]
    return {
        "lines": [
            charts.attention_lines(few, 0, 0, query=3, theme=theme),
            charts.attention_lines(few, 1, 2, theme=theme),
            charts.attention_lines(many, 0, 1, query=[2, 7], marks={1: "changed", 4: "only here"}, theme=theme),
        ],
        "heads": [
            charts.attention_lines(few, 0, 0, query=3, more_heads=[(1, 1)], theme=theme),
            charts.attention_lines(many, 0, 0, more_heads=[(1, 2), (0, 1)], theme=theme),
        ],
        "row": [
            charts.row_lines(trace.tokens, trace.head(0, 0)[-1], name=name, theme=theme)
            for trace, name in ((few, "L0H0"), (many, "L1H2"))
        ],
        "grid": [
            charts.head_grid(few, labels=["null", "other", "induction"] * 2, theme=theme),
            charts.head_grid(many, selected=(1, 2), labels=["list items"] * 6, heads=[(0, 0)], theme=theme),
        ],
        "ranked": [
            charts.head_grid(few, heads=heads, ranked=True, theme=theme) for heads in ([(0, 0)], [(1, 2), (0, 1)])
        ],
        "map": [
            charts.head_map(trace.attention[:, :, -1, 0] - 0.1, selected=head, title=title, theme=theme)
            for trace, head, title in ((few, (0, 0), "one"), (many, None, "other"))
        ],
        "matrix": [
            charts.attention_heatmap(few, 0, 0, theme=theme),
            charts.attention_heatmap(many, 1, 1, query=[2, 3], theme=theme),
        ],
        "bars": [
            charts.probability_bars(words, chosen=chosen, theme=theme)
            for words, chosen in zip(next_words, (None, 2), strict=True)
        ],
        "layers": [charts.lens_bars([words, words], 2, [0.1, 0.2], theme=theme) for words in next_words],
        "pairs": [charts.paired_probabilities(next_words[0], words, theme=theme) for words in next_words],
    }


@pytest.mark.slow
@pytest.mark.parametrize("for_a_room", [False, True])
@pytest.mark.parametrize("kind", list(forms()))
def test_on_a_page_only_the_data_of_a_figure_change(kind: str, for_a_room: bool) -> None:
    written = []
    for figure in forms()[kind]:
        specification = figure.filling(for_projector=for_a_room)
        assert specification["datasets"].keys() == figure.tables.keys()
        written.append(json.dumps(specification | {"datasets": None}))
    assert len(set(written)) == 1
    assert '"legend": {' not in written[0].replace('"legend": {"aria"', "")
    assert not {"width", "height"} & json.loads(written[0]).keys()


@pytest.mark.parametrize("kind", list(forms()))
def test_what_a_click_chooses_differs_from_turn_to_turn(kind: str) -> None:
    figure = forms()[kind][0]
    if figure.clickable is None:
        return
    specification = figure.filling(turn=7)
    assert set(specification["datasets"][figure.clickable]["turn"]) == {7}
    fields = [param["select"]["fields"] for param in specification["params"] if param["name"] in ("query", "head")]
    assert all("turn" in names for names in fields)
    assert "turn" not in json.dumps(figure.to_dict() | {"datasets": None})


def test_a_projector_swallows_no_weight_and_dark_pages_show_faint_ones() -> None:
    figure = forms()["lines"][0]

    def faintest(specification: dict[str, Any]) -> float:
        opacity = next(layer for layer in specification["layer"] if layer["mark"]["type"] == "rule")
        return float(opacity["encoding"]["opacity"]["condition"]["scale"]["range"][0])

    assert faintest(figure.filling()) == 0.25
    assert faintest(forms("dark")["lines"][0].filling()) == 0.4
    assert faintest(figure.filling(for_projector=True)) == 0.6


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_and_colored_text_can_be_read(theme: Theme) -> None:
    palette, background = colors(theme), rgb(BACKGROUNDS[theme])
    for color in (palette.link, *palette.categories):
        assert contrast(rgb(color), background) >= MARKS
    for color in (palette.accent, *palette.categories[:2]):
        assert contrast(rgb(color), background) >= TEXT


def test_words_that_differ_are_marked_and_those_only_here_have_a_sign_of_their_own() -> None:
    figure = forms()["lines"][2]
    assert list(figure.tables["words"]["mark"][:5]) == ["", "changed", "", "", "only here"]
    assert "datum.mark === 'only here'" in json.dumps(figure.filling()["layer"])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("lines", "Lines of layer 0, head 0. Strongest: from “w3” to “"),
        ("heads", "Lines of layer 0, head 0 and layer 1, head 1. Strongest: from “w3” to “"),
        ("row", "Lines of layer 0, head 0, from the last token. Strongest: from “w4” to “"),
        ("grid", "Grid of 2 × 3 attention thumbnails. Patterns: 2 null, 2 other, 2 induction."),
        ("ranked", "Grid of 2 × 3 attention thumbnails, 1 highlighted."),
        ("map", "Map of 2 × 3 heads: one. Largest: layer "),
        ("matrix", "Matrix of layer 0, head 0. Strongest: from “"),
        ("bars", "Bars of the most probable next tokens: “a” 50%, “b” 20%."),
        ("layers", "Bars of the top prediction after each layer. At the input “a” 50%, at the end “a” 50%."),
        ("pairs", "Bars of the largest differences in next-token probability between prompts A and B. Largest: “"),
    ],
)
def test_a_figure_says_what_is_to_be_seen_in_it(kind: str, said: str) -> None:
    figure = forms()[kind][0]
    assert figure.description.startswith(said)
    assert figure.to_dict()["description"] == figure.description
    assert figure.filling()["description"] == figure.kind


def test_the_strongest_link_that_is_told_is_never_that_of_the_first_token() -> None:
    weights = np.array([[1, 0, 0], [0.1, 0.9, 0], [0.3, 0.3, 0.4]], dtype=np.float32)
    trace = AttentionTrace(("a", " b", " c"), weights[None, None])
    assert "Strongest: from “b” to “b”, 0.90." in charts.attention_lines(trace, 0, 0).description


def test_the_grid_tells_on_what_each_label_rests() -> None:
    trace = random_trace(1, 2, 6)
    figure = charts.head_grid(trace, labels=["null", "other"], evidence=["0.80, 4 queries", ""])
    assert figure.tables["cells"]["score"] == ["0.80, 4 queries", "–"]
    frames = figure.to_dict()["layer"][-1]
    assert {"field": "score", "type": "nominal"} in frames["encoding"]["tooltip"]
    without = charts.head_grid(trace, labels=["null", "other"])
    assert "score" not in str(without.to_dict()["layer"][-1]["encoding"]["tooltip"])


def test_next_words_are_ranked_by_how_far_they_moved() -> None:
    a = Prediction((" the", " Vig", " a"), np.array([0.5, 0.3, 0.1]))
    b = Prediction((" the", " a", " Smith"), np.array([0.45, 0.2, 0.15]))
    told = rows(charts.paired_probabilities(a, b, n=3), "probability")
    assert [(row["token"], row["prompt"], row["probability"]) for row in told] == [
        (" Vig", "A", pytest.approx(0.3)),
        (" Vig", "B", 0),
        (" Smith", "A", 0),
        (" Smith", "B", pytest.approx(0.15)),
        (" a", "A", pytest.approx(0.1)),
        (" a", "B", pytest.approx(0.2)),
    ]


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_map_of_what_cannot_be_negative_starts_at_zero(value: float) -> None:
    chart = charts.head_map(np.full((2, 2), value), title="moved", signed=False).to_dict()
    color = next(layer["encoding"]["color"] for layer in chart["layer"] if "color" in layer["encoding"])
    assert color["scale"]["domain"][0] == 0
    assert color["scale"]["domain"] == sorted(color["scale"]["domain"])


@pytest.mark.slow
def test_pandas_is_imported_before_a_chart_can_be_drawn() -> None:
    """Altair looks into a pandas that another thread may be importing just then, and fails."""
    code = "import sys; from attn_core.charts import head_grid; assert hasattr(sys.modules['pandas'], 'Timestamp')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("n", [65, 127, 128, 200])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_pixel_of_a_small_picture_shows_the_strongest_weight_under_it(n: int, dtype: type) -> None:
    weights: NDArray[np.floating] = (np.random.default_rng(n).random((n, n)) ** 8).astype(dtype)
    image = Image.open(io.BytesIO(base64.b64decode(picture(weights, "light", 64).split(",")[1])))
    starts = np.linspace(0, n, 64, endpoint=False).astype(int)
    strongest = np.maximum.reduceat(np.maximum.reduceat(weights, starts, axis=0), starts, axis=1).astype(np.float32)
    levels = (np.sqrt(strongest) * 63).round().astype(int)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), ramp("light")[levels])


def test_squares_of_many_heads_are_no_wider_together_than_a_page() -> None:
    assert charts.head_map(np.zeros((2, 12)), title="effect").size == (12 * 36 + 36, 2 * 36 + 36)
    assert charts.head_map(np.zeros((2, 40)), title="effect").size == (640 + 36, 2 * 16 + 36)
