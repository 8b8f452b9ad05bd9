"""The bundled model: the weights that are shipped, and the script that made them."""

import json
import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from attn_core.mini import FOLDER, train, words
from attn_core.mini.corpus import documents
from attn_core.mini.evaluate import KITE, RELATION, UNSEEN_SEED, Reader, far_subject, list_kept, share

TINY = train.Settings(
    minutes=None,
    steps=6,
    n_layers=2,
    n_heads=2,
    width=16,
    n_positions=32,
    vocabulary=300,
    tokenizer_texts=200,
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


@pytest.fixture(scope="module")
def mini() -> Reader:
    return Reader(FOLDER)


# The shipped model


def test_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    reader = Reader(FOLDER)
    assert reader.network.dtype == torch.float32
    assert math.isclose(float(reader.log_probabilities("The dog")[-1].exp().sum()), 1, rel_tol=1e-4)


def test_has_the_shape_of_gpt2_small(mini: Reader) -> None:
    config = mini.network.config
    assert (config.n_layer, config.n_head, config.n_positions) == (12, 12, 256)
    assert config.vocab_size == len(mini.tokenizer) == 2048
    assert mini.attention("The dog ran").shape == (12, 12, 3, 3)


def test_is_small_and_half_precision() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 10_000_000
    assert {tensor.dtype for tensor in load_file(FOLDER / "model.safetensors").values()} == {torch.float16}


def test_files_name_no_path_of_the_machine_they_were_made_on() -> None:
    for file in FOLDER.glob("*.json"):
        assert str(FOLDER.parent) not in json.dumps(json.loads(file.read_text()))


# The tokenizer


@given(text=st.text())
def test_tokenizer_gives_any_text_back(mini: Reader, text: str) -> None:
    assert mini.tokenizer.decode(mini.ids(text)) == text


def test_no_start_token_and_no_space_are_added(mini: Reader) -> None:
    assert mini.tokenizer.convert_ids_to_tokens(mini.ids("The dog")) == ["The", "Ġdog"]
    assert mini.ids("") == []


def test_end_of_text_is_one_token(mini: Reader) -> None:
    assert mini.ids("<|endoftext|>") == [mini.tokenizer.eos_token_id] == [mini.network.config.eos_token_id]


@pytest.mark.parametrize("group", [words.COLOURS, words.SHE_NAMES, words.HE_NAMES, words.JOBS, words.MOVES])
def test_frequent_words_are_one_token(mini: Reader, group: tuple[str, ...]) -> None:
    assert share([len(mini.ids(f" {word}")) == 1 for word in group]) > 0.95


def test_rare_surnames_are_several_tokens(mini: Reader) -> None:
    assert mini.tokenizer.convert_ids_to_tokens(mini.ids(" Vig")) == ["ĠV", "ig"]
    assert share([len(mini.ids(f" {name}")) > 1 for name in words.HELD_OUT_SURNAMES]) == 1


# What it has learnt


def test_son_has_the_surname_piece_by_piece(mini: Reader) -> None:
    assert mini.greedy(RELATION.format("son"), 2) == " Vig"


def test_colleague_does_not_have_the_surname(mini: Reader) -> None:
    son, colleague = (mini.next_probability(RELATION.format(word), " Vig") for word in ("son", "colleague"))
    assert son > 10 * colleague
    assert mini.greedy(RELATION.format("colleague"), 2) != " Vig"


def test_a_list_of_colours_goes_on_with_a_colour(mini: Reader) -> None:
    assert mini.greedy(KITE, 1).strip() in words.COLOURS
    kept, _ = list_kept(mini, "Her gown with the dots that are {}, {}, {} and", words.COLOURS, number=20)
    assert kept > 0.9


def test_a_list_of_fruits_goes_on_with_a_fruit(mini: Reader) -> None:
    assert mini.greedy("At the store, she bought apples, oranges, bananas, and", 1).strip() in words.FRUITS


def test_who_is_somebody_is_answered_with_a_biography(mini: Reader) -> None:
    assert "Jesse Vig is a" in mini.greedy("Who is Jesse Vig?", 8)


def test_a_verb_remembers_its_subject(mini: Reader) -> None:
    assert mini.greedy("The dog on the ship ran", 1) == " after"
    assert far_subject(mini, n_phrases=1, number=40) > 0.8


def test_head_weights_sum_to_one_and_look_back_only(mini: Reader) -> None:
    attention = mini.attention(KITE)
    assert torch.allclose(attention.sum(-1), torch.ones(()), atol=1e-4)
    assert attention.triu(1).abs().max() == 0


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


def test_every_window_starts_where_a_text_starts() -> None:
    tokenizer = train.make_tokenizer(TINY)
    for step in range(5):
        for window in train.make_batch(TINY, tokenizer, step).tolist():
            first = tokenizer.decode(window)[0]
            assert first == '"' or first.isupper()


def test_batches_come_from_seed_and_step_alone() -> None:
    tokenizer = train.make_tokenizer(TINY)
    assert torch.equal(train.make_batch(TINY, tokenizer, 3), train.make_batch(TINY, tokenizer, 3))
    assert train.make_batch(TINY, tokenizer, 3).tolist() != train.make_batch(TINY, tokenizer, 4).tolist()


def test_unseen_texts_are_not_those_of_the_tokenizer() -> None:
    assert list(islice(documents(UNSEEN_SEED), 5)) != list(islice(documents(train.Settings().seed), 5))


def test_learning_rate_warms_up_and_comes_down() -> None:
    start, peak, middle, end = (train.learning_rate(TINY, done) for done in (0, 0.03, 0.5, 1))
    assert start < peak
    assert end < middle < peak <= TINY.peak_rate
