"""A trace made of attention that a person computed, with transformers as anybody loads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from attn_core import AttentionTrace, InvalidTrace, LanguageModel, capture, charts, token_texts
from attn_core.mini import FOLDER

TEXT = "The dog on the ship ran 🙂"


@pytest.fixture(scope="module")
def eager() -> Any:
    return AutoModelForCausalLM.from_pretrained(FOLDER, attn_implementation="eager", dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def ids(mini: LanguageModel) -> torch.Tensor:
    ids: torch.Tensor = mini.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    return ids


@pytest.fixture(scope="module")
def tokens(mini: LanguageModel, ids: torch.Tensor) -> tuple[str, ...]:
    return token_texts(mini.tokenizer, ids[0].tolist())


def attentions_of(network: Any, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    given: tuple[torch.Tensor, ...] = network(ids, output_attentions=True).attentions
    return given


def valid(n_layers: int = 2, n_heads: int = 3, n: int = 4) -> NDArray[np.float32]:
    weights = np.tril(np.random.default_rng(0).random((n_layers, n_heads, n, n)) + 0.01)
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


WORDS = ("a", " b", " c", " d")


def test_what_transformers_returns_is_what_capture_records(
    mini: LanguageModel, eager: Any, ids: torch.Tensor, tokens: tuple[str, ...]
) -> None:
    trace = AttentionTrace.from_attentions(attentions_of(eager, ids), tokens, model="my mini")
    captured = capture(mini, TEXT)
    assert (trace.tokens, trace.text, trace.model) == (captured.tokens, TEXT, "my mini")
    np.testing.assert_allclose(trace.attention, captured.attention, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_half_precision_will_do(
    dtype: torch.dtype, ids: torch.Tensor, tokens: tuple[str, ...]
) -> None:
    network = AutoModelForCausalLM.from_pretrained(FOLDER, attn_implementation="eager", dtype=dtype).eval()
    given = attentions_of(network, ids)
    assert given[0].dtype == dtype
    trace = AttentionTrace.from_attentions(given, tokens)
    np.testing.assert_allclose(trace.attention[3], given[3][0].detach().float(), atol=2e-3)


@pytest.mark.parametrize(
    "form",
    [
        np.array,
        torch.tensor,
        lambda weights: [layer[None] for layer in weights],
        lambda weights: tuple(weights.astype(np.float64)),
        lambda weights: torch.tensor(weights, dtype=torch.bfloat16)[:, None],
    ],
    ids=["array", "tensor", "list of batches", "tuple of heads", "stacked batches"],
)
def test_tensors_and_arrays_with_or_without_the_batch_give_the_same(form: Callable[[Any], Any]) -> None:
    trace = AttentionTrace.from_attentions(form(valid()), WORDS)
    np.testing.assert_allclose(trace.attention, valid(), atol=4e-3)
    assert trace.text == "a b c d"


def test_ones_own_array_is_not_touched() -> None:
    weights = valid().astype(np.float16)
    trace = AttentionTrace.from_attentions(weights, WORDS)
    before = trace.head(0, 0)
    weights[:] = 0
    np.testing.assert_array_equal(trace.head(0, 0), before)


@pytest.mark.slow
def test_every_chart_draws_it(tokens: tuple[str, ...], eager: Any, ids: torch.Tensor) -> None:
    trace = AttentionTrace.from_attentions(attentions_of(eager, ids), tokens)
    for chart in (
        charts.head_grid(trace, selected=(4, 8)),
        charts.attention_lines(trace, 4, 8, query=5),
        charts.attention_heatmap(trace, 4, 8),
        charts.row_lines(trace.tokens, trace.head(4, 8)[-1], name="layer 4 head 8"),
    ):
        assert chart.to_dict()["layer"]


def sdpa(ids: torch.Tensor) -> Any:
    return AutoModelForCausalLM.from_pretrained(FOLDER).eval()(ids, output_attentions=True).attentions


def test_sdpas_missing_attention_is_told_with_the_remedy(ids: torch.Tensor, tokens: tuple[str, ...]) -> None:
    with pytest.raises(InvalidTrace, match='attn_implementation="eager"'):
        AttentionTrace.from_attentions(sdpa(ids), tokens)


def test_generations_attention_is_told_with_the_remedy(
    eager: Any, ids: torch.Tensor, tokens: tuple[str, ...]
) -> None:
    made = eager.generate(
        ids, max_new_tokens=2, do_sample=False, return_dict_in_generate=True, output_attentions=True
    )
    with pytest.raises(InvalidTrace, match=r"step of generate\(\). Run the network once"):
        AttentionTrace.from_attentions(made.attentions, tokens)
    with pytest.raises(InvalidTrace, match=r"1 queries but .* keys. .* without past_key_values"):
        AttentionTrace.from_attentions(made.attentions[1], tokens)


def test_dropout_is_told_with_the_remedy(mini: LanguageModel, ids: torch.Tensor, tokens: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_pretrained(FOLDER, attn_implementation="eager", attn_pdrop=0.3).train()
    with pytest.raises(InvalidTrace, match=r"sum to .*, not 1\. Give .*network\.eval\(\)"):
        AttentionTrace.from_attentions(attentions_of(network, ids), tokens)


def test_the_whole_output_is_told_with_the_remedy(eager: Any, ids: torch.Tensor, tokens: tuple[str, ...]) -> None:
    with pytest.raises(InvalidTrace, match=r"Give the .attentions that the network returned"):
        AttentionTrace.from_attentions(eager(ids, output_attentions=True), tokens)


@pytest.mark.parametrize(
    ("attentions", "tokens", "sentence"),
    [
        (None, WORDS, "There is no attention. Load"),
        ((), WORDS, "There is no attention. Load"),
        ((None, None), WORDS, "There is no attention. Load"),
        (5, WORDS, "a tensor or an array for each layer"),
        (np.array(["x"]), WORDS, "must be numbers"),
        ([valid()], WORDS, r"a batch of 2 texts. Give one of them, as \[layer\[:1\]"),
        (valid()[0, 0], WORDS, r"Layer 0 has attention of shape \(4,\)\. Give one of shape"),
        (valid()[:, :, :1], WORDS, "Layer 0 has 1 queries but 4 keys. Run"),
        ([valid()[0], valid(n_heads=2)[0]], WORDS, r"Layer 1 .* \(2, 4, 4\) and layer 0 .*\. Give layers"),
        (valid(), WORDS[:3], "There are 3 tokens but attention for 4. Give the text of each input token"),
        (valid(), "abcd", "must be a list of texts. Make them"),
        (valid(), [1, 2, 3, 4], "must be a list of texts. Make them"),
        (valid(), [], "must be a list of texts. Make them"),
        (
            valid() * 0.5,
            WORDS,
            r"L0H0, token 0: the weights sum to 0.5, not 1\. Give the weights after the softmax",
        ),
        (valid() * np.nan, WORDS, "NaN or infinite. Give"),
        (np.full((1, 1, 4, 4), 1e9), WORDS, "NaN or infinite. Give"),
        (valid()[..., ::-1], WORDS, r"attends to a later one\. Give .* causal language model"),
        (np.log(valid() + 1e-3), WORDS, "weights are negative. Give the weights after the softmax"),
    ],
)
def test_whatever_is_wrong_is_told_in_one_sentence(attentions: Any, tokens: Any, sentence: str) -> None:
    with pytest.raises(InvalidTrace, match=sentence) as caught:
        AttentionTrace.from_attentions(attentions, tokens)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
