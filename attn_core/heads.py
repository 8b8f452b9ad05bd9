"""The names of attention heads, as sentences write them."""

from __future__ import annotations

Head = tuple[int, int]
"""A layer and a head, zero-based."""


def head_label(head: Head) -> str:
    """Return the name of a head: "L7H11" is layer 7, head 11, counted from 0.

    >>> head_label((7, 11))
    'L7H11'
    """
    return f"L{head[0]}H{head[1]}"
