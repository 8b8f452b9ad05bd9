"""How numbers read on a page."""

from __future__ import annotations

from math import floor, log10


def weight(value: float) -> str:
    """Return an attention weight with two decimals.

    >>> weight(0.834), weight(0.004), weight(0.0)
    ('0.83', '<0.01', '0')
    """
    if not value:
        return "0"
    return "<0.01" if value < 0.01 else f"{value:.2f}"


def percent(probability: float) -> str:
    """Return a probability in percent, with two digits.

    >>> percent(0.3412), percent(0.0341), percent(0.00341), percent(0.0002), percent(1.0), percent(0.9996)
    ('34%', '3.4%', '0.34%', '<0.1%', '100%', '99.96%')
    """
    if probability < 0.001:
        return "<0.1%" if probability else "0%"
    if probability >= 0.995:
        return _near_one(probability)
    percents = 100 * probability
    return f"{percents:.{max(1 - floor(log10(percents)), 0)}f}%"


def _near_one(probability: float) -> str:
    """A probability that would round to 100 % keeps as many digits as tell it from 1."""
    for digits in range(1, 3):
        text = f"{100 * probability:.{digits}f}%"
        if not text.startswith("100"):
            return text
    return "100%" if probability >= 1 else ">99.9%"


def signed(number: float) -> str:
    """Return a number with its sign and two digits, with a true minus.

    >>> signed(12.34), signed(1.24), signed(-0.451), signed(0.0)
    ('+12', '+1.2', '−0.45', '0')
    """
    if not number:
        return "0"
    digits = max(1 - floor(log10(abs(number))), 0)
    text = f"{number:+.{min(digits, 2)}f}".replace("-", "−")
    return "0" if float(text.replace("−", "-")) == 0 else text
