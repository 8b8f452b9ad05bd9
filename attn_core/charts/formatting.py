"""Format numbers and heads for charts."""

from __future__ import annotations

import math
import re

from attn_core.heads import Head

MINUS = "\N{MINUS SIGN}"


def spell_head(head: Head) -> str:
    """Return the name of a head for screen readers: "layer 4, head 3"."""
    return f"layer {head[0]}, head {head[1]}"


def spell_heads(text: str) -> str:
    """Return a text with its head names spelled out for screen readers."""
    return re.sub(r"\bL(\d+)H(\d+)\b", r"layer \1, head \2", text)


def format_weight(weight: float) -> str:
    """Return a weight from 0 to 1 with two decimals, or "<0.01", or "0"."""
    if weight <= 0:
        return "0"
    return f"{weight:.2f}" if weight >= 0.01 else "<0.01"


def format_percent(probability: float) -> str:
    """Return a probability as a percentage with two digits: "34%", "3.4%", "0.34%", "<0.1%"."""
    percent = 100 * probability
    if percent <= 0:
        return "0%"
    if percent < 0.1:
        return "<0.1%"
    if 99.5 <= percent < 100:
        return ">99%"
    return f"{_two_digits(percent, max_decimals=2)}%"


def format_signed(number: float) -> str:
    """Return a number with two digits and its sign: "+12", "+1.2", "−0.45", "0"."""
    digits = _two_digits(abs(number), max_decimals=3)
    if not float(digits):
        return "0"
    return f"{MINUS if number < 0 else '+'}{digits}"


def _two_digits(number: float, *, max_decimals: int) -> str:
    """Return a number of at least 0, rounded to two digits."""
    if number <= 0:
        return "0"
    rounded = float(f"{number:.1e}")
    return f"{rounded:.{min(max(1 - math.floor(math.log10(rounded)), 0), max_decimals)}f}"
