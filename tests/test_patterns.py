"""What a head is said to do: the scores against their definitions, and the labels against what one sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attn_core import AttentionTrace, head_scores
from attn_core.patterns import LABELS, MIXED, SCORES, list_queries, mean_scores
from tests.conftest import random_trace

SHOPPING = ("At", " the", " store", ",", " she", " bought", " apples", ",", " pears", ",", " figs", ",", " and")
ROW = ("cup", " door", " ring", " cup", " door", " ring")


def trace_of(weights: NDArray[np.floating], tokens: tuple[str, ...]) -> AttentionTrace:
    """A trace of one layer whose heads have these weights, (n_heads, n_tokens, n_tokens)."""
    return AttentionTrace(tokens, weights[None].astype(np.float32), text="".join(tokens))


def looking_at(keys: list[int]) -> NDArray[np.floating]:
    """(1, n, n): each query looks at one key alone."""
    weights = np.zeros((1, len(keys), len(keys)))
    weights[0, np.arange(len(keys)), keys] = 1
    return weights


@pytest.mark.parametrize(
    ("keys", "tokens", "label"),
    [
        ([0, 0, 1, 2, 3, 4], ("a", " b", " c", " d", " e", " f"), "previous token"),
        ([0, 0, 0, 0, 0, 0], ("a", " b", " c", " d", " e", " f"), "null"),
        ([0, 1, 2, 3, 4, 5], ("a", " b", " c", " d", " e", " f"), "current token"),
        ([0, 0, 0, 0, 1, 2], ROW, "duplicate token"),
        ([0, 0, 0, 1, 2, 3], ROW, "induction"),
        ([0, 0, 1, 2, 0, 0, 0, 0, 0, 6, 0, 8, 6], SHOPPING, "list items"),
    ],
)
def test_a_head_that_does_one_thing_has_its_label(keys: list[int], tokens: tuple[str, ...], label: str) -> None:
    scores = head_scores(trace_of(looking_at(keys), tokens))
    assert scores["label"].tolist() == [label]
    column = next(name for name, text in LABELS.items() if text == label)
    assert scores[column].item() == pytest.approx(1)


def test_resting_on_the_first_token_for_less_than_seven_tenths_is_mixed() -> None:
    tokens = tuple("abcdef")
    for at_rest, label in ((0.65, MIXED), (0.75, "null")):
        weights = at_rest * looking_at([0] * 6) + (1 - at_rest) * looking_at([0, 0, 1, 1, 1, 1])
        assert head_scores(trace_of(weights, tokens))["label"].item() == label


def test_looking_everywhere_alike_is_the_highest_entropy_and_mixed() -> None:
    even = np.tril(np.ones((1, 7, 7))) / np.arange(1, 8)[:, None]
    scores = head_scores(trace_of(even, tuple("abcdefg")))
    assert scores["entropy"].item() == pytest.approx(1)
    assert scores["label"].item() == MIXED


def test_a_score_with_no_query_to_ask_is_not_a_number() -> None:
    scores = head_scores(trace_of(looking_at([0, 0]), ("a", " b")))
    assert scores[["first_token", "duplicate_token", "induction", "list_items"]].isna().all(axis=None)
    assert scores["label"].item() == "previous token"
    assert head_scores(trace_of(looking_at([0]), ("a",)))["label"].item() == MIXED


def test_there_is_one_row_for_each_head_in_order() -> None:
    scores = head_scores(random_trace(n_layers=3, n_heads=2))
    assert list(scores.columns) == ["layer", "head", *SCORES, "label"]
    assert list(zip(scores["layer"], scores["head"], strict=True)) == [(i, j) for i in range(3) for j in range(2)]


@given(st.lists(st.sampled_from(["a", " b", " c", ",", " and"]), min_size=1, max_size=12), st.integers(0, 9))
def test_scores_are_what_their_definitions_say(words: list[str], seed: int) -> None:
    tokens, n = tuple(words), len(words)
    trace = AttentionTrace(tokens, random_trace(1, 2, n, seed).attention, text="".join(tokens))
    a = trace.attention[0, 1].astype(np.float64)
    again = [q for q in range(n) if tokens[q] in tokens[:q]]
    entropies = [-sum(w * np.log(w) for w in a[q, : q + 1] if w > 0) / np.log(q + 1) for q in range(1, n)]
    expected = {
        "previous_token": [a[q, q - 1] for q in range(1, n)],
        "first_token": [a[q, 0] for q in range(2, n)],
        "current_token": [a[q, q] for q in range(1, n)],
        "duplicate_token": [sum(a[q, k] for k in range(q) if tokens[k] == tokens[q]) for q in again],
        "induction": [sum(a[q, k] for k in range(1, q) if tokens[k - 1] == tokens[q]) for q in again],
        "list_items": [sum(a[q, k] for k in keys) for q, keys in list_queries(tokens)],
        "entropy": entropies,
    }
    row = head_scores(trace).iloc[1]
    for name, values in expected.items():
        assert row[name] == pytest.approx(np.mean(values) if values else np.nan, abs=1e-3, nan_ok=True), name


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (SHOPPING, {9: ["apples"], 11: ["apples", "pears"], 12: ["apples", "pears"]}),
        (("pink", ",", " white", " and"), {3: ["pink"]}),
        (("to", " Paris", ",", " New", " York", ",", " and"), {5: ["Paris"], 6: ["Paris"]}),
        (("a", " V", "ig", ",", " b", " or"), {5: ["V", "ig"]}),
        (("When", " Ana", " and", " Omar", " went", " to", " it", ",", " he"), {}),
        (("a", " and", " b", ".", " c", " and", " d", " or"), {7: ["c"]}),
        (("no", " list", " here"), {}),
        ((",", " and", " or"), {}),
    ],
)
def test_a_separator_can_look_at_the_earlier_items_of_its_list(
    tokens: tuple[str, ...], expected: dict[int, list[str]]
) -> None:
    assert {q: [tokens[k].strip() for k in keys] for q, keys in list_queries(tokens)} == expected


def test_means_over_texts_leave_out_what_a_text_cannot_say() -> None:
    one = head_scores(trace_of(looking_at([0, 0, 0, 1, 2, 3]), ROW))
    other = head_scores(trace_of(looking_at([0, 0, 0]), ("a", " b", " c")))
    mean = mean_scores([one, other])
    assert mean["induction"].item() == 1
    assert mean["first_token"].item() == pytest.approx((1 / 4 + 1) / 2)


def test_the_real_gpt2s_heads_have_the_labels_that_are_known(recording: Callable[[str], Path]) -> None:
    for name, null_heads in (("dog_on_the_ship", 59), ("shopping_list", 63)):
        scores = head_scores(AttentionTrace.load(recording(name))).set_index(["layer", "head"])
        assert scores["label"].loc[(4, 11)] == "previous token"
        assert scores["previous_token"].loc[(4, 11)] >= 0.99
        assert (scores["label"] == "null").sum() == null_heads
    assert scores["label"].loc[(9, 0)] == "list items"
    assert scores["list_items"].nlargest(3).index.tolist() == [(9, 0), (10, 7), (8, 6)]
