from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_core import AttentionTrace, LanguageModel
from attn_core.tokens import (
    has_word_pieces,
    join_words,
    token_label,
    token_labels,
    token_texts,
    tokens_of,
    word_spans,
)
from tests.conftest import random_trace

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(text=TEXTS)
def test_tokens_joined_give_the_text(mini: LanguageModel, text: str) -> None:
    ids = mini.tokenizer(text)["input_ids"]
    assert "".join(token_texts(mini.tokenizer, ids)) == text


@pytest.mark.parametrize("text", ["�", "a�", "�a", " �", "��", "!�", "🙂�"])
def test_a_replacement_character_of_the_text_itself_is_kept(mini: LanguageModel, text: str) -> None:
    assert "".join(token_texts(mini.tokenizer, mini.tokenizer(text)["input_ids"])) == text


def test_a_character_that_breaks_off_has_no_text_yet(mini: LanguageModel) -> None:
    ids = mini.tokenizer("a🙂")["input_ids"]
    assert token_texts(mini.tokenizer, ids[:-1]) == ("a", *[""] * (len(ids) - 2))


@pytest.mark.parametrize(
    ("token", "label"),
    [
        (" dog", "dog"),
        ("dog", "dog"),
        (" ", "␣"),
        ("  ", "␣"),
        ("\n", "↵"),
        ("\t", "⇥"),
        ("\x07", "⟨U+0007⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\u200d", "⟨U+200D⟩"),
        ("שלום", "שלום"),
    ],
)
def test_a_token_is_shown_without_anything_invisible(token: str, label: str) -> None:
    assert token_label(token) == label


@pytest.mark.parametrize(
    ("start", "stop", "positions"), [(0, 3, [0]), (3, 4, [1, 2]), (4, 5, [1, 2]), (5, 6, [3]), (2, 6, [0, 1, 2, 3])]
)
def test_the_tokens_of_a_part_of_the_text_hold_the_pieces_of_its_characters(
    start: int, stop: int, positions: list[int]
) -> None:
    assert tokens_of(["Who", "", " 王", "?"], start, stop) == positions


def test_pieces_of_words_and_of_characters_are_marked() -> None:
    assert token_labels(("col", "league", " of", " V", "ig", ".")) == ("col", "+league", "of", "V", "+ig", ".")
    assert token_labels(("a", "", " 🙂")) == ("a", "🙂 1/2", "🙂 2/2")
    assert token_labels(("a", "", "")) == ("a", "byte 1", "byte 2")


def test_word_pieces_are_noticed() -> None:
    assert has_word_pieces((" V", "ig"))
    assert not has_word_pieces(("The", " dog", "."))


def test_joining_sums_over_a_words_keys_and_averages_over_its_queries() -> None:
    weights = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]]], dtype=np.float16)
    joined = join_words(AttentionTrace(("a", " V", "ig"), weights))
    assert joined.tokens == ("a", " Vig")
    np.testing.assert_allclose(joined.head(0, 0), np.array([[1, 0], [0.375, 0.625]]))


@given(st.lists(st.sampled_from([" a", "b", "", ".", " ", "🙂", "1"]), min_size=1, max_size=12))
def test_every_token_is_in_one_word_and_joining_keeps_a_valid_trace(tokens: list[str]) -> None:
    spans = word_spans(tokens)
    assert [i for start, stop in spans for i in range(start, stop)] == list(range(len(tokens)))
    trace = random_trace(n_tokens=len(tokens))
    joined = join_words(AttentionTrace(tuple(tokens), trace.attention))
    assert "".join(joined.tokens) == "".join(tokens)
    np.testing.assert_allclose(joined.attention.astype(np.float32).sum(-1), 1, atol=5e-3)
