from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from attn_core import LanguageModel, PromptError, capture, generate
from attn_core.models.inspection import use_recording_attention
from attn_core.runs.generation import GeneratedText
from tests.support.networks import gpt2, llama, openai_gpt, with_tokenizer

PROMPT = "Jesse Vig is the son of an evangelical preacher named James"


@pytest.fixture(scope="module", params=["mini", "gpt2 shape", "llama"])
def model(request: pytest.FixtureRequest, mini: LanguageModel) -> LanguageModel:
    torch.manual_seed(0)
    if request.param == "mini":
        return mini
    network = gpt2() if request.param == "gpt2 shape" else llama()
    use_recording_attention(network.eval())
    return LanguageModel("random", "folder", network, mini.tokenizer)


def test_greedy_makes_the_same_tokens_as_the_models_own_generate(model: LanguageModel) -> None:
    ids = torch.tensor([model.tokenizer(PROMPT)["input_ids"]])
    expected = model.network.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False, pad_token_id=0
    )[0, ids.shape[1] :]
    steps = list(generate(model, PROMPT, max_new_tokens=20))
    assert [step.token_id for step in steps] == expected.tolist()


@pytest.mark.parametrize(("make", "lengths"), [(gpt2, [12, 1, 1]), (openai_gpt, [12, 13, 14])])
def test_with_a_cache_each_step_reads_one_token_and_without_one_the_whole_text(
    make: Callable[[], PreTrainedModel], lengths: list[int], mini: LanguageModel
) -> None:
    model, ids, seen = with_tokenizer(make(), mini), list(range(100, 112)), list[int]()
    assert model.has_cache == (lengths[-1] == 1)
    embeddings = model.network.get_input_embeddings()
    embeddings.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    tokens = [step.token_id for step in generate(model, ids, max_new_tokens=3)]
    assert seen == lengths
    made = model.network.generate(torch.tensor([ids]), max_new_tokens=3, do_sample=False, pad_token_id=0)
    assert tokens == made[0, 12:].tolist()


def test_each_steps_attention_is_the_last_row_of_a_capture_up_to_there(model: LanguageModel) -> None:
    text = PROMPT
    for step in generate(model, PROMPT, max_new_tokens=4):
        trace = capture(model, text)
        if trace.n_tokens != step.attention.shape[-1]:
            break  # the text so far tokenizes differently from the tokens that were generated
        np.testing.assert_allclose(step.attention, trace.attention[:, :, -1], atol=2e-3)
        np.testing.assert_allclose(step.attention.astype(np.float32).sum(-1), 1, atol=5e-3)
        text += step.token


def test_a_step_tells_probability_and_alternatives(mini: LanguageModel) -> None:
    step = next(generate(mini, PROMPT))
    assert len(step.alternatives.tokens) == 10
    assert step.alternatives.tokens[0] == step.token
    assert step.probability == pytest.approx(float(step.alternatives.probabilities[0]))


def test_the_same_seed_draws_the_same_text(mini: LanguageModel) -> None:
    def text(seed: int) -> str:
        return "".join(s.token for s in generate(mini, "The dog", max_new_tokens=15, temperature=1.5, seed=seed))

    assert text(1) == text(1)
    assert len({text(seed) for seed in range(5)}) > 1


def test_one_candidate_is_the_greedy_one(mini: LanguageModel) -> None:
    greedy = [s.token_id for s in generate(mini, PROMPT, max_new_tokens=8)]
    assert [s.token_id for s in generate(mini, PROMPT, max_new_tokens=8, temperature=3.0, top_k=1)] == greedy
    assert [s.token_id for s in generate(mini, PROMPT, max_new_tokens=8, temperature=1.0, top_p=1e-6)] == greedy


def test_top_k_draws_only_from_the_k_best(mini: LanguageModel) -> None:
    for seed in range(20):
        step = next(generate(mini, "The", temperature=5.0, top_k=3, seed=seed))
        assert step.token in step.alternatives.tokens[:3]


def test_new_tokens_that_do_not_fit_are_refused_with_how_many_do(mini: LanguageModel) -> None:
    most = mini.max_tokens - len(mini.tokenizer(PROMPT)["input_ids"]) + 1
    assert generate(mini, PROMPT, max_new_tokens=most)
    with pytest.raises(PromptError, match=f"Generate at most {most}, or shorten it"):
        generate(mini, PROMPT, max_new_tokens=most + 1)


def test_a_prompt_that_fills_the_context_gets_one_more_token(mini: LanguageModel) -> None:
    ids = [5] * mini.max_tokens
    (step,) = generate(mini, ids, max_new_tokens=1)
    assert step.attention.shape[-1] == mini.max_tokens
    with pytest.raises(PromptError, match=r"of the 256 tokens mini can hold\. Generate at most 1, or shorten it"):
        generate(mini, ids, max_new_tokens=2)
    with pytest.raises(PromptError, match="reads at most"):
        generate(mini, [*ids, 5], max_new_tokens=1)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": 1e-40},
        {"temperature": 5e-324},
        {"temperature": 1e-40, "top_p": 1e-46},
        {"temperature": 1.0, "top_p": 1e-46},
        {"temperature": 1.0, "top_p": 5e-324},
        {"temperature": 1e-3, "top_k": 10**9, "top_p": 1e-300},
    ],
)
def test_the_smallest_settings_draw_the_most_probable_token(mini: LanguageModel, setting: dict[str, float]) -> None:
    greedy = [s.token_id for s in generate(mini, PROMPT, max_new_tokens=6)]
    assert [s.token_id for s in generate(mini, PROMPT, max_new_tokens=6, **setting)] == greedy  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_largest_temperature_draws_among_all_tokens_alike(mini: LanguageModel) -> None:
    for temperature in (1e30, float("inf")):
        steps = list(generate(mini, PROMPT, max_new_tokens=20, temperature=temperature, seed=1))
        assert sum(step.token in step.alternatives.tokens for step in steps) <= 2


@pytest.mark.parametrize(
    "setting",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": 2.5},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_k": 2.5},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
        {"seed": -1},
        {"seed": 2**70},
    ],
)
def test_settings_out_of_range_are_refused(mini: LanguageModel, setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        generate(mini, PROMPT, **setting)  # type: ignore[arg-type]


def test_a_generated_text_knows_the_keys_of_each_step(mini: LanguageModel) -> None:
    steps = tuple(generate(mini, "The dog", max_new_tokens=3))
    made = GeneratedText("The dog", (0, 1), ("The", " dog"), "mini")
    for step in steps:
        made = made.with_step(step)
    assert made.text == "The dog" + "".join(step.token for step in steps)
    for index, step in enumerate(steps):
        assert len(made.tokens_before(index)) == step.attention.shape[-1]
