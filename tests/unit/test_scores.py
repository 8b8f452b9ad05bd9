"""What a head is said to do: the scores against their definitions, and the labels against what one sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attn_core import AttentionTrace, head_scores, link_strengths
from attn_core.analysis.scores import (
    ELSEWHERE,
    FUNCTION_WORDS,
    LABELS,
    OTHER,
    QUERIES,
    SCORES,
    SHARES,
    find_list_queries,
    label_evidence,
    mean_scores,
)
from attn_core.errors import AttnCoreError
from attn_core.tokens import merge_tokens
from attn_core.ui.heads import describe_evidence
from tests.support.traces import random_trace

SHOPPING = ("At", " the", " store", ",", " she", " bought", " apples", ",", " pears", ",", " figs", ",", " and")
ROW = ("cup", " door", " ring", " cup", " door", " ring")


def trace_of(weights: NDArray[np.floating], tokens: tuple[str, ...]) -> AttentionTrace:
    """A trace of two layers whose heads both have these weights, (n_heads, n_tokens, n_tokens)."""
    return AttentionTrace(tokens, np.stack([weights] * 2).astype(np.float32), text="".join(tokens))


def looking_at(keys: list[int]) -> NDArray[np.floating]:
    """(1, n, n): each query looks at one key alone."""
    weights = np.zeros((1, len(keys), len(keys)))
    weights[0, np.arange(len(keys)), keys] = 1
    return weights


def scores_of(weights: NDArray[np.floating], tokens: tuple[str, ...]) -> pd.Series:
    """The scores of the first of these heads, in layer 1."""
    return head_scores(trace_of(weights, tokens)).iloc[len(weights)]


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
    scores = scores_of(looking_at(keys), tokens)
    assert scores["label"] == label
    column = next(name for name, text in LABELS.items() if text == label)
    assert scores[column] == pytest.approx(1)
    assert scores[SHARES.get(column, column)] == pytest.approx(1)


def test_resting_on_the_first_token_for_less_than_seven_tenths_is_other() -> None:
    tokens = tuple("abcdef")
    for at_rest, label in ((0.65, OTHER), (0.7, "null"), (0.75, "null")):
        weights = at_rest * looking_at([0] * 6) + (1 - at_rest) * looking_at([0, 0, 1, 1, 1, 1])
        assert scores_of(weights, tokens)["label"] == label


def test_looking_everywhere_alike_is_the_highest_entropy_and_other() -> None:
    even = np.tril(np.ones((1, 7, 7))) / np.arange(1, 8)[:, None]
    scores = scores_of(even, tuple("abcdefg"))
    assert scores["entropy"] == pytest.approx(1)
    assert scores["label"] == OTHER


def test_there_is_one_row_for_each_head_in_order() -> None:
    scores = head_scores(random_trace(n_layers=3, n_heads=2))
    columns = [*SCORES, *SHARES.values(), *ELSEWHERE.values(), *QUERIES.values()]
    assert list(scores.columns) == ["layer", "head", *columns, "label"]
    assert list(zip(scores["layer"], scores["head"], strict=True)) == [(i, j) for i in range(3) for j in range(2)]


# Which queries a score is about


def test_one_token_says_nothing_and_two_do_not_tell_the_previous_token_from_the_first() -> None:
    scores = scores_of(looking_at([0]), ("a",))
    assert scores[[*SCORES, *SHARES.values()]].isna().all()
    assert (scores[[*QUERIES.values()]] == 0).all()
    assert scores["label"] == OTHER
    for keys, label in (([0, 0], OTHER), ([0, 1], "current token")):
        scores = scores_of(looking_at(keys), ("a", " b"))
        assert scores[["previous_token", "first_token"]].isna().all()
        assert scores["current_token_queries"] == 1
        assert scores["label"] == label
    assert scores_of(looking_at([0, 0, 1]), ("a", " b", " c"))["label"] == "previous token"
    assert scores_of(looking_at([0, 0, 0]), ("a", " b", " c"))["label"] == "null"


@pytest.mark.parametrize(
    "repeated",
    [" the", " The", " THE", " and", ",", ".", " “", "", "\n", " which", " would", " him", "'s", "’s", "▁the", "▁"],
)
def test_words_that_say_little_are_no_duplicates_and_lead_to_no_induction(repeated: str) -> None:
    scores = scores_of(looking_at([0, 0, 0, 0, 1, 2]), ("Ann", repeated, " cat", " saw", repeated, " hat"))
    assert scores[["duplicate_token_queries", "induction_queries"]].tolist() == [0, 0]
    assert scores[["duplicate_token", "induction", "induction_share"]].isna().all()


@pytest.mark.parametrize("repeated", [" dog", " Dog", "ig", " 7", "字", "▁dog", " d'", " (a1"])
def test_a_repeated_word_with_a_letter_or_a_digit_counts(repeated: str) -> None:
    scores = scores_of(looking_at([0, 0, 0, 0, 2, 0]), ("Ann", repeated, " cat", " saw", repeated, " hat"))
    assert scores[["duplicate_token_queries", "induction_queries"]].tolist() == [1, 1]
    assert scores[["duplicate_token", "induction"]].tolist() == [0, 1]
    assert scores["label"] == "induction"


def test_a_word_at_the_first_place_is_no_duplicate_but_what_followed_it_can_be_found() -> None:
    scores = scores_of(looking_at([0, 0, 0, 0, 0]), ("dog", " ran", " far", "dog", " ran"))
    assert scores["duplicate_token_queries"] == 1  # " ran"
    assert scores["induction_queries"] == 2
    assert scores[["duplicate_token", "induction"]].tolist() == [0, 0]
    assert scores["label"] == "null"
    resting = scores_of(looking_at([0] * 8), (" dog", " ran", " and", " dog", " sat", " and", " dog", " fell"))
    assert resting["duplicate_token"] == 0
    assert resting["label"] == "null"


def test_a_start_token_stays_where_heads_rest() -> None:
    for start in ("<|begin_of_text|>", "<s>", "<|endoftext|>"):
        tokens = (start, "The", " dog", " ran", ",", " the", " dog")
        resting = scores_of(looking_at([0] * 7), tokens)
        assert resting["label"] == "null"
        assert resting["duplicate_token_queries"] == 1
        assert scores_of(looking_at([0, 0, 0, 0, 0, 0, 3]), tokens)["label"] == "induction"


def test_texts_that_are_the_same_token_again_and_again() -> None:
    dogs = (" dog",) * 6
    scores = scores_of(looking_at([0, 0, 1, 2, 3, 4]), dogs)
    assert scores[["duplicate_token_queries", "induction_queries"]].tolist() == [4, 3]
    assert scores["duplicate_token"] == 1
    assert scores["induction"] == 0  # it is the previous token, which does not count
    assert scores["label"] == "previous token"
    assert scores_of(looking_at([0] * 6), dogs)["label"] == "null"


def test_the_previous_token_is_nothing_that_induction_found() -> None:
    tokens = ("Ann", " dog", " dog", " dog")  # the previous token follows an equal one
    scores = scores_of(looking_at([0, 0, 1, 2]), tokens)
    assert scores["induction_queries"] == 0
    assert scores["label"] == "previous token"


def test_induction_is_nothing_that_the_first_layer_can_do() -> None:
    scores = head_scores(trace_of(looking_at([0, 0, 0, 1, 2, 3]), ROW))
    assert scores["induction_share"].tolist() == [1, 1]
    assert scores["label"].tolist() == [OTHER, "induction"]


def test_a_list_whose_only_earlier_item_is_the_first_token_says_nothing() -> None:
    scores = scores_of(looking_at([0, 0, 0, 0]), ("pink", ",", " white", " and"))
    assert scores["list_items_queries"] == 0
    longer = scores_of(looking_at([0, 0, 0, 0, 0, 0]), ("pink", ",", " white", ",", " red", " and"))
    assert longer["list_items_queries"] == 1
    assert longer["list_items"] == 0


# What a score, its share and its queries give


def test_a_share_is_of_what_is_not_on_the_first_token_over_all_queries() -> None:
    weights = looking_at([0] * 7)
    weights[0, 5, :4] = (0.8, 0.15, 0.05, 0)  # " cup" looks for what followed it, at 2
    weights[0, 6, :4] = (0.2, 0.2, 0, 0.6)  # " door" for what followed it, at 3
    scores = scores_of(weights, ("Ann", " cup", " door", " ring", ".", " cup", " door"))
    assert scores["induction_queries"] == 2
    assert scores["induction"] == pytest.approx((0.05 + 0.6) / 2)
    assert scores["induction_share"] == pytest.approx((0.05 + 0.6) / (0.2 + 0.8))
    assert scores["induction_elsewhere"] == pytest.approx((0.2 + 0.8) / 2)
    assert scores["duplicate_token_share"] == pytest.approx((0.15 + 0) / (0.2 + 0.8))
    assert scores["label"] == "induction"


def test_a_share_of_nearly_nothing_is_no_label() -> None:
    for found, label in ((0.09, "null"), (0.1, "induction")):
        weights = looking_at([0, 0, 0, 0, 0, 0])
        weights[0, 3:, 0] = 1 - found
        for query in (3, 4, 5):
            weights[0, query, query - 2] = found
        scores = scores_of(weights, ROW)
        assert scores["induction_share"] == pytest.approx(1)
        assert scores["label"] == label


def test_a_head_that_rests_wherever_it_could_find_something_has_no_share() -> None:
    scores = scores_of(looking_at([0] * 6), ROW)
    assert scores[["induction", "induction_share", "induction_elsewhere"]].tolist() == [0, 0, 0]


def test_the_largest_share_or_score_is_the_label() -> None:
    weights = np.zeros((1, 6, 6))
    weights[0, :, 0] = 1
    weights[0, 3:] = 0
    for query in (3, 4, 5):  # 0.6 of what is elsewhere on induction, and the rest on the previous token
        weights[0, query, [0, query - 2, query - 1]] = (0.5, 0.3, 0.2)
    weights[0, 2, [0, 1]] = (0, 1)
    scores = scores_of(weights, ROW)
    assert scores["previous_token"] == pytest.approx(1.6 / 4)
    assert scores["label"] == "induction"
    for query in (3, 4, 5):
        weights[0, query, [0, query - 2, query - 1]] = (0, 0.5, 0.5)
    scores = scores_of(weights, ROW)
    assert scores[["induction_share", "previous_token"]].tolist() == [0.5, 0.625]
    assert scores["label"] == "previous token"


def test_what_a_label_rests_on_is_told_in_words() -> None:
    weights = np.concatenate([looking_at(keys) for keys in ([0, 0, 0, 1, 2, 3], [0] * 6, [0, 0, 1, 1, 0, 0])])
    scores = head_scores(trace_of(weights, ROW))
    assert scores["label"].tolist()[3:] == ["induction", "null", OTHER]
    evidence = label_evidence(scores)
    assert evidence["score"].tolist()[3:5] == [1, 1]
    assert np.isnan(evidence["share"][3:]).tolist() == [False, True, True]
    assert np.isnan(evidence["queries"][3:]).tolist() == [False, False, True]
    assert describe_evidence(evidence)[3:] == ["1.00, share 1.00, 2 queries", "1.00, 4 queries", ""]
    one = head_scores(trace_of(looking_at([0, 0, 0, 0, 0, 2]), ("Ann", " cup", " door", " ring", ".", " cup")))
    assert describe_evidence(label_evidence(one))[1] == "1.00, share 1.00, 1 query"


def test_the_scores_of_a_view_without_its_first_token_are_refused() -> None:
    trace = random_trace(n_tokens=6)
    for hidden in (trace.without_first_token(), merge_tokens(trace.without_first_token(rescale=False))):
        with pytest.raises(AttnCoreError, match="The first token is hidden"):
            head_scores(hidden)


WORDS = ["a", " b", " c", ",", " and", " dog", " The", "7", ""]


def expected_sums(a: NDArray[np.floating], tokens: tuple[str, ...]) -> dict[str, list[tuple[float, float]]]:
    """For each score its weights, query by query, each with what the query does not put on the first token."""

    def content(q: int) -> bool:
        return any(map(str.isalnum, tokens[q])) and tokens[q].strip().lower() not in FUNCTION_WORDS

    n = len(tokens)
    equal = [[j for j in range(q) if tokens[j] == tokens[q] and content(q)] for q in range(n)]
    found = {
        "previous_token": [(q, [q - 1]) for q in range(2, n)],
        "first_token": [(q, [0]) for q in range(2, n)],
        "current_token": [(q, [q]) for q in range(1, n)],
        "duplicate_token": [(q, [k for k in equal[q] if k > 0]) for q in range(n)],
        "induction": [(q, [j + 1 for j in equal[q] if j + 1 < q - 1]) for q in range(n)],
        "list_items": [(q, [k for k in keys if k > 0]) for q, keys in find_list_queries(tokens)],
    }
    sums = {
        name: [(sum(a[q, k] for k in keys), sum(a[q, 1:])) for q, keys in queries if keys]
        for name, queries in found.items()
    }
    entropies = [-sum(w * np.log(w) for w in a[q, : q + 1] if w > 0) / np.log(q + 1) for q in range(1, n)]
    return sums | {"entropy": [(entropy, 1.0) for entropy in entropies]}


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14), st.integers(0, 9))
def test_scores_are_what_their_definitions_say(words: list[str], seed: int) -> None:
    tokens = tuple(words)
    trace = AttentionTrace(tokens, random_trace(2, 2, len(tokens), seed).attention, text="".join(tokens))
    row = head_scores(trace).iloc[3]
    expected = expected_sums(trace.attention[1, 1].astype(np.float64), tokens)
    for name, pairs in expected.items():
        weights, elsewhere = np.array(pairs).reshape(-1, 2).T
        assert row[QUERIES[name]] == len(pairs), name
        score = weights.mean() if pairs else np.nan
        assert row[name] == pytest.approx(score, abs=1e-3, nan_ok=True), name
        if name in SHARES:
            share = weights.sum() / elsewhere.sum() if pairs else np.nan
            assert row[SHARES[name]] == pytest.approx(share, abs=1e-3, nan_ok=True), name


@given(st.lists(st.sampled_from([*WORDS, " V", "ig"]), min_size=1, max_size=12), st.integers(0, 99), st.booleans())
def test_scores_and_shares_are_between_nothing_and_all(tokens: list[str], seed: int, one_place: bool) -> None:
    n = len(tokens)
    weights = random_trace(1, 2, n, seed).attention[0]
    if one_place:
        weights = looking_at([int(key) for key in np.random.default_rng(seed).integers(0, np.arange(n) + 1)])
    table = head_scores(trace_of(weights, tuple(tokens)))
    values = table[[*SCORES, *SHARES.values()]].to_numpy()
    known = values[~np.isnan(values)]
    assert (known >= 0).all()
    assert (known <= 1 + 2e-3).all()
    for name, share in SHARES.items():
        assert (table[name].isna() == (table[QUERIES[name]] == 0)).all()
        assert (table[share].isna() == table[name].isna()).all()
        assert (table[share].fillna(1) >= table[name].fillna(0) - 2e-3).all()


@given(st.integers(10, 40), st.integers(0, 999))
def test_attention_at_random_over_what_came_before_is_other(n_tokens: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens = tuple(f" w{i % (n_tokens - 2)}" for i in range(n_tokens))  # two words come twice
    weights = np.zeros((1, n_tokens, n_tokens))
    for query in range(n_tokens):
        weights[0, query, : query + 1] = rng.dirichlet(np.ones(query + 1))
    scores = scores_of(weights, tokens)
    assert scores["label"] == OTHER or scores[["duplicate_token_share", "induction_share"]].max() >= 0.5


@given(st.sampled_from(sorted(LABELS)), st.integers(6, 16), st.floats(0, 0.25), st.integers(0, 99))
def test_a_planted_pattern_gets_its_label_through_noise(kind: str, half: int, noise: float, seed: int) -> None:
    tokens = tuple(f" w{i}" for i in range(half)) * 2
    if kind == "list_items":
        tokens = (" we", *(token for i in range(half) for token in (f" w{i}", ",")))
    n = len(tokens)
    item_queries = dict(find_list_queries(tokens))
    keys = {
        "previous_token": [max(q - 1, 0) for q in range(n)],
        "first_token": [0] * n,
        "current_token": list(range(n)),
        "duplicate_token": [q - half if q >= half else 0 for q in range(n)],
        "induction": [q - half + 1 if q >= half else 0 for q in range(n)],
        "list_items": [item_queries[q][-1] if q in item_queries else max(q - 2, 0) for q in range(n)],
    }[kind]
    weights = (1 - noise) * looking_at(keys) + noise * random_trace(1, 1, n, seed).attention[0]
    assert scores_of(weights, tokens)["label"] == LABELS[kind]


def test_a_head_that_rests_wherever_nothing_repeats_is_called_by_what_it_finds() -> None:
    tokens = (*(f" w{i}" for i in range(30)), " w7")
    keys = [0] * 30 + [8]
    scores = scores_of(0.3 * looking_at(keys) + 0.7 * looking_at([0] * 31), tokens)
    assert scores["first_token"] > 0.9
    assert scores["induction_queries"] == 1
    assert scores["label"] == "induction"


@pytest.mark.slow
def test_a_long_text_of_repeats_is_scored_at_once() -> None:
    weights = np.tril(np.ones((1, 2, 1024, 1024), dtype=np.float32)) / np.arange(1, 1025)[:, None]
    trace = AttentionTrace((" dog",) * 1024, weights.astype(np.float16))
    start = time.process_time()
    scores = head_scores(trace)
    assert time.process_time() - start < 3
    assert scores["duplicate_token_queries"].tolist() == [1022, 1022]


def test_heads_are_ranked_by_how_much_they_look_from_one_word_to_another() -> None:
    trace = random_trace(3, 4, 6)
    table = link_strengths(trace, 5, 2)
    assert len(table) == 12
    assert table["attention"].is_monotonic_decreasing
    weights = [trace.head(int(layer), int(head))[5, 2] for layer, head in table[["layer", "head"]].to_numpy()]
    assert table["attention"].tolist() == weights
    with pytest.raises(ValueError, match="Token 2 cannot attend to token 5, which comes later"):
        link_strengths(trace, 2, 5)
    for query, key in ((6, 2), (5, -1)):
        with pytest.raises(ValueError, match="Choose tokens 0 to 5"):
            link_strengths(trace, query, key)


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
    assert {q: [tokens[k].strip() for k in keys] for q, keys in find_list_queries(tokens)} == expected


def test_the_mean_over_texts_is_over_all_of_their_queries() -> None:
    one = head_scores(trace_of(looking_at([0, 0, 0, 1, 2, 3]), ROW))
    other = head_scores(trace_of(looking_at([0, 0, 0]), ("a", " b", " c")))
    mean = mean_scores([one, other]).iloc[1]
    assert (mean["induction"], mean["induction_share"], mean["induction_queries"]) == (1, 1, 2)
    assert mean["first_token"] == pytest.approx((1 + 1) / (4 + 1))
    assert mean["first_token_queries"] == 5
    assert np.isnan(mean["list_items"])
    assert mean["list_items_queries"] == 0


def test_a_share_over_texts_counts_those_where_nothing_was_found() -> None:
    tokens = ("Ann", " cup", " door", ".", " cup")
    found, missed = looking_at([0, 0, 0, 0, 2]), looking_at([0, 0, 0, 0, 3])
    frames = [head_scores(trace_of(weights, tokens)) for weights in (found, missed, missed, missed)]
    mean = mean_scores(frames).iloc[1]
    assert (mean["induction"], mean["induction_share"], mean["label"]) == (0.25, 0.25, OTHER)
    resting = head_scores(trace_of(looking_at([0] * 5), tokens))
    mean = mean_scores([frames[0], resting, resting, resting]).iloc[1]
    assert (mean["induction"], mean["induction_share"], mean["label"]) == (0.25, 1, "induction")


@pytest.mark.slow
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), min_size=1, max_size=4), st.integers(0, 9)
)
def test_the_mean_over_texts_is_that_of_its_definition(texts: list[list[str]], seed: int) -> None:
    traces = [
        AttentionTrace(tuple(tokens), random_trace(2, 2, len(tokens), seed + i).attention)
        for i, tokens in enumerate(texts)
    ]
    row = mean_scores([head_scores(trace) for trace in traces]).iloc[2]
    every = [expected_sums(trace.attention[1, 0].astype(np.float64), trace.tokens) for trace in traces]
    for name in SCORES:
        pairs = np.array([pair for sums in every for pair in sums[name]]).reshape(-1, 2)
        assert row[QUERIES[name]] == len(pairs)
        score = pairs[:, 0].mean() if len(pairs) else np.nan
        assert row[name] == pytest.approx(score, abs=1e-3, nan_ok=True), name
        if name in SHARES:
            share = pairs[:, 0].sum() / pairs[:, 1].sum() if len(pairs) else np.nan
            assert row[SHARES[name]] == pytest.approx(share, abs=2e-3, nan_ok=True), name


@pytest.mark.parametrize("times", [1, 3])
def test_the_mean_over_the_same_text_is_that_text(times: int) -> None:
    scores = head_scores(trace_of(random_trace(1, 3, 6, 4).attention[0], ROW))
    mean = mean_scores([scores] * times)
    unchanged = [column for column in scores if column not in QUERIES.values()]
    pd.testing.assert_frame_equal(mean[unchanged], scores[unchanged])
    assert (mean[[*QUERIES.values()]] == times * scores[[*QUERIES.values()]]).all(axis=None)


# The real GPT-2


def heads_of(scores: pd.DataFrame, label: str) -> list[str]:
    chosen = scores[scores["label"] == label]
    return [f"{layer}/{head}" for layer, head in zip(chosen["layer"], chosen["head"], strict=True)]


def test_the_real_gpt2s_heads_have_the_labels_that_are_known(recording: Callable[[str], Path]) -> None:
    dog = head_scores(AttentionTrace.load(recording("dog_on_the_ship")))
    assert heads_of(dog, "induction") == ["5/0", "5/1", "5/5", "5/8", "6/1", "6/9", "7/2", "7/10", "7/11", "8/1"]
    assert heads_of(dog, "duplicate token") == ["3/0"]
    assert heads_of(dog, "previous token") == ["2/2", "4/11"]
    assert len(heads_of(dog, "null")) == 48
    assert set(dog["induction_queries"]) == set(dog["duplicate_token_queries"]) == {1}
    shopping = head_scores(AttentionTrace.load(recording("shopping_list")))
    assert heads_of(shopping, "list items") == ["8/6", "9/0", "10/4", "10/7", "10/11"]
    assert heads_of(shopping, "previous token") == ["2/2", "4/11"]
    assert heads_of(shopping, "induction") == heads_of(shopping, "duplicate token") == []
    assert set(shopping["list_items_queries"]) == {2}
    for scores in (dog, shopping):
        assert scores["previous_token"].iloc[4 * 12 + 11] >= 0.99


def test_the_beginning_of_a_recording_does_not_name_heads_by_the_first_token(
    recording: Callable[[str], Path],
) -> None:
    for path in sorted(recording("any").parent.glob("*.npz")):
        trace = AttentionTrace.load(path)
        for n in range(1, trace.n_tokens + 1):
            attention = trace.attention[:, :, :n, :n]
            scores = head_scores(AttentionTrace(trace.tokens[:n], attention))
            assert scores["previous_token"].isna().all() == (n < 3)
            assert (scores["label"] == "previous token").sum() <= 15, (path.name, n)
