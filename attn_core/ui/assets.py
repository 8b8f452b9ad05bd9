"""Read the style sheets, scripts and images that come with the package."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "static"


def read_asset(name: str) -> str:
    """Return a style sheet or script by the name of its file."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def read_image(name: str) -> bytes:
    """Return an image by the name of its file."""
    return (_FOLDER / name).read_bytes()
