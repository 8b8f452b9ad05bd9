"""A prompt becomes token ids: start and end tokens, continuations, places of words, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import CTRLTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from attn_core import (
    LanguageModel,
    PromptError,
    ablation_scan,
    attribute,
    capture,
    generate,
    log_probability,
    logit_lens,
    residual_stream,
)
from attn_core.models.encoding import encode, encode_continuation, find_positions, find_typed_start_token
from attn_core.runs.generation import begin_text
from tests.support import networks
from tests.support.tokenizers import KINDS, tokenizer_of

START = {"byte-level": "<|begin_of_text|>", "byte fallback": "<s>", "word pieces": "[CLS]", "words": "<s>"}
WITH_SPACES = (
    "byte-level",
    "byte-level, with a space in front",
    "byte fallback",
    "unigram",
    "unigram with byte fallback",
)


def model_of(tokenizer: PreTrainedTokenizerBase) -> LanguageModel:
    return networks.with_tokenizer(networks.llama(), tokenizer)


@cache
def model_of_kind(kind: str, *, adds: bool = False) -> LanguageModel:
    return model_of(tokenizer_of(kind, start=adds, end=adds))


def pieces(model: LanguageModel, ids: list[int]) -> list[str]:
    return list(model.tokenizer.convert_ids_to_tokens(ids))


@pytest.fixture
def slow(tmp_path: Path) -> PreTrainedTokenizerBase:
    """A tokenizer written in Python, which knows no offsets."""
    (tmp_path / "vocab.json").write_text('{"<unk>": 0, "The": 1, "dog": 2, "Vi@@": 3, "g": 4, "ran": 5}')
    (tmp_path / "merges.txt").write_text("#version\nT h\nTh e</w>\nd o\ndo g</w>\nV i\nr a\nra n</w>\n")
    return CTRLTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))


# What is run


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_start_token_is_run_and_an_end_token_is_not(kind: str) -> None:
    model = model_of_kind(kind, adds=True)
    plain = tokenizer_of(kind)("The dog")["input_ids"]
    ids = encode(model, "The dog")[0].tolist()
    assert ids[1:] == plain
    assert ids[0] == model.tokenizer.bos_token_id
    trace = capture(model, "The dog")
    assert trace.n_tokens == len(ids)
    assert trace.text == "The dog"
    assert "".join(trace.tokens) == model.tokenizer.decode(ids)
    assert begin_text(model, "The dog").prompt_ids == tuple(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_token_alone_is_not_run_either(kind: str) -> None:
    model = model_of(tokenizer_of(kind, end=True))
    assert encode(model, "The dog")[0].tolist() == tokenizer_of(kind)("The dog")["input_ids"]


@pytest.mark.parametrize(("kind", "start"), START.items())
def test_start_and_end_tokens_that_are_typed_are_the_prompts_own(kind: str, start: str) -> None:
    model = model_of_kind(kind, adds=True)
    end = model.tokenizer.eos_token
    for typed in (f"{start}The dog", f"The dog{end}", f"The{end} dog", start, f"{start}{start}", end):
        ids = encode(model, typed)[0].tolist()
        assert ids == [model.tokenizer.bos_token_id, *model.tokenizer(typed, add_special_tokens=False)["input_ids"]]
        assert find_typed_start_token(model, typed) == (start if typed.startswith(start) else None)
    assert find_typed_start_token(model_of_kind(kind), f"{start}The dog") is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_generation_goes_on_with_the_prompt_and_joins_to_what_is_decoded(kind: str) -> None:
    model = model_of_kind(kind, adds=True)
    steps = list(generate(model, "The dog", max_new_tokens=12, temperature=1.0))
    ids = encode(model, "The dog")[0].tolist()
    whole = model.tokenizer.decode([*ids, *(step.token_id for step in steps)])
    if "�" not in whole:  # a broken byte breaks whole ones before it, which have been written already
        assert model.tokenizer.decode(ids) + "".join(step.token for step in steps) == whole


# What is refused


@pytest.mark.parametrize("text", ["\u200b", "�", "\u200b \n", "\x07"])
@pytest.mark.parametrize("adds", [False, True])
def test_a_prompt_of_which_nothing_is_left_is_refused(text: str, adds: bool) -> None:
    with pytest.raises(PromptError, match="The prompt is empty for random llama"):
        capture(model_of_kind("word pieces", adds=adds), text)


def test_a_tokenizer_with_no_sign_for_what_it_does_not_know_refuses_it_in_words() -> None:
    words = Tokenizer(tokenizer_models.WordLevel({"The": 0, "dog": 1}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model = model_of(PreTrainedTokenizerFast(tokenizer_object=words))
    assert capture(model, "The dog").tokens == ("The", " dog")
    assert attribute(model, "The", " dog").target == "dog"
    assert [step.token_id for step in generate(model, "The dog", max_new_tokens=2)]
    for ask in (capture, lambda model, text: find_positions(model, text, 0, 1)):
        with pytest.raises(PromptError, match=r"its tokenizer drops all of it\. Type other words"):
            ask(model, "The king")
    with pytest.raises(ValueError, match="target"):
        attribute(model, "The", " king")


def test_the_sign_for_what_is_unknown_need_not_be_told() -> None:
    words = Tokenizer(tokenizer_models.WordLevel({"The": 0, "dog": 1, "<unk>": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with pytest.raises(ValueError, match="does not know the target “ king”"):
        attribute(model_of(PreTrainedTokenizerFast(tokenizer_object=words)), "The", " king")


@pytest.mark.parametrize("text", ["", " \n", [], ()])
def test_an_empty_prompt_is_refused(text: str | list[int]) -> None:
    with pytest.raises(PromptError, match=r"The prompt is empty\. Type"):
        capture(model_of_kind("word pieces", adds=True), text)


def test_a_token_that_the_network_does_not_know_is_named() -> None:
    network = networks.llama()
    tokenizer = KINDS["byte-level"]()
    network.resize_token_embeddings(len(tokenizer))
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    model = networks.with_tokenizer(network, tokenizer)
    assert capture(model, "The dog").n_tokens == 2
    with pytest.raises(PromptError, match=r"does not know the token “\[PAD\]”.*Delete it from the prompt"):
        capture(model, "The dog [PAD]")
    with pytest.raises(PromptError, match=r"does not know the token “\[PAD\]”.*Remove it"):
        capture(model, [0, len(tokenizer) - 1])


@pytest.mark.parametrize("ids", [[0, -1], [10**6], [4096]])
def test_numbers_that_are_no_tokens_are_refused(ids: list[int]) -> None:
    model = model_of_kind("words")
    for ask in (capture, residual_stream, lambda model, ids: next(generate(model, ids))):
        with pytest.raises(PromptError, match=f"random llama has no token {ids[-1]}. Give numbers from 0 to 4095"):
            ask(model, ids)


@pytest.mark.parametrize("ids", [[0.5], ["The"], [None], [[0, 1]], torch.tensor([[0, 1]])])
def test_what_is_no_list_of_numbers_is_refused(ids: list[int]) -> None:
    with pytest.raises(PromptError, match="whole numbers"):
        encode(model_of_kind("words"), ids)


def test_numbers_may_come_from_numpy_and_torch() -> None:
    model = model_of_kind("words")
    for ids in (np.array([3, 4]), torch.tensor([3, 4]), (3, 4), range(3, 5)):
        assert encode(model, ids).tolist() == [[3, 4]]  # type: ignore[arg-type]


# How a text goes on


@pytest.mark.slow
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "word"), [("The", " dog"), ("The dog on the ship", " ran"), ("dog,", " dog")])
def test_a_continuation_is_what_both_together_have_beyond_the_text(
    kind: str, text: str, word: str, adds: bool
) -> None:
    model = model_of_kind(kind, adds=adds)
    before, both = (encode(model, part)[0].tolist() for part in (text, text + word))
    expected = both[len(before) :]
    assert encode_continuation(model, text, word) == expected
    assert encode_continuation(model, before, word) == expected
    assert model.token_id(word, text) == model.token_id(word) == expected[0]


@pytest.mark.parametrize("kind", WITH_SPACES)
@pytest.mark.parametrize(
    ("text", "continuation"),
    [
        ("col", "league"),
        ("The ", "dog"),
        ("The ", " dog"),
        ("The d", "og"),
        ("日", "本語"),
        ("on", "é"),
        ("a", "\n"),
    ],
)
def test_where_the_boundary_would_merge_the_text_still_goes_on_with_the_continuation(
    kind: str, text: str, continuation: str
) -> None:
    model = model_of_kind(kind, adds=True)
    if kind == "unigram" and continuation in ("本語", "é", "\n"):
        pytest.skip("it knows no such character")
    before = encode(model, text)[0].tolist()
    for known in (text, before):
        ids = encode_continuation(model, known, continuation)
        assert model.tokenizer.decode([*before, *ids]) == model.tokenizer.decode(before) + continuation


def test_a_target_with_a_space_before_it_is_not_a_lone_space() -> None:
    model = model_of_kind("byte fallback")
    assert pieces(model, [model.token_id(word) for word in (" dog", " Vig", " nurse")]) == [
        "▁dog",
        "▁Vig",
        "▁nurse",
    ]
    assert pieces(model, model.tokenizer(" dog")["input_ids"])[0] == "▁"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["byte fallback", "word pieces", "ends of words", "words"])
def test_everything_about_a_target_is_about_the_token_that_the_text_goes_on_with(kind: str) -> None:
    model = model_of_kind(kind, adds=True)
    text, target, foil = "The dog on the ship", " ran", " dog"
    first, other = (encode(model, text + word)[0, len(encode(model, text)[0])] for word in (target, foil))
    stream = residual_stream(model, text)
    expected = attribute(model, text, int(first), int(other))
    for known in (text, encode(model, text)[0].tolist(), stream):
        found = attribute(model, known, target, foil)
        assert (found.target, found.foil, found.logit) == (expected.target, foil, expected.logit)
        assert target.startswith(found.target)
    assert logit_lens(model, stream, target).target_probabilities[-1] == pytest.approx(
        torch.from_numpy(stream.logits).softmax(-1)[first].item(), rel=1e-3
    )
    assert log_probability(model, text, target) == log_probability(model, text, int(first))
    np.testing.assert_array_equal(ablation_scan(model, text, target), ablation_scan(model, text, int(first)))
    every_token = model.rank_tokens(torch.from_numpy(stream.logits).softmax(-1), 4096)
    assert every_token.tokens[every_token.token_ids.index(int(first))] == expected.target


@pytest.mark.parametrize("target", ["日本", " 王"])
def test_a_target_that_the_tokenizer_does_not_know_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"does not know the target “{target}”"):
        attribute(model_of_kind("words"), "The dog", target)
    assert attribute(model_of_kind("words"), "The dog", "<unk>").target == " <unk>"


# Where words are


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["Who is Omar? Omar works.", "Omar works", "Is it Omar"])
def test_a_name_is_found_where_it_stands(kind: str, adds: bool, text: str) -> None:
    model = model_of_kind(kind, adds=adds)
    ids = encode(model, text)[0].tolist()
    start = text.rindex("Omar")
    positions = find_positions(model, text, start, start + 4)
    before = encode(model, text[:start].rstrip())[0].tolist() if start else ids[:adds]
    assert positions
    assert min(positions) >= len(before)
    read = model.tokenizer.decode([ids[position] for position in positions]).strip()
    assert read.casefold() in ("omar", "<unk>")


@pytest.mark.parametrize(
    ("kind", "name", "number"),
    [
        ("byte-level", "王", 3),
        ("byte fallback", "日本", 6),
        ("unigram with byte fallback", "日本", 6),
        ("words", "王", 1),
    ],
)
@pytest.mark.parametrize("template", ["{}", "{} works", "Here {} works", "{}は"])
def test_a_name_of_bytes_has_its_bytes_and_no_space(kind: str, name: str, number: int, template: str) -> None:
    model = model_of_kind(kind, adds=True)
    start = template.index("{")
    assert len(find_positions(model, template.format(name), start, start + len(name))) == number


@given(text=st.text(max_size=12).filter(str.strip), places=st.tuples(st.integers(0, 12), st.integers(0, 12)))
@pytest.mark.parametrize("kind", ["byte fallback", "word pieces"])
def test_positions_are_those_of_tokens_of_any_text(kind: str, text: str, places: tuple[int, int]) -> None:
    model = model_of_kind(kind, adds=True)
    try:
        n_tokens = encode(model, text).shape[1]
    except PromptError:
        return
    positions = find_positions(model, text, *sorted(places))
    assert positions == sorted(set(positions))
    assert all(1 <= position < n_tokens for position in positions)


def test_a_tokenizer_written_in_python_does_too(slow: PreTrainedTokenizerBase) -> None:
    model = model_of(slow)
    assert pieces(model, encode(model, "The dog")[0].tolist()) == ["The", "dog"]
    assert pieces(model, encode_continuation(model, "The", " dog")) == ["dog"]
    text = "The Vig ran The Vig"
    assert capture(model, text).tokens == ("The", " Vi", "g", " ran", " The", " Vi", "g")
    assert find_positions(model, text, 4, 7) == [1, 2]
    assert find_positions(model, text, 16, 19) == [5, 6]
    with pytest.raises(PromptError, match="empty"):
        encode(model, " ")
