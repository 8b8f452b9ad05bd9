from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from attn_core import AttentionTrace, LanguageModel
from attn_core.models import decoding
from attn_core.models.decoding import UNDECODED, TokenDecoder, continuation_texts, decode_ids, token_texts
from attn_core.tokens import (
    find_word,
    has_split_words,
    merge_tokens,
    token_label,
    token_labels,
    tokens_covering,
    word_spans,
)
from tests.support.tokenizers import KINDS, tokenizer_of
from tests.support.traces import random_trace

NASTY = (
    *(
        "The dog",
        " dog ",
        "Who is Vig?",
        "  ",
        " ",
        "\n",
        "\t",
        "\r\n",
        "日本語",
        "日本",
        " naïve",
        "e\u0301",
        "🙂",
    ),
    *("שלום", "👩\u200d🚀", "\u200b", "\u200d", "\ufe0f", "�", "a�", "<s>", "</s>", "<unk>", "[CLS]", "hel@@ lo"),
    *("<|endoftext|>", "##s", "<0xE6>", "▁", "Ġ", "</w>"),
)
TEXTS_OF_ALL_KINDS = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=4)), max_size=8).map("".join)
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


@pytest.mark.slow
@pytest.mark.parametrize("adds", [False, True], ids=["adds nothing", "adds start and end"])
@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS_OF_ALL_KINDS)
def test_tokens_joined_give_what_is_decoded_whatever_the_tokenizer(kind: str, adds: bool, text: str) -> None:
    tokenizer = tokenizer_of(kind, start=adds, end=adds)
    ids = tokenizer(text)["input_ids"]
    texts, whole = token_texts(tokenizer, ids), tokenizer.decode(ids)
    rest = whole.removeprefix("".join(texts))
    assert "".join(texts) + rest == whole
    # Some read "<0xE6>" as one byte of three: a character that breaks off at the end, and breaks those before it.
    is_broken = "<0x" in text and UNDECODED in whole
    assert rest == "" or is_broken
    decoder = TokenDecoder(tokenizer)
    assert is_broken or "".join(decoder.add(token_id) for token_id in ids) == whole


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_tokens_that_no_text_has_joined_give_what_is_decoded(kind: str, data: st.DataObject) -> None:
    """But for a character that breaks off at the end, which has no text yet."""
    tokenizer = tokenizer_of(kind)
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) + 1), max_size=40))
    texts = token_texts(tokenizer, ids)
    rest = tokenizer.decode(ids).removeprefix("".join(texts))
    assert "".join(texts) + rest == tokenizer.decode(ids)
    assert rest == "" or (rest.endswith("�") and texts[-1] == "")


@pytest.mark.parametrize("kind", ["byte-level", "byte fallback", "unigram with byte fallback"])
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("日本", ["日", "本"]),
        ("日本語 naïve", ["日", "本", "語", "ï"]),
        ("👩\u200d🚀", ["👩", "\u200d", "🚀"]),
        ("�🙂�", ["�", "🙂", "�"]),
    ],
)
def test_a_character_stands_in_the_last_of_its_tokens(kind: str, text: str, tokens: list[str]) -> None:
    tokenizer = tokenizer_of(kind)
    texts = token_texts(tokenizer, tokenizer(text)["input_ids"])
    assert "".join(texts) == text
    assert [token for token in texts if not token.isascii()] == tokens


def test_a_piece_that_a_word_goes_on_from_keeps_back_what_the_next_token_takes_away() -> None:
    tokenizer = tokenizer_of("continued words")
    decoder = TokenDecoder(tokenizer)
    ids = tokenizer("the hel@@ lo dog")["input_ids"]
    assert token_texts(tokenizer, ids) == ("the", " hel", "lo", " dog")
    assert [decoder.add(token_id) for token_id in ids] == ["the", " hel", "lo", " dog"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_not_decoded_again_for_every_token_even_where_characters_are_broken(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tokenizer_of(kind)
    rng = Random(0)
    ids = [rng.randrange(len(tokenizer)) for _ in range(4096)]
    decoded: list[int] = []

    def count_and_decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
        decoded.append(len(token_ids))
        return decode_ids(tokenizer, token_ids)

    monkeypatch.setattr(decoding, "decode_ids", count_and_decode)
    texts = token_texts(tokenizer, ids)
    assert sum(decoded) < 100 * len(ids)  # decoding all of them for each would be 2,000 times
    assert tokenizer.decode(ids).startswith("".join(texts))


@pytest.mark.parametrize("kind", KINDS)
def test_next_tokens_have_their_spaces(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    the, both = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the", "the dog"))
    first = both[len(the)]
    (text,) = continuation_texts(tokenizer, [first])
    assert text.startswith(" ")


def test_a_word_is_found_among_tokens() -> None:
    assert find_word(("<s>", "the", " D", "og", " ran"), "dog") == 3
    assert find_word(("<s>", "the", " dogs"), "dog") is None


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
        ("<|endoftext|>", "⟨end of text⟩"),
        (" <|endoftext|>", "⟨end of text⟩"),
        ("<|end_of_text|>", "⟨end of text⟩"),
        ("</s>", "⟨end of text⟩"),
        ("<s>", "⟨start of text⟩"),
        ("<|begin_of_text|>", "⟨start of text⟩"),
        ("<|fim_middle|>", "⟨fim middle⟩"),
        ("<||>", "<||>"),
        ("<|", "<|"),
        ("<unk>", "<unk>"),
        ("", "▯"),
    ],
)
def test_a_token_is_shown_without_anything_invisible(token: str, label: str) -> None:
    assert token_label(token) == label


def test_the_end_of_a_text_is_no_piece_of_the_word_before_it() -> None:
    assert token_labels(("The", " dog", "<|endoftext|>", "The")) == ("The", "dog", "⟨end of text⟩", "The")


@pytest.mark.parametrize(
    ("start", "stop", "positions"), [(0, 3, [0]), (3, 4, [1, 2]), (4, 5, [1, 2]), (5, 6, [3]), (2, 6, [0, 1, 2, 3])]
)
def test_the_tokens_of_a_part_of_the_text_hold_the_pieces_of_its_characters(
    start: int, stop: int, positions: list[int]
) -> None:
    assert tokens_covering(["Who", "", " 王", "?"], start, stop) == positions


def test_pieces_of_words_and_of_characters_are_marked() -> None:
    assert token_labels(("col", "league", " of", " V", "ig", ".")) == ("col", "+league", "of", "V", "+ig", ".")
    assert token_labels(("a", "", " 🙂")) == ("a", "🙂 1/2", "🙂 2/2")
    assert token_labels(("a", "", "")) == ("a", "byte 1", "byte 2")


def test_word_pieces_are_noticed() -> None:
    assert has_split_words((" V", "ig"))
    assert not has_split_words(("The", " dog", "."))


def test_joining_sums_over_a_words_keys_and_averages_over_its_queries() -> None:
    weights = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]]], dtype=np.float16)
    joined = merge_tokens(AttentionTrace(("a", " V", "ig"), weights))
    assert joined.tokens == ("a", " Vig")
    np.testing.assert_allclose(joined.head(0, 0), np.array([[1, 0], [0.375, 0.625]]))


@given(st.lists(st.sampled_from([" a", "b", "", ".", " ", "🙂", "1"]), min_size=1, max_size=12))
def test_every_token_is_in_one_word_and_joining_keeps_a_valid_trace(tokens: list[str]) -> None:
    spans = word_spans(tokens)
    assert [i for start, stop in spans for i in range(start, stop)] == list(range(len(tokens)))
    trace = random_trace(n_tokens=len(tokens))
    joined = merge_tokens(AttentionTrace(tuple(tokens), trace.attention))
    assert "".join(joined.tokens) == "".join(tokens)
    np.testing.assert_allclose(joined.attention.astype(np.float32).sum(-1), 1, atol=5e-3)
