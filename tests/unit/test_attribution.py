from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from attn_core import (
    LanguageModel,
    PromptError,
    ResidualStream,
    UnsupportedArchitecture,
    ablation_scan,
    attribute,
    capture,
    generate,
    log_probability,
    logit_lens,
    residual_stream,
)
from attn_core.mini.evaluate import Family, families
from attn_core.runs.ablation import Replacement
from tests.support import networks

PROMPT = "Jesse Vig is the son of an evangelical preacher named James"
TYPES = (
    networks.gpt2,
    networks.gpt2_of_odd_width,
    networks.llama,
    networks.qwen3,
    networks.gemma,
    networks.gpt_neox,
    networks.opt,
    networks.phi,
)


@pytest.fixture(scope="module", params=["mini", *TYPES], ids=lambda p: p if isinstance(p, str) else p.__name__)
def model(request: pytest.FixtureRequest, mini: LanguageModel) -> LanguageModel:
    return mini if request.param == "mini" else networks.with_tokenizer(request.param(), mini)


@pytest.fixture(scope="module")
def biographies() -> list[Family]:
    """Twenty, with surnames that the bundled model has never seen."""
    return list(families(per_surname=2))[:20]


def test_all_parts_sum_to_the_logit(model: LanguageModel) -> None:
    whole = attribute(model, PROMPT, " Vig")
    ids = torch.tensor([model.tokenizer(PROMPT)["input_ids"]])
    with torch.inference_mode():
        logits = model.network(ids).logits[0, -1]
    assert whole.heads.shape == (model.n_layers, model.n_heads)
    assert whole.mlps.shape == (model.n_layers,)
    parts = whole.heads.sum() + whole.mlps.sum() + whole.embedding + whole.biases
    largest = max(1.0, float(np.abs(whole.heads).max()), float(np.abs(whole.mlps).max()))
    assert parts == pytest.approx(whole.total, abs=1e-5 * largest)
    assert whole.total == pytest.approx(float(logits[model.token_id(" Vig")]), abs=1e-4 * largest)


def test_with_a_foil_the_parts_sum_to_the_difference_of_the_logits(model: LanguageModel) -> None:
    both = attribute(model, PROMPT, " dog", foil=" cat")
    target, foil = attribute(model, PROMPT, " dog"), attribute(model, PROMPT, " cat")
    assert (both.target, both.foil) == (" dog", " cat")
    assert both.total == pytest.approx(target.total - foil.total, abs=1e-3)
    np.testing.assert_allclose(both.heads, target.heads - foil.heads, atol=1e-3)


@pytest.mark.slow
@given(st.text(alphabet="abc xyz.,\n🙂", min_size=1).filter(str.strip), st.integers(0, 3000))
def test_the_sum_closes_on_any_text_and_token(mini: LanguageModel, text: str, target: int) -> None:
    whole = attribute(mini, text, target)
    assert whole.total == pytest.approx(whole.logit, abs=1e-3)


def test_a_head_counts_what_is_missing_from_the_last_layer_without_it(mini: LanguageModel) -> None:
    """In the last layer nothing comes after a head but the MLP, so most of what it adds is seen when it is gone."""
    stream = residual_stream(mini, PROMPT)
    off = residual_stream(mini, PROMPT, ablate={(11, 3)})
    np.testing.assert_allclose(off.heads[11, 3], 0)
    np.testing.assert_allclose(off.heads[11, 4], stream.heads[11, 4])
    without_mlp = stream.final - stream.mlps[11] - (off.final - off.mlps[11])
    np.testing.assert_allclose(without_mlp, stream.heads[11, 3], atol=1e-4)


def test_a_network_that_two_models_share_is_read_by_each(mini: LanguageModel) -> None:
    first = networks.with_tokenizer(networks.gpt2(), mini)
    heads, scan = attribute(first, PROMPT, " Vig").heads, ablation_scan(first, PROMPT, " Vig")
    second = LanguageModel("again", "folder", first.network, mini.tokenizer)
    for model in (second, first):
        np.testing.assert_array_equal(attribute(model, PROMPT, " Vig").heads, heads)
        np.testing.assert_array_equal(ablation_scan(model, PROMPT, " Vig"), scan)


def test_one_pass_serves_every_question(mini: LanguageModel) -> None:
    stream = residual_stream(mini, PROMPT)
    np.testing.assert_array_equal(attribute(mini, stream, " V").heads, attribute(mini, PROMPT, " V").heads)
    with pytest.raises(ValueError, match="Turn heads off in residual_stream"):
        attribute(mini, stream, " V", ablate={(0, 0)})


def test_attribution_is_of_the_first_token_of_the_target(mini: LanguageModel) -> None:
    assert attribute(mini, PROMPT, " Vig").target == " V"
    assert attribute(mini, PROMPT, mini.token_id(" V")).target == " V"


def test_a_network_that_does_not_add_up_is_refused_with_the_reason(mini: LanguageModel) -> None:
    normed_again = networks.with_tokenizer(networks.olmo2(), mini)
    with pytest.raises(UnsupportedArchitecture, match="do not sum to its logits"):
        attribute(normed_again, PROMPT, " Vig")
    assert capture(normed_again, PROMPT).n_layers == 3


def test_a_token_that_the_tokenizer_never_makes_has_its_logit_too(mini: LanguageModel) -> None:
    model = networks.with_tokenizer(networks.llama(), mini)
    beyond = len(mini.tokenizer) + 1
    whole = attribute(model, PROMPT, beyond)
    assert whole.total == pytest.approx(whole.logit, abs=1e-3)


@pytest.mark.parametrize(("target", "foil"), [("", None), (-1, None), (10**6, None), (" dog", " dog")])
def test_tokens_that_are_none_are_refused(mini: LanguageModel, target: str | int, foil: str | None) -> None:
    with pytest.raises(ValueError, match=r"is empty|has no token|same token"):
        attribute(mini, PROMPT, target, foil)


def test_a_blank_prompt_is_refused(mini: LanguageModel) -> None:
    for ask in (attribute, ablation_scan, logit_lens):
        with pytest.raises(PromptError, match="empty"):
            ask(mini, " ", " dog")


def test_the_surname_is_made_by_heads_that_look_at_it(mini: LanguageModel, biographies: list[Family]) -> None:
    found = 0
    for family in biographies:
        stream = residual_stream(mini, family.relative)
        (layer, head), *_ = attribute(mini, stream, f" {family.surname}").strongest(1)
        looks_at = stream.tokens[int(stream.attention[layer, head].argmax())].strip()
        found += family.surname.startswith(looks_at) and looks_at != ""
    assert found >= 15


@pytest.mark.slow
@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_without_its_five_strongest_heads_the_surname_loses_more_than_without_five_others(
    mini: LanguageModel, biographies: list[Family], replacement: Replacement
) -> None:
    rng, every_head = Random(0), [(layer, head) for layer in range(12) for head in range(12)]
    lower, lower_than_random = 0, 0
    for family in biographies:
        text, surname = family.relative, f" {family.surname}"
        before = log_probability(mini, text, surname)
        strongest = attribute(mini, text, surname).strongest(5)
        without = log_probability(mini, text, surname, ablate=strongest, replacement=replacement)
        others = log_probability(mini, text, surname, ablate=rng.sample(every_head, 5), replacement=replacement)
        lower += without < before
        lower_than_random += before - without > before - others
    assert lower >= 18
    assert lower_than_random >= 18


def naive_loop(model: LanguageModel, replacement: Replacement) -> np.ndarray:
    before = log_probability(model, PROMPT, " Vig")
    return np.array(
        [
            [
                log_probability(model, PROMPT, " Vig", ablate={(layer, head)}, replacement=replacement) - before
                for head in range(model.n_heads)
            ]
            for layer in range(model.n_layers)
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_the_scan_finds_what_a_run_without_each_head_finds(model: LanguageModel, replacement: Replacement) -> None:
    scan = ablation_scan(model, PROMPT, " Vig", replacement=replacement)
    assert scan.shape == (model.n_layers, model.n_heads)
    expected = naive_loop(model, replacement)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(scan, expected, atol=1e-3, rtol=1e-3)


def test_the_scan_runs_few_layers_and_tells_how_far_it_is(mini: LanguageModel) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    hooks = [block.register_forward_hook(count) for block in mini.components.blocks]
    told: list[float] = []
    ablation_scan(mini, PROMPT, " Vig", on_progress=told.append)
    for hook in hooks:
        hook.remove()
    assert calls * 4 < 144 * 12  # a loop over all heads runs every layer for each of them
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_network_whose_layers_read_more_than_the_stream_is_scanned_head_by_head(mini: LanguageModel) -> None:
    network = networks.gpt2()
    first, *_, last = network.transformer.h
    written: list[torch.Tensor] = []
    first.register_forward_hook(lambda block, inputs, stream: written.append(stream))
    last.register_forward_pre_hook(lambda block, inputs: (inputs[0] + written[-1], *inputs[1:]))
    model, told = networks.with_tokenizer(network, mini), list[float]()
    scan = ablation_scan(model, "The dog", 5, on_progress=told.append)
    before = log_probability(model, "The dog", 5)
    for head in ((0, 0), (2, 7)):
        assert scan[head] == pytest.approx(log_probability(model, "The dog", 5, ablate={head}) - before, abs=1e-5)
    np.testing.assert_allclose(told[-24:], np.arange(1, 25) / 24)  # a run for each of 24 heads


def test_a_scan_is_cancelled_by_what_its_progress_raises(mini: LanguageModel) -> None:
    class Cancelled(Exception):
        pass

    def cancel(part: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ablation_scan(mini, PROMPT, " Vig", on_progress=cancel)
    assert capture(mini, PROMPT).ablated == ()


def test_a_scan_with_heads_off_compares_with_the_run_without_them(mini: LanguageModel) -> None:
    off = {(7, 11), (5, 7)}
    scan = ablation_scan(mini, PROMPT, " Vig", ablate=off)
    assert scan[7, 11] == pytest.approx(0, abs=1e-5)
    expected = log_probability(mini, PROMPT, " Vig", ablate=off | {(4, 1)})
    assert scan[4, 1] == pytest.approx(expected - log_probability(mini, PROMPT, " Vig", ablate=off), abs=1e-4)


def hook_that_zeroes(head: int, head_dim: int) -> Callable[..., tuple[torch.Tensor]]:
    def zero(_: torch.nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        outputs = args[0].clone()
        outputs[..., head * head_dim : (head + 1) * head_dim] = 0
        return (outputs,)

    return zero


@pytest.mark.parametrize("make", [networks.gpt2, networks.llama])
def test_a_head_switched_off_is_one_that_reaches_no_output_matrix(
    make: Callable[[], PreTrainedModel], mini: LanguageModel
) -> None:
    model = networks.with_tokenizer(make(), mini)
    layer, head = 1, 5
    projection = model.output_matrices.modules[layer]
    hook = projection.register_forward_pre_hook(hook_that_zeroes(head, 8))
    expected = log_probability(model, PROMPT, " Vig")
    hook.remove()
    assert log_probability(model, PROMPT, " Vig", ablate={(layer, head)}) == pytest.approx(expected, abs=1e-4)
    assert log_probability(model, PROMPT, " Vig") != pytest.approx(expected, abs=1e-4)


def test_capture_with_heads_off_says_so_and_predicts_otherwise(mini: LanguageModel) -> None:
    strongest = attribute(mini, PROMPT, " Vig").strongest(5)
    trace = capture(mini, PROMPT, ablate=strongest)
    assert trace.ablated == tuple(sorted(strongest))
    assert trace.prediction is not None
    assert trace.prediction.probability_of(" V") == pytest.approx(
        np.exp(log_probability(mini, PROMPT, " Vig", ablate=strongest)), abs=1e-3
    )
    np.testing.assert_array_equal(trace.attention[0], capture(mini, PROMPT).attention[0])


def test_generating_with_heads_off_is_greedy_search_without_them(mini: LanguageModel) -> None:
    strongest = attribute(mini, PROMPT, " Vig").strongest(5)
    ids: list[int] = mini.tokenizer(PROMPT)["input_ids"]
    for step in generate(mini, PROMPT, max_new_tokens=8, ablate=strongest):
        best = capture(mini, ids, ablate=strongest).prediction
        assert best is not None
        assert step.token_id == best.token_ids[0]
        ids.append(step.token_id)
    assert next(generate(mini, PROMPT)).token_id != next(generate(mini, PROMPT, ablate=strongest)).token_id


def test_a_mean_stays_that_of_the_prompt_while_text_is_generated(mini: LanguageModel) -> None:
    layer, head, head_dim = 7, 11, 12
    ids: list[int] = mini.tokenizer(PROMPT)["input_ids"]
    columns = slice(head * head_dim, (head + 1) * head_dim)
    means: list[torch.Tensor] = []

    def replace(_: torch.nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        outputs = args[0].clone()
        if not means:
            means.append(outputs[..., columns].mean(dim=1, keepdim=True))
        outputs[..., columns] = means[0]
        return (outputs,)

    expected = []
    hook = mini.output_matrices.modules[layer].register_forward_pre_hook(replace)
    for _ in range(5):
        best = capture(mini, ids).prediction
        assert best is not None
        expected.append(float(best.probabilities[0]))
        ids.append(best.token_ids[0])
    hook.remove()
    steps = list(generate(mini, PROMPT, max_new_tokens=5, ablate={(layer, head)}, replacement="mean"))
    assert [step.token_id for step in steps] == ids[-5:]
    assert [step.probability for step in steps] == pytest.approx(expected, abs=1e-4)


def test_heads_that_are_not_there_are_refused(mini: LanguageModel) -> None:
    for ask in (capture, generate, residual_stream):
        with pytest.raises(ValueError, match=r"mini has no head L12H0. Choose layers 0 to 11 and heads 0 to 11"):
            ask(mini, PROMPT, ablate={(12, 0)})
    with pytest.raises(ValueError, match="replaced with 'median'"):
        capture(mini, PROMPT, ablate={(0, 0)}, replacement="median")  # type: ignore[arg-type]


@pytest.mark.slow
def test_heads_that_one_thread_switches_off_stay_on_in_others(mini: LanguageModel) -> None:
    expected = {
        off: log_probability(mini, PROMPT, " Vig", ablate=off) for off in (frozenset(), frozenset({(7, 11)}))
    }
    wrong: list[object] = []

    def run(off: frozenset[tuple[int, int]]) -> None:
        for _ in range(15):
            if log_probability(mini, PROMPT, " Vig", ablate=off) != expected[off]:
                wrong.append(off)
            attribute(mini, PROMPT, " Vig", ablate=off)

    threads = [threading.Thread(target=run, args=(off,)) for off in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_lens_ends_in_what_the_model_says(model: LanguageModel) -> None:
    lens = logit_lens(model, PROMPT, " Vig")
    own = capture(model, PROMPT).prediction
    assert own is not None
    assert len(lens.predictions) == len(lens.target_probabilities) == model.n_layers + 1
    assert lens.predictions[-1].token_ids == own.token_ids[:10]
    assert lens.target_probabilities[-1] == pytest.approx(np.exp(log_probability(model, PROMPT, " Vig")), abs=1e-4)
    assert ((lens.target_probabilities >= 0) & (lens.target_probabilities <= 1)).all()


def test_the_lens_sees_the_surname_come_late(mini: LanguageModel) -> None:
    lens = logit_lens(mini, PROMPT, " Vig")
    assert lens.target_probabilities[0] < 0.01
    assert lens.predictions[-1].tokens[0] == " V"


def test_a_stream_is_the_same_trace_in_its_last_row(model: LanguageModel) -> None:
    stream, trace = residual_stream(model, PROMPT), capture(model, PROMPT)
    assert isinstance(stream, ResidualStream)
    assert stream.tokens == trace.tokens
    np.testing.assert_allclose(stream.attention, trace.attention[:, :, -1], atol=2e-3)
    assert trace.value_norms is not None
    np.testing.assert_allclose(stream.value_norms, trace.value_norms, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(stream.after_layers()[-1], stream.final, atol=1e-3, rtol=1e-3)
