"""The article's claims as measures: what passes, what fails, and which head has the number."""

from __future__ import annotations

import numpy as np
import pytest

from attn_core import AttentionTrace, LanguageModel, Prediction, capture, compare
from attn_core.analysis.claims import (
    attends,
    drops_attention,
    find_last_separator,
    find_most_dropped_word,
    has_null_heads,
    has_score,
    predicts_color,
)
from attn_core.analysis.examples import COLLEAGUE, DOG, KITE, SON


def resting(tokens: list[str], *, elsewhere: dict[tuple[int, int], tuple[int, int]]) -> AttentionTrace:
    """A trace of 2 x 2 heads on their first token, of which some put all of one query on one other token."""
    attention = np.zeros((2, 2, len(tokens), len(tokens)), dtype=np.float32)
    attention[..., 0] = 1
    for (layer, head), (query, key) in elsewhere.items():
        attention[layer, head, query] = 0
        attention[layer, head, query, key] = 1
    return AttentionTrace(tuple(tokens), attention, text="".join(tokens))


def test_a_link_names_the_head_that_looks_there_most() -> None:
    trace = resting(["The", " dog", " on", " it", " ran"], elsewhere={(1, 0): (4, 1)})
    found = attends(trace, 4, 1)
    assert (found.holds, found.number, found.head) == (True, 1.0, (1, 0))
    missing = attends(trace, 4, 2)
    assert (missing.holds, missing.number) == (False, 0.0)


def test_a_text_without_a_list_has_no_head_for_lists() -> None:
    trace = resting(["The", " dog", " ran"], elsewhere={})
    assert has_score(trace, "list_items") is None
    assert find_last_separator(trace) is None


def test_heads_that_rest_find_nothing() -> None:
    found = has_null_heads(resting(["The", " dog", " ran"], elsewhere={}))
    assert found is not None
    assert (found.holds, found.number, found.head) == (True, 1.0, None)


def test_two_words_do_not_tell_who_finds_nothing() -> None:
    assert has_null_heads(resting(["The", " dog"], elsewhere={})) is None


@pytest.mark.parametrize(("token", "holds"), [(" Blue", True), (" dog", False)])
def test_a_colour_is_told_from_other_words(token: str, holds: bool) -> None:
    prediction = Prediction((token, " x"), np.array([0.6, 0.1], dtype=np.float32), (1, 2))
    assert predicts_color(prediction).holds is holds
    assert predicts_color(prediction).number == pytest.approx(0.6)


def test_the_word_that_a_head_ignores_is_found_and_not_the_first() -> None:
    tokens = ["Ann", " is", " Vig", " here"]
    a = resting(tokens, elsewhere={(0, 1): (3, 2)})
    moved = compare(a, resting(tokens, elsewhere={}))
    assert find_most_dropped_word(moved) == 2
    found = drops_attention(moved, 2)
    assert (found.holds, found.number, found.head) == (True, 1.0, (0, 1))
    assert not drops_attention(compare(a, a), 2).holds


def test_the_word_looked_from_is_not_called_ignored() -> None:
    tokens = ["Ann", " is", " Vig", " here"]
    a = resting(tokens, elsewhere={(0, 1): (3, 3), (0, 0): (3, 1)})
    assert find_most_dropped_word(compare(a, resting(tokens, elsewhere={(0, 0): (3, 2)}))) == 1


def test_the_first_tokens_are_not_called_ignored_but_what_was_hidden_in_front_of_a_word_does_not_hide_it() -> None:
    a = resting(["Ann", " Vig", " is", " here"], elsewhere={(0, 1): (3, 1)})
    b = resting(["Ann", " Vig", " is", " here"], elsewhere={(1, 1): (3, 2)})
    assert find_most_dropped_word(compare(a, b)) == 1
    assert find_most_dropped_word(compare(b, a)) == 2
    hidden_a, hidden_b = (trace.without_first_token(rescale=False) for trace in (a, b))
    assert find_most_dropped_word(compare(hidden_a, hidden_b)) == 0
    once = resting(["Once", " Ann", " Vig", " is", " here"], elsewhere={(1, 1): (4, 3)})
    moved = compare(a, once)
    word = find_most_dropped_word(moved)
    assert word is not None
    assert moved.words[word].label == "Vig"


def test_nothing_is_ignored_where_no_word_is_shared() -> None:
    moved = compare(resting(["x", " y"], elsewhere={}), resting(["u", " v"], elsewhere={}))
    assert find_most_dropped_word(moved) is None


def test_the_claims_hold_in_the_bundled_model(mini: LanguageModel) -> None:
    dog, kite = capture(mini, DOG), capture(mini, KITE)
    assert attends(dog, 5, 1).holds
    for trace, score in ((dog, "previous_token"), (kite, "list_items")):
        found = has_score(trace, score)
        assert found is not None
        assert found.holds
    nothing = has_null_heads(dog)
    assert nothing is not None
    assert nothing.holds
    assert kite.prediction is not None
    assert predicts_color(kite.prediction).holds
    separator = find_last_separator(kite)
    assert separator is not None
    assert kite.tokens[separator] == " and"
    moved = compare(capture(mini, SON), capture(mini, COLLEAGUE))
    word = find_most_dropped_word(moved)
    assert word is not None
    assert moved.words[word].label == "Vig"
    assert drops_attention(moved, word).holds
