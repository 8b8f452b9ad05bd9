"""How well two colors can be told apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEXT, MARKS = 4.5, 3.0  # contrast that WCAG 2.2 asks for (1.4.3, 1.4.11)


def rgb(color: str) -> NDArray[np.float64]:
    """A colour like #2b7bba as three numbers from 0 to 1."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """WCAG's contrast ratio of two colours, from 1 to 21."""

    def luminance(color: NDArray[np.float64]) -> float:
        linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
