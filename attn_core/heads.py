"""Attention heads: their names, and their order in arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Head = tuple[int, int]
"""A layer and a head, zero-based."""


def head_label(head: Head) -> str:
    """Return the name of a head: "L7H11" is layer 7, head 11, both zero-based.

    >>> head_label((7, 11))
    'L7H11'
    """
    return f"L{head[0]}H{head[1]}"


def all_heads(n_layers: int, n_heads: int) -> list[Head]:
    """Return every head of a model, layer by layer.

    >>> all_heads(2, 2)
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return [(layer, head) for layer in range(n_layers) for head in range(n_heads)]


def head_at(index: int | np.integer, n_heads: int) -> Head:
    """Return the head at an index of a flattened (n_layers, n_heads) array.

    >>> head_at(13, n_heads=12)
    (1, 1)
    """
    layer, head = divmod(int(index), n_heads)
    return layer, head


def rank_heads(values: NDArray[np.floating], n: int | None = None) -> list[Head]:
    """Return the heads with the largest values, the largest first; ties keep layer and head order.

    Args:
        values: (n_layers, n_heads).
        n: how many to return; all of them if None.

    >>> rank_heads(np.array([[0.1, 0.3], [0.2, 0.3]]), 3)
    [(0, 1), (1, 1), (1, 0)]
    """
    order = np.argsort(-values, axis=None, kind="stable")[:n]
    return [head_at(index, values.shape[1]) for index in order]
