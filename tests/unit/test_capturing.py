from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from attn_core import LanguageModel, PromptError, capture
from attn_core.models.attention import BLOCK, FullRecorder, recording
from attn_core.models.inspection import use_recording_attention
from tests.support.networks import gemma2, gpt2, llama, llama_of_long_texts, with_tokenizer

TEXT = "The dog on the ship ran off, and the dog was found by the crew of Jesse Vig."


@pytest.fixture(scope="module", params=[gpt2, llama])
def random_model(request: pytest.FixtureRequest, mini: LanguageModel) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel("random", "folder", request.param().eval(), mini.tokenizer)


def test_attention_and_prediction_agree_with_transformers_eager(random_model: LanguageModel) -> None:
    network = random_model.network
    ids = torch.tensor([random_model.tokenizer(TEXT)["input_ids"]])
    network.set_attn_implementation("eager")
    with torch.inference_mode():
        expected = network(ids, output_attentions=True)
    use_recording_attention(network)

    trace = capture(random_model, TEXT)

    assert trace.attention.dtype == np.float16
    assert trace.attention.shape == (random_model.n_layers, random_model.n_heads, ids.shape[1], ids.shape[1])
    for layer, weights in enumerate(expected.attentions):
        np.testing.assert_allclose(trace.attention[layer], weights[0].numpy(), atol=1e-3)
    probabilities = expected.logits[0, -1].softmax(-1)
    assert trace.prediction is not None
    assert trace.prediction.probabilities[0] == pytest.approx(float(probabilities.max()), abs=1e-3)
    assert trace.prediction.tokens[0] == random_model.tokenizer.decode([int(probabilities.argmax())])


@pytest.mark.slow
def test_a_long_text_agrees_too(mini: LanguageModel) -> None:
    torch.manual_seed(0)
    network = llama_of_long_texts().eval()
    ids = torch.randint(0, 1000, (1, 3 * BLOCK - 5))
    network.set_attn_implementation("eager")
    with torch.inference_mode():
        expected = network(ids, output_attentions=True)
    use_recording_attention(network)
    trace = capture(LanguageModel("random", "folder", network, mini.tokenizer), ids[0].tolist())
    for layer, weights in enumerate(expected.attentions):
        np.testing.assert_allclose(trace.attention[layer], weights[0].numpy(), atol=1e-3)
    assert trace.prediction is not None
    assert trace.prediction.probabilities[0] == pytest.approx(
        float(expected.logits[0, -1].softmax(-1).max()), abs=1e-5
    )


def test_listening_changes_nothing_for_others(random_model: LanguageModel) -> None:
    ids = torch.tensor([random_model.tokenizer(TEXT)["input_ids"]])
    with torch.inference_mode():
        before = random_model.network(ids).logits
        capture(random_model, TEXT)
        after = random_model.network(ids).logits
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_two_threads_never_see_each_others_attention(mini: LanguageModel) -> None:
    texts = ["The dog on the ship ran", "She bought apples, pears and plums at the store today"]
    alone = {text: capture(mini, text).attention for text in texts}
    wrong: list[str] = []

    def run(text: str) -> None:
        for _ in range(10):
            if not np.allclose(capture(mini, text).attention, alone[text], atol=0.01):
                wrong.append(text)

    threads = [threading.Thread(target=run, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_trace_says_what_it_was_made_from(mini: LanguageModel) -> None:
    trace = capture(mini, TEXT)
    assert "".join(trace.tokens) == trace.text == TEXT
    assert trace.model == "mini"


@pytest.mark.parametrize("blank", ["", "   ", "\n\t"])
def test_a_blank_prompt_is_refused(mini: LanguageModel, blank: str) -> None:
    with pytest.raises(PromptError, match="empty"):
        capture(mini, blank)


def test_a_prompt_past_the_context_is_refused_and_one_that_fills_it_is_not(mini: LanguageModel) -> None:
    def fitting(n: int) -> str:
        return mini.tokenizer.decode(mini.tokenizer(" dog" * n)["input_ids"][:n])

    assert capture(mini, fitting(mini.max_tokens)).n_tokens == mini.max_tokens
    with pytest.raises(PromptError, match=f"at most {mini.max_tokens}"):
        capture(mini, fitting(mini.max_tokens + 1))


def test_a_prompt_past_the_memory_limit_is_refused_with_the_limit(mini: LanguageModel) -> None:
    with pytest.raises(PromptError, match=r"at most 3 are allowed\. Shorten it"):
        capture(mini, "The dog on the ship", max_tokens=3)


@pytest.mark.parametrize(
    "text", ["🙂 👩‍🚀", "שלום עולם", "\x07\x00 bell", "<script>alert(1)</script>", "$x$ :smile:"]
)
def test_unusual_text_is_captured(mini: LanguageModel, text: str) -> None:
    assert "".join(capture(mini, text).tokens) == text


def test_half_a_surrogate_pair_is_refused(mini: LanguageModel) -> None:
    with pytest.raises(PromptError, match="surrogate"):
        capture(mini, "dog \ud83d")


@pytest.mark.parametrize("network", [llama, gemma2], ids=["llama", "gemma2, whose scores are capped"])
def test_queries_that_follow_a_cache_see_its_keys_and_none_ahead(
    network: Callable[[], PreTrainedModel], mini: LanguageModel
) -> None:
    model = with_tokenizer(network(), mini)
    ids = model.encode(list(range(5, 14)))
    whole = capture(model, ids[0].tolist()).attention
    cache = model.run(ids[:, :4], keep_cache=True).cache
    recorder = FullRecorder(model.n_layers, model.n_heads, 9)
    with recording(recorder):
        logits = model.run(ids[:, 4:], cache=cache).logits[:, -1]
    np.testing.assert_allclose(recorder.attention[:, :, :5], whole[:, :, 4:], atol=2e-3)
    torch.testing.assert_close(logits, model.next_logits(ids), atol=1e-3, rtol=1e-3)
