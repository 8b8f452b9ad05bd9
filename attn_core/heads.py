"""The names of attention heads, as sentences write them."""

from __future__ import annotations


def head_label(layer: int, head: int) -> str:
    """Name a head in a sentence: "L7H11" is layer 7, head 11, counted from 0."""
    return f"L{layer}H{head}"
