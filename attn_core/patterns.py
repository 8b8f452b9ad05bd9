"""What a head does, read off its attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def most_telling_head(rows: NDArray[np.floating]) -> tuple[int, int]:
    """The layer and head whose look back says most: the one with the strongest link to a word further away.

    Links to the first token (the resting place), to the query itself and to the token before it say
    little, so they do not count; with no other token it is (0, 0).

    Args:
        rows: (n_layers, n_heads, n_keys), every head's weights from one query, which is the last key.
    """
    links = rows[:, :, 1:-2]
    if links.size == 0:
        return 0, 0
    layer, head, _ = np.unravel_index(int(links.argmax()), links.shape)
    return int(layer), int(head)
