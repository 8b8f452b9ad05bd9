"""Define the colors of all charts, and paint attention as small pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import altair as alt
import numpy as np
from numpy.typing import NDArray

Theme = Literal["light", "dark"]

BACKGROUNDS: dict[Theme, str] = {"light": "#ffffff", "dark": "#0e1117"}
INK = "currentColor"  # the text color of the page around the chart


@dataclass(frozen=True)
class Colors:
    """The colors of marks on one background; the first two categories and the accent are used for text, too.

    Attributes:
        link: the color of attention.
        accent: the color of selected marks.
        categories: eight colors safe for color-blind viewers.
        faintest: the opacity of the smallest weight that is drawn.
    """

    link: str
    accent: str
    categories: tuple[str, ...]
    faintest: float


# After Okabe and Ito, "Color Universal Design" (2008), darker on white and lighter on black, so that all have a
# contrast of 3:1 with the background, and 4.5:1 where they are used for text.
_COLORS: dict[Theme, Colors] = {
    "light": Colors(
        link="#2b7bba",
        accent="#c25400",
        categories=(
            *("#0072b2", "#c25400", "#009e73", "#cc79a7"),
            *("#855800", "#1492ff", "#6b6b6b", "#85850f"),
        ),
        faintest=0.25,
    ),
    "dark": Colors(
        link="#67a6d9",
        accent="#ff8a3d",
        categories=(
            *("#4aa3e0", "#ff8a3d", "#1fc99a", "#e7a0c8"),
            *("#c99a3b", "#8ccbff", "#a6a6a6", "#e8de4a"),
        ),
        faintest=0.4,
    ),
}


def colors(theme: Theme) -> Colors:
    """Return the colors of marks on a theme's background."""
    return _COLORS[theme]


LINK, ACCENT, CATEGORIES = _COLORS["light"].link, _COLORS["light"].accent, _COLORS["light"].categories

# Five colors of one hue in even steps of CIE lightness, starting from the page's background.
SEQUENTIAL: dict[Theme, tuple[str, ...]] = {
    "light": (BACKGROUNDS["light"], "#b3cae5", "#6c96c8", "#2c63a7", "#003471"),
    "dark": (BACKGROUNDS["dark"], "#123c61", "#256fa6", "#67a6d9", "#cee5fd"),
}
_LEVELS = 64

# Nine colors for differences, in even steps of CIE lightness: purple below zero, the page's background at zero, green
# above. The two hues can be told apart with every common kind of color blindness.
DIVERGING: dict[Theme, tuple[str, ...]] = {
    "light": (
        *("#663c9d", "#8e6ab7", "#b599d1", "#dbcbea"),
        BACKGROUNDS["light"],
        *("#b2dac8", "#66b394", "#088b66", "#045e44"),
    ),
    "dark": (
        *("#d0a7fe", "#9e7cc4", "#6c5684", "#3e334a"),
        BACKGROUNDS["dark"],
        *("#1e3d31", "#256b52", "#289c76", "#29d19d"),
    ),
}

# For all charts: names have the page's text color, and screen readers read the description, not each mark.
CONFIG: dict[str, Any] = {
    "view": alt.ViewConfig(strokeWidth=0),
    "mark": alt.MarkConfig(aria=False),
    "axis": alt.AxisConfig(aria=False, labelColor=INK, titleColor=INK),
    "legend": alt.LegendConfig(aria=False, labelColor=INK, titleColor=INK),
}


@cache
def ramp(theme: Theme) -> NDArray[np.uint8]:
    """Return the sequential scale for attention, uint8 (64, 3): row i is the color of i/63 of the full scale."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in SEQUENTIAL[theme]], dtype=np.float64)
    positions = np.linspace(0, len(anchors) - 1, _LEVELS)
    channels = [np.interp(positions, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def picture(weights: NDArray[Any], theme: Theme, size: int) -> str:
    """Paint one head's weights, (n, n), as `pictures` does."""
    return pictures(weights[None], theme, size)[0]


def pictures(weights: NDArray[Any], theme: Theme, size: int) -> list[str]:
    """Paint heads' weights, (…, n, n) in [0, 1], as square PNGs in data URLs, with at most `size` pixels per side.

    The square root of a weight sets its color, so that small weights are visible. With more tokens than pixels, each
    pixel shows the largest weight in its area.
    """
    fitted = _fit(weights, size).astype(np.float32)
    levels = (np.sqrt(np.clip(fitted, 0, 1)) * (_LEVELS - 1)).round().astype(np.uint8)
    return _png_urls(levels.reshape(-1, *levels.shape[-2:]), ramp(theme))


def _png_urls(pixels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> list[str]:
    """Encode square images, (n_images, side, side), as indexed PNGs in data URLs.

    Pillow takes three times as long for images as small as these, nearly all of it with Python's lock held.
    Source: https://www.w3.org/TR/png-3/
    """
    side = pixels.shape[-1]
    size = struct.pack(">II", side, side) + bytes([8, 3, 0, 0, 0])  # 8 bits per pixel, indexed
    header = b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", size) + _png_chunk(b"PLTE", palette.tobytes())
    trailer = _png_chunk(b"IEND", b"")
    rows = np.pad(pixels, [(0, 0), (0, 0), (1, 0)])  # a zero before each row: it is not filtered
    images = (header + _png_chunk(b"IDAT", zlib.compress(image.tobytes(), level=1)) + trailer for image in rows)
    return ["data:image/png;base64," + base64.b64encode(image).decode() for image in images]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _fit(weights: NDArray[Any], size: int) -> NDArray[Any]:
    """Enlarge or reduce weights, (…, n, n), to at most `size` pixels per side."""
    n = weights.shape[-1]
    if n <= size:
        return weights.repeat(size // n, axis=-2).repeat(size // n, axis=-1)
    starts = np.linspace(0, n, size, endpoint=False).astype(int)
    # Non-negative float16 numbers have the same order as their bits, which are compared ten times faster.
    ordered = weights.view(np.uint16) if weights.dtype == np.float16 else weights
    return _group_max(_group_max(ordered, starts, -2), starts, -1).view(weights.dtype)


def _group_max(values: NDArray[Any], starts: NDArray[np.intp], axis: int) -> NDArray[Any]:
    """Return the maximum of each group of neighbors along an axis: `np.maximum.reduceat`, faster for small groups."""
    ends = np.append(starts[1:], values.shape[axis]) - 1
    largest = values.take(starts, axis)
    for offset in range(1, int((ends - starts).max()) + 1):
        np.maximum(largest, values.take(np.minimum(starts + offset, ends), axis), out=largest)
    return largest
