"""Measure and wrap lines of text in images."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import cast

import font_source_sans_pro
from PIL import ImageFont

FONT = "Source Sans Pro, sans-serif"  # without quotes, with which vl-convert measures text wrongly
OTHER_FONTS = "DejaVu Sans, sans-serif"
FONT_SIZE, LINE = 13, 18  # pixels: of the letters, and from one line to the next
FONT_FILE = Path(cast(str, font_source_sans_pro.font_files_otf["SourceSansPro"]))
FONT_FOLDER = FONT_FILE.parent

# The characters of the font: Latin, Greek, Cyrillic, and punctuation.
_HAS = r"\0-\u052f\u1e00-\u200a\u2010-\u2027\u2030-\u205e\u20a0-\u20cf"
_RUNS = re.compile(rf"[{_HAS}]+|[^{_HAS}](?:[^{_HAS}]| (?=[^{_HAS}]))*")


def split_by_font(line: str) -> list[tuple[str, bool]]:
    """Split a line into parts, each with whether the font has all of its characters."""
    return [(part, re.match(rf"[{_HAS}]", part) is not None) for part in _RUNS.findall(line)]


def text_width(text: str) -> float:
    """Return the width of a text in pixels; the width of characters that the font lacks is estimated."""
    return sum(
        _font().getlength(part) if has_all else sum(map(_estimate_width, part))
        for part, has_all in split_by_font(text)
    )


def _estimate_width(character: str) -> float:
    """Return the width of a character in pixels, estimated by its category."""
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0.0
    return FONT_SIZE * (1.0 if unicodedata.east_asian_width(character) in "WF" else 0.65)


def wrap_text(text: str, most: float) -> tuple[str, ...]:
    """Wrap a text into lines of at most `most` pixels; longer words are broken."""
    lines, line = [], ""
    for word in re.findall(r"\S+\s*", text):
        if line and text_width(line + word.rstrip()) > most:
            lines.append(line)
            line = ""
        line += word
        while text_width(line.rstrip()) > most:
            fits = next(i for i in range(1, len(line)) if text_width(line[: i + 1]) > most)
            lines.append(line[:fits])
            line = line[fits:]
    return tuple(complete.rstrip() for complete in [*lines, line])


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Return the font, loaded once."""
    # The other layout engine fails for characters that no font has.
    return ImageFont.truetype(FONT_FILE, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
