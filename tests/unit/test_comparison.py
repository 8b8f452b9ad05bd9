"""Two traces side by side: what is aligned with what, and which heads are said to have moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_core import AttentionTrace, LanguageModel, capture, compare
from attn_core.analysis.comparison import AlignedWord, Comparison, align_traces, align_words
from attn_core.analysis.examples import COLLEAGUE, SON
from attn_core.tokens import merge_tokens
from tests.support.traces import random_trace

WORDS = st.lists(st.sampled_from(["a", " b", " c", "d", " e", ",", " a", "\n"]), min_size=1, max_size=14)


def trace_of(tokens: list[str], seed: int = 0) -> AttentionTrace:
    attention = random_trace(2, 3, len(tokens), seed).attention
    return AttentionTrace(tuple(tokens), attention, text="".join(tokens))


def told(words: tuple[AlignedWord, ...]) -> list[tuple[str, str]]:
    return [(word.kind, word.label) for word in words]


def test_one_word_replaced_leaves_the_others_aligned() -> None:
    words = align_words(("The", " son", " of", " Ann"), ("The", " coll", "eague", " of", " Ann"))
    assert told(words) == [
        ("equal", "The"),
        ("replaced", "son → colleague"),
        ("equal", "of"),
        ("equal", "Ann"),
    ]
    assert words[1].span_b == (1, 3)
    assert words[2].span_a == (2, 3)
    assert words[2].span_b == (3, 4)


def test_words_that_one_text_lacks_stand_where_they_would_be() -> None:
    words = align_words(("The", " dog", " ran"), ("The", " old", " dog", " ran", " off"))
    assert told(words) == [
        ("equal", "The"),
        ("only in B", "old"),
        ("equal", "dog"),
        ("equal", "ran"),
        ("only in B", "off"),
    ]


def test_texts_of_different_length_with_nothing_in_common_are_paired_in_order() -> None:
    comparison = compare(trace_of(["x", " y", " z"]), trace_of(["u", " v"]))
    assert told(comparison.words) == [
        ("replaced", "x → u (first token)"),
        ("replaced", "y → v"),
        ("only in A", "z"),
    ]
    assert not comparison.has_shared_words


@given(WORDS, WORDS)
def test_an_alignment_never_crosses_and_holds_every_word_once(a: list[str], b: list[str]) -> None:
    words = align_words(a, b)
    for tokens, spans in ((a, [word.span_a for word in words]), (b, [word.span_b for word in words])):
        there = [span for span in spans if span is not None]
        assert [position for span in there for position in range(*span)] == list(range(len(tokens)))
    for word in words:
        assert (word.a is None) == (word.span_a is None)
        assert not (word.a is None and word.b is None)


@given(WORDS, st.integers(0, 9))
def test_a_trace_and_itself_have_no_change(tokens: list[str], seed: int) -> None:
    trace = trace_of(tokens, seed)
    comparison = compare(trace, trace)
    assert all(word.kind == "equal" for word in comparison.words)
    assert not comparison.difference.any()
    assert not comparison.change.any()


@given(WORDS, WORDS, st.integers(0, 9))
def test_comparing_the_other_way_round_mirrors_everything(a: list[str], b: list[str], seed: int) -> None:
    one, other = trace_of(a, seed), trace_of(b, seed + 1)
    forth, back = compare(one, other), compare(other, one)
    assert [(w.a, w.b, w.span_a, w.span_b) for w in forth.words] == [
        (w.b, w.a, w.span_b, w.span_a) for w in back.words
    ]
    np.testing.assert_array_equal(forth.difference, -back.difference)
    np.testing.assert_array_equal(forth.change, back.change)
    assert forth.rank_heads() == back.rank_heads()
    assert forth.queries == back.queries[::-1]


@given(WORDS, WORDS, st.integers(0, 9))
def test_no_attention_is_lost_on_the_way_to_words(a: list[str], b: list[str], seed: int) -> None:
    comparison = compare(trace_of(a, seed), trace_of(b, seed))
    for weights in (comparison.attention_a, comparison.attention_b):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=5e-3)
    assert (comparison.change >= 0).all()
    assert (comparison.change <= 1).all()


def test_change_is_the_part_of_the_attention_that_went_elsewhere() -> None:
    def looking(heads: list[list[float]]) -> AttentionTrace:
        attention = np.zeros((1, 2, 3, 3), dtype=np.float32)
        attention[0, :, :2, 0] = 1
        attention[0, :, 2] = heads
        return AttentionTrace(("a", " b", " c"), attention)

    comparison = compare(
        looking([[1, 0, 0], [0.5, 0.25, 0.25]]),
        looking([[0, 1, 0], [0.25, 0.5, 0.25]]),
    )
    np.testing.assert_allclose(comparison.change, [[1, 0.25]])
    assert comparison.rank_heads() == [(0, 0), (0, 1)]
    assert comparison.rank_heads(1, word=1) == [(0, 0)]
    np.testing.assert_allclose(comparison.difference[0, 1], [-0.25, 0.25, 0])


def test_a_head_that_came_from_the_hidden_word_moved_by_what_it_brought() -> None:
    def looking(last: list[float]) -> AttentionTrace:
        attention = np.zeros((1, 1, 3, 3), dtype=np.float32)
        attention[0, 0, :2, 0] = 1
        attention[0, 0, 2] = last
        return AttentionTrace(("a", " b", " c"), attention).without_first_token(rescale=False)

    comparison = compare(looking([0.9, 0.1, 0]), looking([0.2, 0.8, 0]))
    np.testing.assert_allclose(comparison.change, [[0.7]], rtol=1e-5)
    resting = compare(looking([0.999, 0.001, 0]), looking([0.999, 0, 0.001]))
    np.testing.assert_allclose(resting.change, [[0.001]], rtol=1e-3)


LONGER = WORDS.filter(lambda tokens: len(tokens) > 1)


@given(LONGER, LONGER, st.integers(0, 9), st.booleans())
def test_hiding_the_first_token_leaves_how_far_heads_moved(
    a: list[str], b: list[str], seed: int, joined: bool
) -> None:
    one, other = trace_of(a, seed), trace_of(b, seed + 1)
    if joined:
        one, other = merge_tokens(one), merge_tokens(other)
        if min(one.n_tokens, other.n_tokens) < 2:
            return
    whole = compare(one, other)
    left = compare(one.without_first_token(rescale=False), other.without_first_token(rescale=False))
    np.testing.assert_allclose(left.change, whole.change, atol=5e-3)
    assert len(left.words) == len(whole.words) - 1
    assert not any(word.is_first for word in left.words)


# The first tokens


def resting(tokens: list[str], elsewhere: dict[int, float] | None = None) -> AttentionTrace:
    """A trace of one head that puts all of its attention on the first token but for a part of its last row."""
    attention = np.zeros((1, 1, len(tokens), len(tokens)), dtype=np.float32)
    attention[..., 0] = 1
    for key, weight in (elsewhere or {}).items():
        attention[0, 0, -1, key] += weight
        attention[0, 0, -1, 0] -= weight
    return AttentionTrace(tuple(tokens), attention, text="".join(tokens))


SMITH = ["John", " Smith", " is", " the", " son", " of"]
ONCE = ["Once", " John", *SMITH[1:]]
PIECES = ["V", "ig", " is", " here"]


@given(WORDS, WORDS)
def test_a_head_that_rests_on_the_first_token_in_both_has_not_moved(a: list[str], b: list[str]) -> None:
    comparison = compare(resting(a), resting(b))
    assert comparison.change.item() == 0
    assert not comparison.difference.any()


def test_the_first_tokens_are_one_place_whatever_the_words() -> None:
    comparison = compare(resting(SMITH), resting(ONCE))
    assert told(comparison.words)[:3] == [
        ("replaced", "John → Once (first token)"),
        ("only in B", "John"),
        ("equal", "Smith"),
    ]
    moved = compare(resting(SMITH, {1: 0.6}), resting(ONCE, {1: 0.6}))  # from Smith to John
    assert moved.change.item() == pytest.approx(0.6)
    stayed = compare(resting(SMITH, {1: 0.6}), resting(ONCE, {2: 0.6}))
    assert stayed.change.item() == pytest.approx(0, abs=1e-6)


def test_looking_at_the_word_that_was_first_is_not_resting() -> None:
    comparison = compare(resting(SMITH), resting(ONCE, {1: 0.9}))  # in B the head looks at John, and rests less
    assert comparison.change.item() == pytest.approx(0.9)


def test_only_the_first_token_of_a_first_word_is_the_place_where_heads_rest() -> None:
    once = ["Once", " V", "ig", " is", " here"]
    words = compare(resting(PIECES), resting(once)).words
    assert told(words) == [
        ("replaced", "V → Once (first token)"),
        ("replaced", "+ig → Vig"),
        ("equal", "is"),
        ("equal", "here"),
    ]
    assert [(word.span_a, word.span_b) for word in words[:2]] == [((0, 1), (0, 1)), ((1, 2), (1, 3))]
    assert compare(resting(PIECES, {1: 0.8}), resting(once, {2: 0.8})).change.item() == pytest.approx(0, abs=1e-6)
    assert compare(resting(PIECES, {1: 0.8}), resting(once)).change.item() == pytest.approx(0.8)


def test_a_first_word_of_pieces_that_both_texts_begin_with() -> None:
    words = compare(resting(PIECES), resting(["V", "ig", " was", " here"])).words
    assert told(words)[:3] == [("equal", "V"), ("equal", "+ig"), ("replaced", "is → was")]
    face = compare(resting(["", "", "🙂", " is"]), resting(["", "", "🙂", " was"])).words
    assert told(face) == [("equal", "🙂 1/3"), ("equal", "🙂 2/3 🙂 3/3"), ("replaced", "is → was")]


def test_a_start_token_in_front_is_where_heads_rest() -> None:
    for start in ("<s>", "<|begin_of_text|>"):
        both = compare(resting([start, *SMITH]), resting([start, *ONCE]))
        assert told(both.words)[:3] == [("equal", start), ("only in B", "Once"), ("equal", "John")]
        one = compare(resting([start, *SMITH]), resting(SMITH))
        assert told(one.words)[:2] == [("replaced", f"{start} → John (first token)"), ("only in A", "John")]
        assert one.change.item() == 0


def test_words_joined_rest_on_the_first_word() -> None:
    one, other = (
        merge_tokens(resting(PIECES, {1: 0.5})),
        merge_tokens(resting(["Once", " V", "ig", " is", " here"])),
    )
    comparison = compare(one, other)
    assert told(comparison.words)[:2] == [("replaced", "Vig → Once (first token)"), ("only in B", "Vig")]
    assert comparison.change.item() == 0


def test_texts_of_one_token() -> None:
    comparison = compare(resting(["A"]), resting(["B"]))
    assert told(comparison.words) == [("replaced", "A → B (first token)")]
    assert comparison.change.item() == 0
    longer = compare(resting(["A"]), resting(["B", " A"], {1: 0.5}))
    assert told(longer.words) == [("replaced", "A → B (first token)"), ("only in B", "A")]
    assert longer.change.item() == 0.5


@given(WORDS, WORDS, st.integers(0, 9))
def test_every_token_is_in_one_place_and_the_first_ones_share_theirs(a: list[str], b: list[str], seed: int) -> None:
    words = align_traces(trace_of(a, seed), trace_of(b, seed))
    assert [word.is_first for word in words] == [True] + [False] * (len(words) - 1)
    assert words[0].span_a == words[0].span_b == (0, 1)
    for tokens, spans in ((a, [word.span_a for word in words]), (b, [word.span_b for word in words])):
        there = [span for span in spans if span is not None]
        assert [position for span in there for position in range(*span)] == list(range(len(tokens)))


@given(WORDS, WORDS, st.integers(0, 9), st.floats(0, 1))
def test_what_a_head_rests_does_not_count_as_moved(a: list[str], b: list[str], seed: int, rest: float) -> None:
    def rests(tokens: list[str]) -> AttentionTrace:
        weights = (1 - rest) * trace_of(tokens, seed).attention + rest * resting(tokens).attention
        return AttentionTrace(tuple(tokens), weights)

    one, other = rests(a), rests(b)
    assert (compare(one, other).change <= 1 - rest + 5e-3).all()


def test_the_real_gpt2s_resting_heads_have_not_moved(recording: Callable[[str], Path]) -> None:
    one, other = (AttentionTrace.load(recording(name)) for name in ("dog_on_the_ship", "shopping_list"))
    comparison = compare(one, other)
    assert comparison.words[0].label == "The → At (first token)"
    at_rest = np.minimum(one.attention[:, :, -1, 0], other.attention[:, :, -1, 0]).astype(np.float32)
    assert (at_rest > 0.7).sum() > 30
    assert (comparison.change <= 1 - at_rest + 5e-3).all()


def test_the_query_may_be_another_token_in_each_text() -> None:
    one, other = trace_of(["a", " b", " c"]), trace_of(["a", " x", " b", " c"])
    comparison = compare(one, other, query=(1, 2))
    assert comparison.queries == (1, 2)
    np.testing.assert_allclose(comparison.attention_a[:, :, 0], one.attention[:, :, 1, 0], rtol=1e-3)
    with pytest.raises(IndexError):
        compare(one, other, query=3)


def test_traces_of_different_models_are_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in size \(2 × 3 and 3 × 3 heads\)"):
        compare(random_trace(2, 3), random_trace(3, 3))


def test_on_mini_the_head_that_changes_most_looks_at_the_surname_for_the_son(mini: LanguageModel) -> None:
    son, colleague = capture(mini, SON), capture(mini, COLLEAGUE)
    comparison = compare(son, colleague)
    (layer, head) = comparison.rank_heads(1)[0]
    surname = [word.label for word in comparison.words].index("Vig")
    assert comparison.words[int(comparison.attention_a[layer, head].argmax())].label == "Vig"
    assert comparison.attention_a[layer, head, surname] > 0.9
    assert comparison.attention_b[layer, head, surname] < 0.1
    assert (layer, head) in comparison.rank_heads(3, word=surname)


def test_a_long_text_is_aligned_at_once() -> None:
    a, b = [" a", " b"] * 1000, [" b", " b", " a"] * 700
    words = align_words(a, b)
    assert sum(word.kind == "equal" for word in words) > 1300


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (2, 2, 3), (1, 2, 2, 2)])
def test_weights_that_do_not_fit_the_words_are_refused(shape: tuple[int, ...]) -> None:
    words = align_words(["a", " b"], ["a", " b"])
    good = np.zeros((2, 2, 2), dtype=np.float32)
    for sides in ((np.zeros(shape, np.float32), good), (good, np.zeros(shape, np.float32))):
        with pytest.raises(ValueError, match="does not fit 2 words"):
            Comparison(words, (1, 1), *sides)
    with pytest.raises(ValueError, match="same number of layers and heads"):
        Comparison(words, (1, 1), good, np.zeros((2, 3, 2), dtype=np.float32))


def test_pieces_of_the_first_word_are_named_by_all_that_follows_its_first_token() -> None:
    pieces = AttentionTrace(("Je", "ss", "e", " ran"), random_trace(1, 1, 4).attention)
    whole = AttentionTrace(("Ann", " ran"), random_trace(1, 1, 2).attention)
    assert [word.label for word in align_traces(pieces, whole)] == ["Je → Ann (first token)", "+ss +e", "ran"]


def test_a_first_token_of_spaces_alone_is_a_word_of_its_own() -> None:
    attention = np.array([[1, 0], [0.5, 0.5]], dtype=np.float32)[None, None]
    one, other = (AttentionTrace((" ", word), attention) for word in ("a", "b"))
    first = compare(one, other).words[0]
    assert (first.a, first.b) == (" ", " ")
