"""Lines of text in an image: where they break, and how wide they are."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import cast

import font_source_sans_pro
from PIL import ImageFont

FONT = "Source Sans Pro, sans-serif"  # without quotes, at which vl-convert would measure text wrongly
OTHER_FONTS = "DejaVu Sans, sans-serif"
FONT_SIZE, LINE = 13, 18  # pixels: of the letters, and from one line to the next
FONT_FILE = Path(cast(str, font_source_sans_pro.font_files_otf["SourceSansPro"]))
FONT_FOLDER = FONT_FILE.parent

# What the font has: Latin, Greek, Cyrillic, and the signs between words.
_HAS = r"\0-\u052f\u1e00-\u200a\u2010-\u2027\u2030-\u205e\u20a0-\u20cf"
_RUNS = re.compile(rf"[{_HAS}]+|[^{_HAS}](?:[^{_HAS}]| (?=[^{_HAS}]))*")


def runs(line: str) -> list[tuple[str, bool]]:
    """The line in parts, each with whether the font has all of its characters."""
    return [(part, re.match(rf"[{_HAS}]", part) is not None) for part in _RUNS.findall(line)]


def width(text: str) -> float:
    """Pixels of a text; what the font lacks is judged by its kind."""
    return sum(_letters().getlength(part) if known else sum(map(_judged, part)) for part, known in runs(text))


def _judged(character: str) -> float:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0.0
    return FONT_SIZE * (1.0 if unicodedata.east_asian_width(character) in "WF" else 0.65)


def wrapped(text: str, most: float) -> tuple[str, ...]:
    """The text in lines that are no wider than so many pixels; a longer word is broken."""
    lines, line = [], ""
    for word in re.findall(r"\S+\s*", text):
        if line and width(line + word.rstrip()) > most:
            lines.append(line)
            line = ""
        line += word
        while width(line.rstrip()) > most:
            fits = next(i for i in range(1, len(line)) if width(line[: i + 1]) > most)
            lines.append(line[:fits])
            line = line[fits:]
    return tuple(full.rstrip() for full in [*lines, line])


@cache
def _letters() -> ImageFont.FreeTypeFont:
    # The other engine fails at characters that no font has.
    return ImageFont.truetype(FONT_FILE, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
