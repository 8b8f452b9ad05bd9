"""Networks that differ from GPT-2: windows, caps, scales, norms without weights, heads that mean something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from attn_core import (
    LanguageModel,
    UnsupportedArchitecture,
    ablation_scan,
    attribute,
    capture,
    generate,
    log_probability,
    logit_lens,
)
from attn_core.models.forward import uses_registry
from attn_core.runs.ablation import next_probabilities
from tests.support import networks
from tests.support.model_census import PAGE as CENSUS_PAGE
from tests.support.model_census import WEIGHT_TOLERANCE, findings, page
from tests.support.model_types import TYPES

IDS = [(37 * index + 11) % 3900 + 3 for index in range(20)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """More threads make networks as small as these slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(make: Callable[[], PreTrainedModel], mini: LanguageModel) -> LanguageModel:
    return networks.with_tokenizer(make(), mini)


def greedy(model: LanguageModel, ids: list[int], n_new: int) -> list[int]:
    """What transformers' own search makes of a prompt."""
    network = model.network
    network.generation_config = GenerationConfig(max_new_tokens=n_new, do_sample=False, pad_token_id=0)
    given = torch.tensor([ids])
    made: list[int] = network.generate(given, attention_mask=torch.ones_like(given))[0, len(ids) :].tolist()
    return made


# --- sliding windows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [networks.mistral, networks.mixed_windows, networks.gemma2, networks.gpt_neo],
    ids=lambda make: make.__name__,
)
def test_text_longer_than_the_window_is_generated_and_older_keys_have_no_weight(
    make: Callable[[], PreTrainedModel], mini: LanguageModel
) -> None:
    model = small(make, mini)
    steps = list(generate(model, IDS[:6], max_new_tokens=10))
    made = [step.token_id for step in steps]
    assert made == greedy(model, IDS[:6], 10)
    whole = capture(model, IDS[:6] + made).attention
    for index, step in enumerate(steps):
        n = 6 + index
        assert step.attention.shape == (model.n_layers, model.n_heads, n)
        np.testing.assert_allclose(step.attention, whole[:, :, n - 1, :n], atol=WEIGHT_TOLERANCE)
        np.testing.assert_allclose(step.attention.astype(np.float32).sum(-1), 1, atol=2e-3)
    windowed = [
        layer for layer in range(model.n_layers) if not steps[-1].attention[layer, :, : -networks.WINDOW].any()
    ]
    assert windowed


# --- what comes after the unembedding ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        networks.granite,
        networks.cohere,
        networks.gemma2,
        networks.capped_logits,
        networks.gpt_bigcode,
        networks.opt_with_projected_embeddings,
    ],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_the_scan_gives_what_one_run_for_each_head_gives(
    make: Callable[[], PreTrainedModel], replacement: str, mini: LanguageModel
) -> None:
    model = small(make, mini)
    options = {"replacement": replacement}
    changes = ablation_scan(model, IDS, 7, **options)  # type: ignore[arg-type]
    before = log_probability(model, IDS, 7)
    alone = [
        log_probability(model, IDS, 7, ablate=[head], **options) - before  # type: ignore[arg-type]
        for head in np.ndindex(changes.shape)
    ]
    largest = float(np.abs(changes).max())
    assert largest > 1e-3
    np.testing.assert_allclose(changes.ravel(), alone, atol=0.005 * largest)


@pytest.mark.parametrize(
    "make",
    [
        networks.granite,
        networks.cohere,
        networks.olmo,
        networks.opt_without_norm_weights,
        networks.opt_with_projected_embeddings,
        networks.gpt_bigcode,
    ],
    ids=lambda make: make.__name__,
)
def test_the_parts_of_a_logit_sum_to_it_after_scales_and_with_norms_without_weights(
    make: Callable[[], PreTrainedModel], mini: LanguageModel
) -> None:
    model = small(make, mini)
    with torch.inference_mode():
        logits = model.network(torch.tensor([IDS])).logits[0, -1]
    for foil in (None, 9):
        added = attribute(model, IDS, 7, foil)
        expected = float(logits[7] - (0 if foil is None else logits[9]))
        assert added.total == pytest.approx(expected, abs=1e-3 * float(logits.abs().max()))
    assert np.abs(added.heads).max() > 0
    lens = logit_lens(model, IDS, 7)
    assert lens.target_probabilities[-1] == pytest.approx(float(logits.softmax(-1)[7]), abs=1e-5)


def test_a_cap_on_the_logits_leaves_no_sum_over_heads_and_is_told(mini: LanguageModel) -> None:
    model = small(networks.capped_logits, mini)
    with pytest.raises(UnsupportedArchitecture, match="changes its logits"):
        attribute(model, IDS, 7)
    assert logit_lens(model, IDS, 7).target_probabilities.shape == (model.n_layers + 1,)


def test_next_probabilities_are_those_of_the_network(mini: LanguageModel) -> None:
    model = small(networks.granite, mini)
    with torch.inference_mode():
        expected = model.network(torch.tensor([IDS])).logits[0, -1].softmax(-1)
    np.testing.assert_allclose(next_probabilities(model, IDS), expected, atol=1e-6)


# --- attention outside the registry, and heads that mean something else --------------------------------------


def test_gpt_neo_is_recorded_from_the_weights_that_it_returns(mini: LanguageModel) -> None:
    model = small(networks.gpt_neo, mini)
    assert not uses_registry(model.network)
    with torch.inference_mode():
        expected = model.network(torch.tensor([IDS]), output_attentions=True)
    trace = capture(model, IDS)
    np.testing.assert_allclose(trace.attention, torch.cat(expected.attentions), atol=1e-3)
    assert trace.prediction is not None
    assert trace.prediction.token_ids[0] == int(expected.logits[0, -1].argmax())
    assert trace.value_norms is None


def test_weights_that_do_not_sum_to_1_are_refused(mini: LanguageModel) -> None:
    def scaled() -> PreTrainedModel:
        network = networks.gpt_neo()
        attention = network.get_submodule("transformer.h.0.attn.attention")
        attention.register_forward_hook(lambda module, given, made: (made[0], 1.015 * made[1]))
        return network

    with pytest.raises(UnsupportedArchitecture, match="attention weights that do not sum to 1"):
        small(scaled, mini)


@pytest.mark.parametrize(
    "make",
    [networks.gpt_neo, networks.bitnet, networks.diff_llama, networks.gated_heads],
    ids=lambda make: make.__name__,
)
def test_heads_that_do_not_simply_add_up_are_shown_but_neither_weighted_nor_turned_off(
    make: Callable[[], PreTrainedModel], mini: LanguageModel
) -> None:
    model = small(make, mini)
    trace = capture(model, IDS)
    assert trace.attention.shape == (3, 8, 20, 20)
    np.testing.assert_allclose(trace.attention.astype(np.float32).sum(-1), 1, atol=2e-3)
    assert trace.value_norms is None
    assert [step.token_id for step in generate(model, IDS[:6], max_new_tokens=4)] == greedy(model, IDS[:6], 4)
    for refused in (
        lambda: attribute(model, IDS, 7),
        lambda: logit_lens(model, IDS, 7),
        lambda: ablation_scan(model, IDS, 7),
        lambda: capture(model, IDS, ablate=[(0, 0)]),
        lambda: generate(model, IDS[:6], ablate=[(0, 0)]),
        lambda: log_probability(model, IDS, 7, ablate=[(0, 0)]),
    ):
        with pytest.raises(
            UnsupportedArchitecture, match=r"heads cannot be turned off, value-weighted or measured one by one\.$"
        ):
            refused()


def test_a_network_that_numbers_positions_in_its_own_way_does_not_generate(
    mini: LanguageModel,
) -> None:
    config = transformers.RobertaConfig(**networks.SMALL, intermediate_size=128, is_decoder=True, pad_token_id=1)
    model = small(lambda: transformers.RobertaForCausalLM(config), mini)
    assert capture(model, IDS).n_tokens == 20
    with pytest.raises(UnsupportedArchitecture, match="numbers positions differently"):
        generate(model, IDS)


def test_a_network_whose_logits_or_attention_differ_with_its_cache_does_not_generate(mini: LanguageModel) -> None:
    def after_a_cache(change: Callable[[Tensor], Tensor], output: Tensor) -> Tensor:
        return change(output) if output.shape[1] == 1 else output

    for name, change in (("lm_head", lambda it: it.flip(-1)), ("transformer.h.1.attn.c_attn", lambda it: 3 * it)):
        model = small(networks.gpt2, mini)
        with torch.no_grad():
            for block in model.network.transformer.h:
                block.attn.c_attn.weight *= 20  # so that a query differs from three times itself
                block.attn.c_proj.weight.zero_()  # so that attention does not change the logits
        changed = model.network.get_submodule(name)
        changed.register_forward_hook(lambda *call, change=change: after_a_cache(change, call[-1]))
        assert capture(model, IDS).n_tokens == 20
        with pytest.raises(UnsupportedArchitecture, match="predicts differently with its cache"):
            generate(model, IDS)


@pytest.mark.parametrize("n_positions", [1, 2, 3, 11])
def test_a_network_for_very_short_texts_is_recorded_and_generates(n_positions: int, mini: LanguageModel) -> None:
    config = transformers.GPT2Config(vocab_size=4096, n_positions=n_positions, n_embd=64, n_layer=3, n_head=8)
    model = small(lambda: transformers.GPT2LMHeadModel(config), mini)
    assert capture(model, IDS[:n_positions]).attention.shape == (3, 8, n_positions, n_positions)
    assert len(list(generate(model, IDS[:n_positions], max_new_tokens=1))) == 1
    assert ablation_scan(model, IDS[:n_positions], 7).shape == (3, 8)


def test_a_network_that_fails_on_a_text_says_so_with_an_error_of_the_library(mini: LanguageModel) -> None:
    model = small(networks.llama, mini)

    def fail(*_: object) -> None:
        raise KeyError("somewhere inside")

    hook = model.network.model.layers[1].mlp.register_forward_hook(fail)
    try:
        with pytest.raises(UnsupportedArchitecture, match=r"'llama' failed on this prompt \(KeyError: 'somewhere"):
            capture(model, IDS)
    finally:
        hook.remove()


# --- every type ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model_type", TYPES)
def test_every_causal_type_is_right_or_refused_by_an_error_of_the_library(model_type: str) -> None:
    found = findings(model_type)
    assert not found.wrong
    for reason in [found.refusal, *(found.checks or {}).values()] if found.built else []:
        assert reason == "" or reason.endswith(".")


@pytest.mark.slow
def test_most_types_can_be_shown_whole_and_the_table_of_the_documents_is_true() -> None:
    kinds = [findings(model_type).kind for model_type in TYPES]
    assert kinds.count("whole") >= 60
    assert page() == CENSUS_PAGE.read_text(encoding="utf-8")
