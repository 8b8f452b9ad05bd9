"""Many heads as one: their mean, and attention rollout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_core import AttentionTrace, LanguageModel, capture, charts, mean_attention, rollout
from tests.support.traces import random_trace


def test_the_mean_of_heads_is_the_mean_of_their_weights() -> None:
    trace = random_trace(3, 4, 6)
    mean = mean_attention(trace, [(0, 1), (2, 3)])
    assert mean.attention.shape == (1, 1, 6, 6)
    np.testing.assert_allclose(mean.head(0, 0), (trace.head(0, 1) + trace.head(2, 3)) / 2)
    with pytest.raises(ValueError, match="Name at least one head"):
        mean_attention(trace, [])


def test_rollout_is_what_its_paper_says() -> None:
    trace = random_trace(3, 2, 5)
    expected = np.eye(5)
    for layer in range(3):
        mixed = 0.5 * trace.attention[layer].astype(np.float64).mean(axis=0) + 0.5 * np.eye(5)
        expected = mixed @ expected
    np.testing.assert_allclose(rollout(trace).head(0, 0), expected, atol=1e-4)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(0, 9))
def test_a_summary_is_attention_again(n_layers: int, n_heads: int, n_tokens: int, seed: int) -> None:
    trace = random_trace(n_layers, n_heads, n_tokens, seed)
    for summary in (mean_attention(trace, [(0, 0), (n_layers - 1, n_heads - 1)]), rollout(trace)):
        weights = summary.head(0, 0)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=5e-3)
        assert not np.triu(weights, 1).any()
        assert (weights >= 0).all()


def test_a_summary_is_not_saved_in_place_of_the_trace() -> None:
    for summary in (mean_attention(random_trace(3, 2, 5), [(0, 0)]), rollout(random_trace(3, 2, 5))):
        with pytest.raises(ValueError, match="computed from another one"):
            summary.to_bytes()


def test_rollout_of_heads_that_look_at_themselves_stays_where_it_is() -> None:
    trace = AttentionTrace(("a", " b", " c"), np.tile(np.eye(3, dtype=np.float32), (4, 2, 1, 1)))
    np.testing.assert_allclose(rollout(trace).head(0, 0), np.eye(3))


def test_a_summary_is_drawn_like_a_head(mini: LanguageModel) -> None:
    summary = rollout(capture(mini, "The dog on the ship ran"))
    assert (
        charts.attention_lines(summary, 0, 0, name="rollout")
        .to_dict()["description"]
        .startswith("Lines of rollout")
    )
    assert "rollout" in charts.attention_heatmap(summary, 0, 0, name="rollout").to_dict()["description"]
