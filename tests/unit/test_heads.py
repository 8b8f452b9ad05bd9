from __future__ import annotations

import numpy as np
import pytest

from attn_core.heads import all_heads, head_at, head_label, rank_heads


def test_a_head_is_named_as_papers_name_it() -> None:
    assert head_label((7, 11)) == "L7H11"
    assert head_label((0, 0)) == "L0H0"


def test_heads_are_counted_layer_by_layer() -> None:
    heads = all_heads(3, 5)
    assert heads[:2] == [(0, 0), (0, 1)]
    assert heads[-1] == (2, 4)
    assert [head_at(index, 5) for index in range(15)] == heads


@pytest.mark.parametrize(("n", "heads"), [(None, [(1, 0), (0, 1), (1, 1), (0, 0)]), (2, [(1, 0), (0, 1)]), (0, [])])
def test_heads_are_ranked_by_their_values_and_ties_keep_their_order(
    n: int | None, heads: list[tuple[int, int]]
) -> None:
    assert rank_heads(np.array([[-1.0, 0.5], [2.0, 0.5]]), n) == heads
