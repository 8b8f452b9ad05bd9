from __future__ import annotations

import numpy as np
import pytest

from attn_core import (
    LanguageModel,
    ablation_scan,
    attribute,
    capture,
    compare,
    generate,
    log_probability,
    logit_lens,
    residual_stream,
)

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


def test_the_parts_of_270_heads_sum_to_the_logit(smollm2: LanguageModel) -> None:
    for foil in (None, " and"):
        whole = attribute(smollm2, SON, " Vig", foil)
        assert whole.heads.shape == (30, 9)
        assert whole.total == pytest.approx(whole.logit, rel=1e-2)


def test_heads_that_look_at_the_surname_made_it_and_without_them_it_goes(smollm2: LanguageModel) -> None:
    stream = residual_stream(smollm2, SON)
    strongest = attribute(smollm2, stream, " Vig").strongest(5)
    looked_at = [stream.tokens[int(stream.attention[head].argmax())] for head in strongest]
    assert looked_at.count(" Vig") >= 3
    before = log_probability(smollm2, SON, " Vig")
    assert log_probability(smollm2, SON, " Vig", ablate=strongest) < before - 1
    assert next(generate(smollm2, SON, ablate=strongest)).token != " Vig"


def test_the_scan_of_270_heads_finds_what_a_run_without_each_finds(smollm2: LanguageModel) -> None:
    before = log_probability(smollm2, SON, " Vig")
    scan = ablation_scan(smollm2, SON, " Vig")
    assert scan.shape == (30, 9)
    for head in [(0, 6), (23, 1), (29, 8)]:
        expected = log_probability(smollm2, SON, " Vig", ablate={head}) - before
        assert scan[head] == pytest.approx(expected, abs=0.01)


def test_the_lens_ends_in_the_surname(smollm2: LanguageModel) -> None:
    lens = logit_lens(smollm2, SON, " Vig")
    assert len(lens.predictions) == 31
    assert lens.predictions[-1].tokens[0] == " Vig"
    assert lens.target_probabilities[:15].max() < 0.01


def test_value_norms_count_every_query_head_of_a_group(smollm2: LanguageModel) -> None:
    weighted = capture(smollm2, SON).value_weighted()
    np.testing.assert_allclose(weighted.attention.sum(axis=-1, dtype=np.float32), 1, atol=5e-3)


def test_among_the_five_heads_that_change_most_one_looks_at_the_surname_for_the_son(
    smollm2: LanguageModel,
) -> None:
    comparison = compare(capture(smollm2, SON), capture(smollm2, COLLEAGUE))
    surname = [word.label for word in comparison.words].index("Vig")
    lost = [-comparison.difference[(*head, surname)] for head in comparison.rank_heads(5)]
    assert max(lost) > 0.3
