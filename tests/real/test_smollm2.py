from __future__ import annotations

import numpy as np
import pytest

from attn_core import LanguageModel, capture, generate

pytestmark = pytest.mark.real

COLOURS = {"black", "blue", "brown", "gold", "gray", "green", "grey", "orange", "purple", "red", "silver", "yellow"}
GOWN = "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and"
SON = "Jesse Vig is the son of an evangelical preacher named James"
COLLEAGUE = "Jesse Vig is the colleague of an evangelical preacher named James"


def test_it_has_30_layers_of_9_heads(smollm2: LanguageModel) -> None:
    assert (smollm2.source, smollm2.n_layers, smollm2.n_heads) == ("folder", 30, 9)


def test_a_trace_of_real_text_is_whole(smollm2: LanguageModel) -> None:
    trace = capture(smollm2, SON)
    n_tokens = len(trace.tokens)
    assert "".join(trace.tokens) == SON
    assert trace.attention.shape == (30, 9, n_tokens, n_tokens)
    np.testing.assert_allclose(trace.attention.sum(axis=-1, dtype=np.float32), 1, atol=2e-3)


def test_the_list_of_colours_ends_in_a_colour(smollm2: LanguageModel) -> None:
    step = next(iter(generate(smollm2, GOWN, max_new_tokens=1, temperature=0.0)))
    assert step.token.strip() in COLOURS
    assert step.probability > 0.1


def test_greedy_text_is_that_of_transformers(smollm2: LanguageModel) -> None:
    steps = list(generate(smollm2, GOWN, max_new_tokens=6, temperature=0.0))
    inputs = smollm2.tokenizer(GOWN, return_tensors="pt")
    expected = smollm2.network.generate(**inputs, max_new_tokens=6, do_sample=False)
    assert [step.token_id for step in steps] == expected[0, inputs["input_ids"].shape[1] :].tolist()


def test_the_son_gets_the_surname_and_the_colleague_does_not(smollm2: LanguageModel) -> None:
    son, colleague = (capture(smollm2, text).prediction for text in (SON, COLLEAGUE))
    assert son is not None
    assert colleague is not None
    assert son.tokens[0] == " Vig"
    assert son.probability_of(" Vig") >= 5 * colleague.probability_of(" Vig")
