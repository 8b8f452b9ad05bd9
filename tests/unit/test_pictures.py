"""Every figure is drawn as it was approved: its specification and its data, in a file, on a page, for a projector.

A change that is meant is approved with `pytest tests/unit/test_pictures.py --snapshot-update`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from attn_core.charts import Figure, rendering
from attn_core.charts.export import to_svg
from attn_core.charts.style import Theme
from tests.support.figures import CAPTION, KINDS, figures_of_kinds


def approved(value: Any) -> Any:
    """Return what a picture depends on, as JSON: numbers rounded, without the bytes of images."""
    match value:
        case dict():
            return {name: approved(part) for name, part in value.items()}
        case list() | tuple():
            return [approved(part) for part in value]
        case np.ndarray():
            return approved(value.tolist())
        case float() | np.floating():
            return round(float(value), 5)
        case str() if value.startswith("data:image"):
            return "data:image"
    return value


class PictureExtension(SingleFileSnapshotExtension):
    """Keeps each picture in a file that a browser shows."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def figure_of(kind: str, theme: Theme) -> Figure:
    figure, _ = figures_of_kinds(theme)[kind]
    assert isinstance(figure, Figure)
    return figure


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_in_a_file_is_the_approved_one(kind: str, snapshot: SnapshotAssertion) -> None:
    assert approved(figure_of(kind, "light").to_dict()) == snapshot


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_on_a_page_is_the_approved_one(kind: str, snapshot: SnapshotAssertion) -> None:
    assert approved(figure_of(kind, "dark").filling()) == snapshot


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_for_a_projector_is_the_approved_one(kind: str, snapshot: SnapshotAssertion) -> None:
    figure = figure_of(kind, "light").filling(for_projector=True, turn=3)
    assert approved({name: part for name, part in figure.items() if name != "datasets"}) == snapshot


@pytest.mark.parametrize("kind", ["lines", "matrix", "next words", "names"])
def test_a_saved_picture_is_the_approved_one(
    kind: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "_in_child", rendering._do)  # without the wait for a process of its own
    saved = to_svg(figure_of(kind, "light"), CAPTION, "light").decode()
    assert saved == snapshot.use_extension(PictureExtension)
