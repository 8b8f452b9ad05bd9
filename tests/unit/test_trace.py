from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attn_core import AttentionTrace, InvalidTrace, LanguageModel, Prediction, capture, head_scores, residual_stream
from attn_core.models.attention import value_norms
from tests.support.traces import npz, random_trace, valid_arrays


def test_a_saved_trace_opens_as_it_was(tmp_path: Path) -> None:
    prediction = Prediction((" Vig", " James"), np.array([0.6, 0.1], dtype=np.float32))
    trace = AttentionTrace(
        (" a", " b"), np.array([[[[1, 0], [0.5, 0.5]]]], dtype=np.float16), "m", " a b", prediction
    )
    trace.save(tmp_path / "t.npz")
    opened = AttentionTrace.load(tmp_path / "t.npz")
    assert opened.tokens == trace.tokens
    assert opened.model == "m"
    assert opened.text == " a b"
    assert opened.prediction is not None
    assert opened.prediction.tokens == (" Vig", " James")
    assert opened.prediction.probability_of(" James") == pytest.approx(0.1)
    np.testing.assert_array_equal(opened.attention, trace.attention)


def test_the_two_required_arrays_are_enough() -> None:
    trace = AttentionTrace.load(npz(**valid_arrays()))
    assert trace.text == "w0 w1 w2 w3 w4"
    assert trace.prediction is None


def test_the_recording_of_gpt2_shows_ran_looking_at_dog(recording: Callable[[str], Path]) -> None:
    trace = AttentionTrace.load(recording("dog_on_the_ship"))
    row = trace.head(4, 3)[trace.tokens.index(" ran")]
    assert trace.tokens[int(row.argmax())] == " dog"
    assert row.max() == pytest.approx(0.737, abs=0.001)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"attention": None}, "no array named 'attention'"),
        ({"tokens": None}, "no array named 'tokens'"),
        ({"tokens": np.array(["a"])}, "1 tokens but attention for 5"),
        ({"tokens": np.arange(5)}, "not a list of texts"),
        ({"tokens": np.array([["a"] * 5])}, "not a list of texts"),
        ({"attention": np.ones((2, 3, 5, 5), dtype=np.float64)}, "is float64. Convert"),
        ({"attention": np.ones((2, 3, 5, 5), dtype=np.int32)}, "is int32. Convert"),
        ({"attention": np.ones((2, 5, 5), dtype=np.float16)}, "shape"),
        ({"attention": np.ones((0, 3, 5, 5), dtype=np.float16)}, "shape"),
        ({"attention": np.full((2, 3, 5, 5), np.nan, dtype=np.float16)}, "some weights are NaN or infinite"),
        (
            {"attention": np.full((2, 3, 5, 5), 0.2, dtype=np.float16)},
            "Layer 0: a token attends to a later one. Only causal",
        ),
        (
            {"attention": np.tril(np.full((2, 3, 5, 5), 0.2, dtype=np.float16))},
            "L0H0, token 0: the weights sum to 0.2, not 1. Use the weights after the softmax",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(change: dict[str, Any], sentence: str) -> None:
    arrays = {name: array for name, array in (valid_arrays() | change).items() if array is not None}
    with pytest.raises(InvalidTrace, match=sentence):
        AttentionTrace.load(npz(**arrays))


def test_negative_weights_are_refused() -> None:
    weights = np.array([[[[1, 0], [1.5, -0.5]]]], dtype=np.float16)
    with pytest.raises(InvalidTrace, match="negative"):
        AttentionTrace.load(npz(tokens=np.array(["a", "b"]), attention=weights))


def test_python_objects_are_never_unpickled() -> None:
    file = io.BytesIO()
    np.savez(file, tokens=np.array([print], dtype=object), attention=valid_arrays()["attention"])
    file.seek(0)
    with pytest.raises(InvalidTrace, match="Python objects"):
        AttentionTrace.load(file)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f2", "fortran_order": False, "shape": (1, 1, 40_000, 40_000)}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        tokens = io.BytesIO()
        np.save(tokens, np.array(["a"]))
        archive.writestr("tokens.npy", tokens.getvalue())
        archive.writestr("attention.npy", header.getvalue() + bytes(1000))
    with pytest.raises(InvalidTrace, match="larger than"):
        AttentionTrace.load(file)


def test_too_many_tokens_are_refused() -> None:
    with pytest.raises(InvalidTrace, match="limit"):
        AttentionTrace.load(npz(tokens=np.array(["a"] * 5000), attention=valid_arrays()["attention"]))


@given(st.binary(max_size=300))
def test_any_other_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidTrace):
        AttentionTrace.load(io.BytesIO(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_an_array_that_is_packed_in_another_way_than_the_archive_says_is_refused(method: int) -> None:
    whole = bytearray(npz(**valid_arrays()).getvalue())
    for entry in (whole.index(b"PK\x03\x04") + 8, whole.index(b"PK\x01\x02") + 10):
        whole[entry : entry + 2] = method.to_bytes(2, "little")
    with pytest.raises(InvalidTrace, match="again"):
        AttentionTrace.load(io.BytesIO(whole))


def test_an_array_that_would_begin_before_its_file_is_refused(tmp_path: Path) -> None:
    whole = bytearray(npz(**valid_arrays()).getvalue())
    end = whole.rindex(b"PK\x05\x06") + 16  # where it says at which byte the list of arrays begins
    whole[end : end + 4] = (int.from_bytes(whole[end : end + 4], "little") + 50).to_bytes(4, "little")
    (tmp_path / "trace.npz").write_bytes(whole)
    with pytest.raises(InvalidTrace, match="again"):
        AttentionTrace.load(tmp_path / "trace.npz")
    with pytest.raises(InvalidTrace, match="again"):
        AttentionTrace.load(io.BytesIO(whole))


@given(st.data())
def test_a_damaged_recording_opens_or_is_refused(data: st.DataObject) -> None:
    whole = bytearray(random_trace().to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    with contextlib.suppress(InvalidTrace):
        AttentionTrace.load(io.BytesIO(damaged))


def test_hiding_the_first_token_renormalises_the_rest() -> None:
    weights = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.5, 0.4, 0.1]]]], dtype=np.float16)
    hidden = AttentionTrace(("a", " b", " c"), weights).without_first_token()
    assert hidden.tokens == (" b", " c")
    np.testing.assert_allclose(hidden.head(0, 0), np.array([[1, 0], [0.8, 0.2]]), atol=1e-3)


def test_a_row_that_rested_on_the_hidden_token_is_left_empty_and_not_saved() -> None:
    weights = np.array([[[[1, 0], [1, 0]]]], dtype=np.float16)
    hidden = AttentionTrace(("a", " b"), weights).without_first_token()
    assert hidden.head(0, 0).tolist() == [[0.0]]
    with pytest.raises(ValueError, match=r"computed from another one\. Save that one"):
        hidden.to_bytes()


def test_value_weighted_attention_follows_what_is_moved(mini: LanguageModel) -> None:
    trace = capture(mini, "The dog on the ship ran off, and the dog was found by the crew.")
    weighted = trace.value_weighted()
    assert trace.value_norms is not None
    by_hand = trace.head(4, 8) * trace.value_norms[4, 8]
    by_hand /= by_hand.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(weighted.head(4, 8), by_hand, atol=1e-3)
    np.testing.assert_allclose(weighted.attention.sum(axis=-1, dtype=np.float32), 1, atol=5e-3)


def test_value_norms_are_the_length_of_what_a_head_moves_when_it_looks_at_one_token(mini: LanguageModel) -> None:
    """The first token can look at nothing but itself, so there a head's output is its value through its matrix."""
    stream = residual_stream(mini, "The")
    np.testing.assert_allclose(stream.value_norms[:, :, 0], np.linalg.norm(stream.heads, axis=-1), rtol=1e-4)


@pytest.mark.parametrize("n_tokens", [3, 40])  # fewer and more than a head of mini is wide
def test_value_norms_are_the_same_for_short_and_long_texts(n_tokens: int) -> None:
    values, matrices = torch.randn(2, n_tokens, 16), torch.randn(6, 16, 96)
    expected = (values.repeat_interleave(3, dim=0) @ matrices).norm(dim=-1)
    torch.testing.assert_close(value_norms(values, matrices), expected, rtol=1e-3, atol=1e-3)


def test_the_null_pattern_moves_less_than_it_seems_to(mini: LanguageModel) -> None:
    trace = capture(mini, "The dog on the ship ran off, and the dog was found by the crew.")
    null = (head_scores(trace)["label"] == "null").to_numpy().reshape(12, 12)
    assert trace.value_norms is not None
    first, others = trace.value_norms[null][:, 0], trace.value_norms[null][:, 1:]
    assert np.median(first) < 0.5 * np.median(others)


def test_value_norms_and_switched_off_heads_are_saved(tmp_path: Path, mini: LanguageModel) -> None:
    trace = capture(mini, "The dog", ablate={(3, 4), (0, 1)})
    trace.save(tmp_path / "off.npz")
    opened = AttentionTrace.load(tmp_path / "off.npz")
    assert opened.ablated == ((0, 1), (3, 4))
    assert opened.value_norms is not None
    np.testing.assert_array_equal(opened.value_norms, capture(mini, "The dog", ablate={(3, 4), (0, 1)}).value_norms)


def test_a_trace_without_value_norms_says_what_to_do() -> None:
    with pytest.raises(InvalidTrace, match="Capture the prompt again"):
        random_trace().value_weighted()


@pytest.mark.parametrize(
    ("name", "most", "why"),
    [
        ("tokens", 1_000, "has texts of 1,001 characters; the limit is 1,000"),
        ("next_tokens", 1_000, "has texts of 1,001 characters; the limit is 1,000"),
        ("model", 1_000, "has texts of 1,001 characters; the limit is 1,000"),
        ("text", 1_000_000, "has texts of 1,000,001 characters; the limit is 1,000,000"),
    ],
)
def test_a_text_in_a_recording_may_be_as_long_as_a_page_can_show_and_not_longer(
    name: str, most: int, why: str
) -> None:
    arrays = valid_arrays() | {"next_tokens": np.array(["a"]), "next_probabilities": np.array([1], np.float32)}
    for n, fits in ((most, True), (most + 1, False)):
        given = np.array("x" * n) if arrays.get(name, np.array("")).ndim == 0 else arrays[name].astype(f"U{n}")
        if given.ndim:
            given[0] = "x" * n
        content = npz(**arrays | {name: given})
        if fits:
            assert AttentionTrace.load(content).n_tokens == 5
        else:
            with pytest.raises(InvalidTrace, match=why):
                AttentionTrace.load(content)


def test_a_trace_of_endless_texts_is_refused_wherever_it_comes_from() -> None:
    attention = random_trace(1, 1, 2).attention
    with pytest.raises(InvalidTrace, match=r"A token has 4,000,000 characters; the limit is 1,000\. Shorten it"):
        AttentionTrace(("a", "b" * 4_000_000), attention)
    with pytest.raises(InvalidTrace, match="The text has"):
        AttentionTrace(("a", "b"), attention, text="b" * 1_000_001)
    with pytest.raises(InvalidTrace, match="The name of the model has"):
        AttentionTrace(("a", "b"), attention, model="b" * 1_001)
    with pytest.raises(InvalidTrace, match="A token has"):
        Prediction(("b" * 1_001,), np.array([1.0], dtype=np.float32))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"value_norms": np.ones((2, 3, 4), np.float32)}, "value norms have the shape"),
        ({"value_norms": -np.ones((2, 3, 5), np.float32)}, "not a number of 0 or more"),
        ({"value_norms": np.full((2, 3, 5), np.nan, np.float32)}, "not a number of 0 or more"),
        ({"value_norms": np.array(["a"])}, "not numbers"),
        ({"ablated": np.array([[2, 0]])}, "lists ablated heads that do not exist. Save it again"),
        ({"ablated": np.array([1, 2])}, "pairs of numbers"),
        ({"ablated": np.array([["a", "b"]])}, "pairs of numbers"),
    ],
)
def test_a_recording_with_broken_extras_is_refused(extra: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidTrace, match=why):
        AttentionTrace.load(npz(**valid_arrays(), **extra))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_a_next_token_probability_is_between_0_and_1(value: float) -> None:
    with pytest.raises(InvalidTrace, match="not between 0 and 1"):
        Prediction((" Vig", " James"), np.array([value, 0.05], dtype=np.float32))
    assert Prediction((" Vig",), np.array([1.0005], dtype=np.float32)).top(1)[0][0] == " Vig"


def test_next_tokens_are_sorted_and_equal_ones_are_too() -> None:
    with pytest.raises(InvalidTrace, match="not sorted"):
        Prediction((" Vig", " James"), np.array([0.1, 0.2], dtype=np.float32))
    assert Prediction((" Vig", " James"), np.array([0.2, 0.2], dtype=np.float32)).probability_of(" James") > 0


@pytest.mark.parametrize("value", [-1e-6, np.nan, np.inf])
def test_each_value_norm_is_0_or_more(value: float) -> None:
    trace = random_trace(2, 3, 4)
    norms = np.ones((2, 3, 4), dtype=np.float32)
    norms[1, 2, 3] = 0.0
    assert replace(trace, value_norms=norms.copy()).value_norms is not None
    norms[1, 1, 2] = value
    with pytest.raises(InvalidTrace, match="not a number of 0 or more"):
        replace(trace, value_norms=norms)
    with pytest.raises(InvalidTrace, match="have the shape"):
        replace(trace, value_norms=np.ones((2, 3, 5), dtype=np.float32))
