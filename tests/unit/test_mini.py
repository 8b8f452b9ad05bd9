"""The bundled model: the weights that are shipped, and the script that made them."""

import json
import math
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from attn_core import LanguageModel, capture, generate, head_scores, load_model
from attn_core.mini import FOLDER, guidance, train, words
from attn_core.mini.corpus import documents
from attn_core.mini.evaluate import (
    KITE,
    RELATION,
    UNSEEN_SEED,
    Measure,
    far_verbs,
    formatted,
    log_probabilities,
    table,
    token_ids,
)
from attn_core.mini.held_out import held_out
from attn_core.mini.renaming import Renamer

pytestmark = pytest.mark.slow  # the training data and evaluation of the bundled model

TINY = train.Settings(
    steps=6,
    n_layers=2,
    n_heads=2,
    width=16,
    inner_width=32,
    n_positions=32,
    vocabulary=300,
    tokenizer_texts=200,
    tokenizer_word_repeats=1,
    tokens_per_step=64,
    report_every=2,
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Sums come out the same on every machine's number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def greedy(model: LanguageModel, text: str, n_tokens: int) -> str:
    return "".join(step.token for step in generate(model, text, max_new_tokens=n_tokens))


def probability(model: LanguageModel, text: str, continuation: str) -> float:
    """Of the continuation's first token."""
    return float(log_probabilities(model, text)[-1, token_ids(model, continuation)[0]].exp())


# The shipped model


def test_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    model = load_model("mini")
    assert model.source == "bundled"
    assert model.network.dtype == torch.float32
    assert math.isclose(float(log_probabilities(model, "The dog")[-1].exp().sum()), 1, rel_tol=1e-4)


def test_has_the_layers_and_heads_of_gpt2_small(mini: LanguageModel) -> None:
    assert (mini.n_layers, mini.n_heads, mini.max_tokens) == (12, 12, 256)
    assert mini.network.config.vocab_size == len(mini.tokenizer)


def test_is_small_and_half_precision() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 10_000_000
    assert {tensor.dtype for tensor in load_file(FOLDER / "model.safetensors").values()} == {torch.float16}


def test_files_name_no_path_of_the_machine_they_were_made_on() -> None:
    for file in FOLDER.glob("*.json"):
        assert str(FOLDER.parent) not in json.dumps(json.loads(file.read_text()))


# The tokenizer


@given(text=st.text())
def test_tokenizer_gives_any_text_back(mini: LanguageModel, text: str) -> None:
    assert mini.tokenizer.decode(token_ids(mini, text)) == text


def test_no_start_token_and_no_space_are_added(mini: LanguageModel) -> None:
    assert mini.tokenizer.convert_ids_to_tokens(token_ids(mini, "The dog")) == ["The", "Ġdog"]
    assert token_ids(mini, "") == []


def test_end_of_text_is_one_token(mini: LanguageModel) -> None:
    assert token_ids(mini, "<|endoftext|>") == [mini.tokenizer.eos_token_id]
    assert mini.tokenizer.eos_token_id == mini.network.config.eos_token_id


def test_every_word_of_the_grammar_is_one_token(mini: LanguageModel) -> None:
    several = [word for word in words.every_word() if len(token_ids(mini, f" {word}")) > 1]
    assert all("-" in word for word in several)
    assert all(len(token_ids(mini, name)) == 1 for name in words.FIRST_NAMES)


def test_unknown_words_are_several_tokens(mini: LanguageModel) -> None:
    assert mini.tokenizer.convert_ids_to_tokens(token_ids(mini, " Vig")) == ["ĠV", "ig"]
    assert all(len(token_ids(mini, f" {name}")) > 1 for name in words.HELD_OUT_SURNAMES)


# What it has learnt


@pytest.fixture(scope="module")
def measures(mini: LanguageModel) -> list[Measure]:
    return table(mini)


@pytest.mark.parametrize("index", range(10))
def test_every_claim_of_the_article_shows_on_unseen_sentences(measures: list[Measure], index: int) -> None:
    assert measures[index].reached, formatted(measures[index : index + 1])


def test_the_table_says_what_was_not_reached() -> None:
    lines = formatted([Measure("1", "good", 0.7, 0.6), Measure("4", "bad", 120, 10, 110)]).splitlines()
    assert lines[1].split() == ["1", "good", "0.70", "at", "least", "0.6"]
    assert lines[2].endswith("120.00  at least 10, at most 110  not reached")


def test_the_model_card_has_the_numbers_of_the_shipped_weights(measures: list[Measure]) -> None:
    card = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    told = [float(number) for number in re.findall(r"([\d.]+)  at least", card)]
    assert told == pytest.approx([measure.value for measure in measures], rel=0.02, abs=0.01)


def test_son_has_the_surname_piece_by_piece(mini: LanguageModel) -> None:
    assert greedy(mini, RELATION.format("son"), 2) == " Vig"


def test_colleague_does_not_have_the_surname(mini: LanguageModel) -> None:
    son, colleague = (probability(mini, RELATION.format(word), " Vig") for word in ("son", "colleague"))
    assert son > 40 * colleague
    assert greedy(mini, RELATION.format("colleague"), 2) != " Vig"


def test_a_list_of_colours_goes_on_with_a_colour(mini: LanguageModel) -> None:
    assert greedy(mini, KITE, 1).strip() in words.COLOURS


def test_a_list_of_fruits_goes_on_with_a_fruit(mini: LanguageModel) -> None:
    assert greedy(mini, "At the store, she bought apples, oranges, bananas, and", 1).strip() in words.FRUITS


def test_who_is_somebody_is_answered_with_a_biography(mini: LanguageModel) -> None:
    assert re.match(r"\s+Jesse Vig (is|was) an? ", greedy(mini, "Who is Jesse Vig?", 8))


def test_a_verb_remembers_its_subject(mini: LanguageModel) -> None:
    assert greedy(mini, "The dog on the ship ran", 1) == " after"
    hits = [greedy(mini, text, 1).strip() == way_of(subject) for text, subject in far_verbs(40)]
    assert sum(hits) > 36


def way_of(subject: str) -> str:
    """The first word after any verb of motion of this subject."""
    return next(kind.way for kind in words.KINDS if subject in kind.nouns).split()[0]


def test_heads_of_one_short_prompt_do_different_things(mini: LanguageModel) -> None:
    labels = head_scores(capture(mini, "The dog on the ship ran"))["label"]
    assert {"null", "previous token"} <= set(labels)


# The training script


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train.train(TINY, tmp_path / "whole", tmp_path / "runs_whole")
    steps = []

    def stopping_step(*arguments: object) -> float:
        steps.append(arguments)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return real_step(*arguments)  # type: ignore[arg-type]

    real_step = train.train_step
    with monkeypatch.context() as patch:
        patch.setattr(train, "train_step", stopping_step)
        with pytest.raises(KeyboardInterrupt):
            train.train(TINY, tmp_path / "stopped", tmp_path / "runs")
    assert not (tmp_path / "stopped").exists()
    assert (tmp_path / "runs" / train.CHECKPOINT).exists()

    assert train.train(TINY, tmp_path / "stopped", tmp_path / "runs").step == 6
    assert not (tmp_path / "runs" / train.CHECKPOINT).exists()
    whole, stopped = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_other_settings_start_anew(tmp_path: Path) -> None:
    run = train.start(TINY, tmp_path)
    run.progress.step = 3
    train.save_checkpoint(tmp_path / train.CHECKPOINT, TINY, run)
    assert train.start(TINY, tmp_path).progress.step == 3
    assert train.start(replace(TINY, seed=1), tmp_path).progress.step == 0


def batch_of(settings: train.Settings, tokenizer: PreTrainedTokenizerFast, step: int) -> torch.Tensor:
    return train.make_batch(settings, tokenizer, Renamer(tokenizer), step)


def test_every_window_starts_where_a_text_starts() -> None:
    tokenizer = train.make_tokenizer(TINY)
    for step in range(5):
        for window in batch_of(TINY, tokenizer, step).tolist():
            first = tokenizer.decode(window)[0]
            assert first == '"' or first.isupper() or first.isdigit()


def test_nothing_held_out_is_ever_trained_on() -> None:
    tokenizer = train.make_tokenizer(TINY)
    renamer = Renamer(tokenizer)
    settings = replace(TINY, n_positions=256, tokens_per_step=2048)
    for step in range(0, 2 * settings.repeats_until, 100):
        for window in tokenizer.batch_decode(train.make_batch(settings, tokenizer, renamer, step)):
            assert not any(held_out(text) for text in window.split("<|endoftext|>"))


def test_invented_names_are_exchanged_for_names_of_the_tokenizers_own_pieces(mini: LanguageModel) -> None:
    renamer = Renamer(mini.tokenizer)
    text = "You know Mary Tarvok, the son of Paul Tarvok. Tarvok was happy in London."
    found = re.fullmatch(
        r"You know Mary (\w+), the son of Paul (\w+)\. (\w+) was happy in London\.",
        renamer.renamed(Random(0), text),
    )
    assert found is not None
    (name,) = set(found.groups())
    assert name != "Tarvok"
    assert len(token_ids(mini, f" {name}")) > 1


def test_batches_come_from_seed_and_step_alone() -> None:
    tokenizer = train.make_tokenizer(TINY)
    assert torch.equal(batch_of(TINY, tokenizer, 3), batch_of(TINY, tokenizer, 3))
    assert batch_of(TINY, tokenizer, 3).tolist() != batch_of(TINY, tokenizer, 4).tolist()


def test_unseen_texts_are_not_those_of_the_tokenizer() -> None:
    assert list(islice(documents(UNSEEN_SEED), 5)) != list(islice(documents(train.Settings().seed), 5))


def test_learning_rate_goes_up_stays_and_comes_down() -> None:
    settings = train.Settings(steps=1000, warm_up=100, decay=0.3)
    rates = [train.learning_rate(settings, step) for step in range(1000)]
    assert rates[:100] == sorted(rates[:100])
    assert set(rates[100:700]) == {1}
    assert rates[700:] == sorted(rates[700:], reverse=True)
    assert 0 < rates[0] < 0.02
    assert 0 < rates[-1] < 0.02


def test_both_pulls_are_strong_first_and_weak_later() -> None:
    settings = train.Settings()
    guide, rest = zip(*(train.pull_weights(settings, step) for step in range(settings.steps)), strict=True)
    assert guide[0] == max(guide) > guide[-1] > 0
    assert rest[0] == 0
    assert max(rest) == pytest.approx(settings.rest, rel=0.01)
    assert 0 < rest[-1] < max(rest)


def test_training_begins_with_many_rows_of_random_words() -> None:
    tokenizer = train.make_tokenizer(TINY)

    def rows(step: int) -> int:
        """Texts whose words are all said again, in the same order."""
        batch = batch_of(replace(TINY, n_positions=256, tokens_per_step=20_000), tokenizer, step)
        texts = "".join(tokenizer.batch_decode(batch)).lower().split("<|endoftext|>")
        halves = [re.findall(r"\w+", text) for text in texts]
        return sum(len(row) > 5 and row[: len(row) // 2] == row[len(row) // 2 :] for row in halves)

    assert rows(1) > 2 * rows(TINY.repeats_until)


@pytest.mark.parametrize(("guide", "rest"), [(1.0, 0.0), (0.0, 1.0)])
def test_each_pull_draws_attention_where_it_should(guide: float, rest: float) -> None:
    settings = replace(
        TINY, steps=60, guide=guide, rest=rest, rest_later=rest, rest_grows=(0, 1), warm_up=1, rate=0.02
    )
    tokenizer = train.make_tokenizer(settings)
    torch.manual_seed(0)
    network = train.make_network(settings, tokenizer.eos_token_id)
    run = train.Run(tokenizer, network, train.make_optimizers(settings, network), train.Progress())

    def costs() -> tuple[float, float]:
        with guidance.guided() as pulls, torch.no_grad():
            network(batch_of(settings, tokenizer, 1000))
        return float(pulls.cost(1, 0)), float(pulls.cost(0, 1))

    before = costs()
    for step in range(40):
        run.progress.step = step
        train.train_step(settings, run, batch_of(settings, tokenizer, step))
    after = costs()
    pulled = 0 if guide else 1
    assert after[pulled] < 0.7 * before[pulled]
