"""What a head is said to do: the scores against their definitions, and the labels against what one sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attn_core import AttentionTrace, head_scores, link_strengths
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


@given(
    st.lists(st.sampled_from(["a", " b", " c", ",", " and", " dog", " V", "ig"]), min_size=1, max_size=12),
    st.integers(0, 99),
    st.booleans(),
)
def test_scores_are_between_nothing_and_all(tokens: list[str], seed: int, one_place: bool) -> None:
    n = len(tokens)
    weights = random_trace(1, 2, n, seed).attention[0]
    if one_place:
        weights = looking_at([int(key) for key in np.random.default_rng(seed).integers(0, np.arange(n) + 1)])
    scores = head_scores(trace_of(weights, tuple(tokens)))[list(SCORES)].to_numpy()
    known = scores[~np.isnan(scores)]
    assert (known >= 0).all()
    assert (known <= 1 + 2e-3).all()


@given(st.integers(10, 40), st.integers(0, 999))
def test_attention_at_random_over_what_came_before_is_mixed(n_tokens: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens = tuple(f" w{i % (n_tokens - 2)}" for i in range(n_tokens))  # two words come twice
    weights = np.zeros((1, n_tokens, n_tokens))
    for query in range(n_tokens):
        weights[0, query, : query + 1] = rng.dirichlet(np.ones(query + 1))
    assert head_scores(trace_of(weights, tokens))["label"].item() == MIXED


@given(st.sampled_from(sorted(LABELS)), st.integers(6, 16), st.floats(0, 0.25), st.integers(0, 99))
def test_a_planted_pattern_gets_its_label_through_noise(kind: str, half: int, noise: float, seed: int) -> None:
    tokens = tuple(f" w{i}" for i in range(half)) * 2
    if kind == "list_items":
        tokens = (" we", *(token for i in range(half) for token in (f" w{i}", ",")))
    n = len(tokens)
    item_queries = dict(list_queries(tokens))
    keys = {
        "previous_token": [max(q - 1, 0) for q in range(n)],
        "first_token": [0] * n,
        "current_token": list(range(n)),
        "duplicate_token": [q - half if q >= half else 0 for q in range(n)],
        "induction": [q - half + 1 if q >= half else 0 for q in range(n)],
        "list_items": [item_queries[q][-1] if q in item_queries else max(q - 2, 0) for q in range(n)],
    }[kind]
    weights = (1 - noise) * looking_at(keys) + noise * random_trace(1, 1, n, seed).attention[0]
    assert head_scores(trace_of(weights, tokens))["label"].item() == LABELS[kind]


def test_heads_are_ranked_by_how_much_they_look_from_one_word_to_another() -> None:
    trace = random_trace(3, 4, 6)
    table = link_strengths(trace, 5, 2)
    assert len(table) == 12
    assert table["attention"].is_monotonic_decreasing
    weights = [trace.head(int(layer), int(head))[5, 2] for layer, head in table[["layer", "head"]].to_numpy()]
    assert table["attention"].tolist() == weights
    with pytest.raises(ValueError, match="at or before the query"):
        link_strengths(trace, 2, 5)


def test_the_articles_head_is_found_by_its_link(recording: Callable[[str], Path]) -> None:
    trace = AttentionTrace.load(recording("dog_on_the_ship"))
    best = link_strengths(trace, trace.tokens.index(" ran"), trace.tokens.index(" dog")).head(3)
    assert (4, 3) in set(zip(best["layer"], best["head"], strict=True))


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
