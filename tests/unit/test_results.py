"""Results in a notebook: one line each, tables that agree with their arrays, and HTML."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from attn_core import (
    Attribution,
    Comparison,
    LanguageModel,
    LogitLens,
    NameProbe,
    attribute,
    capture,
    compare,
    logit_lens,
    name_probe,
)
from attn_core.analysis.claims import Finding
from attn_core.analysis.comparison import AlignedWord

PROMPT = "The dog on the ship"
RESULTS = ("attribution", "lens", "comparison", "probe")


@pytest.fixture(scope="module")
def attribution(mini: LanguageModel) -> Attribution:
    return attribute(mini, PROMPT, " ran", foil=" flew")


@pytest.fixture(scope="module")
def lens(mini: LanguageModel) -> LogitLens:
    return logit_lens(mini, PROMPT, " ran")


@pytest.fixture(scope="module")
def comparison(mini: LanguageModel) -> Comparison:
    return compare(
        capture(mini, "Jesse Vig is the son of James"), capture(mini, "Jesse Vig is the colleague of James")
    )


@pytest.fixture(scope="module")
def probe(mini: LanguageModel) -> NameProbe:
    return name_probe(mini, "{name} works as a", {"<A>": ["Ana", "Mary"], "B": ["Omar"]}, ["doctor", "nurse"])


@pytest.fixture(params=RESULTS)
def result(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_a_result_is_one_short_line(result: Any) -> None:
    line = repr(result)
    assert line.startswith(f"{type(result).__name__}(")
    assert "\n" not in line
    assert len(line) < 120


def test_a_line_says_what_was_measured(
    attribution: Attribution, lens: LogitLens, comparison: Comparison, probe: NameProbe
) -> None:
    assert f"target={attribution.target!r}, foil={attribution.foil!r}, logit=" in repr(attribution)
    assert f"12 layers, top prediction {lens.predictions[-1].tokens[0]!r}" in repr(lens)
    assert "7 words, largest change " in repr(comparison)
    assert "'{name} works as a', 3 names in 2 groups, 2 words" in repr(probe)


def test_an_attribution_without_a_head_that_helps_names_none() -> None:
    nothing = np.zeros((1, 2), dtype=np.float32)
    attribution = Attribution(" a", None, nothing, np.ones(1, dtype=np.float32), 0.0, 0.0, 1.0)
    assert repr(attribution) == "Attribution(target=' a', logit=1.00)"


def test_a_result_equals_itself_alone(result: Any) -> None:
    other = object.__new__(type(result))
    assert result == result
    assert result != other
    assert len({result, result}) == 1


def test_the_table_of_an_attribution_has_a_row_for_each_part(attribution: Attribution) -> None:
    table = attribution.to_frame()
    assert table.columns.tolist() == ["kind", "layer", "head", "logits"]
    assert table["kind"].value_counts().to_dict() == {"head": 144, "mlp": 12, "embedding": 1, "biases": 1}
    assert table["logits"].is_monotonic_decreasing
    assert table["logits"].sum() == pytest.approx(attribution.total, abs=1e-4)
    parts = {(row.kind, row.layer, row.head): row.logits for row in table.fillna(-1).itertuples()}
    assert parts["embedding", -1, -1] == pytest.approx(attribution.embedding)
    assert parts["biases", -1, -1] == pytest.approx(attribution.biases)
    for layer in range(12):
        assert parts["mlp", layer, -1] == attribution.mlps[layer]
        assert [parts["head", layer, head] for head in range(12)] == attribution.heads[layer].tolist()


def test_parts_without_layer_or_head_have_missing_numbers(attribution: Attribution) -> None:
    table = attribution.to_frame()
    assert table["layer"].dtype == table["head"].dtype == pd.Int64Dtype()
    assert set(table.loc[table["layer"].isna(), "kind"]) == {"embedding", "biases"}
    assert set(table.loc[table["head"].isna(), "kind"]) == {"mlp", "embedding", "biases"}


def test_the_first_heads_of_the_table_are_the_strongest(attribution: Attribution) -> None:
    table = attribution.to_frame()
    heads = table.loc[table["kind"] == "head", ["layer", "head"]].head(5)
    assert [tuple(pair) for pair in heads.values.tolist()] == attribution.strongest(5)


def test_the_table_of_a_logit_lens_has_a_row_for_each_layer(lens: LogitLens) -> None:
    table = lens.to_frame()
    assert table.columns.tolist() == ["layer", "token", "probability", "target_probability"]
    assert table["layer"].tolist() == list(range(-1, 12))
    assert table["token"].tolist() == [prediction.tokens[0] for prediction in lens.predictions]
    assert table["probability"].tolist() == [prediction.probabilities[0] for prediction in lens.predictions]
    np.testing.assert_array_equal(table["target_probability"], lens.target_probabilities)


def test_the_table_of_a_comparison_has_a_row_for_each_head(comparison: Comparison) -> None:
    table = comparison.to_frame()
    assert table.columns.tolist() == ["layer", "head", "change", "gained_word", "gain", "lost_word", "loss"]
    assert list(zip(table["layer"], table["head"], strict=True)) == comparison.rank_heads(144)
    labels = [word.label for word in comparison.words]
    for layer, head, change, gained_word, gain, lost_word, loss in table.itertuples(index=False):
        difference = comparison.difference[layer, head]
        assert change == comparison.change[layer, head]
        assert gain == max(difference.max(), 0)
        assert loss == max(-difference.min(), 0)
        assert gained_word == (labels[difference.argmax()] if gain else "")
        assert lost_word == (labels[difference.argmin()] if loss else "")


def test_a_head_that_has_not_moved_gains_and_loses_no_word() -> None:
    words = (AlignedWord("a", "a", (0, 1), (0, 1), is_first=True), AlignedWord("b", "c", (1, 2), (1, 2)))
    before = np.array([[[0.25, 0.75], [0.5, 0.5]]], dtype=np.float32)
    after = np.array([[[0.25, 0.75], [0.25, 0.75]]], dtype=np.float32)
    table = Comparison(words, (1, 1), before, after).to_frame()
    assert table.values.tolist() == [[0, 1, 0.25, "b → c", 0.25, "a", 0.25], [0, 0, 0.0, "", 0.0, "", 0.0]]


def test_html_shows_the_line_and_the_first_rows(attribution: Attribution, comparison: Comparison) -> None:
    for result, n_rows in ((attribution, 158), (comparison, 144)):
        html = result._repr_html_()
        assert html.count("<tr") == 1 + 10
        assert all(f"<th>{column}</th>" in html for column in result.to_frame().columns)
        assert f"{n_rows - 10} more rows" in html


def test_html_shows_all_layers_and_all_means(lens: LogitLens, probe: NameProbe) -> None:
    for result, table in ((lens, lens.to_frame()), (probe, probe.means())):
        html = result._repr_html_()
        assert html.count("<tr") == 1 + len(table)
        assert all(f"<th>{column}</th>" in html for column in table.columns)
        assert "more row" not in html


def test_html_escapes_what_people_typed(mini: LanguageModel, probe: NameProbe) -> None:
    assert "&lt;A&gt;" in probe._repr_html_()
    typed = attribute(mini, "<b>The dog", " ran")._repr_html_()
    assert "<b>" not in typed


def test_a_finding_is_true_where_the_claim_holds() -> None:
    assert Finding(True, 0.74, (4, 3))
    assert not Finding(False, 0.31)
    assert repr(Finding(True, 0.74, (4, 3))) == "Finding(holds, 0.74, L4H3)"
    assert repr(Finding(False, 0.31)) == "Finding(does not hold, 0.31)"
    assert Finding(True, 0.5) == Finding(True, 0.5)
