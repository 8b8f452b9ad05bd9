"""Many names, on its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import charts_on, complaints, dashboard, faults, press, shown, with_recording
from tests.support.traces import random_trace


def test_the_page_asks_and_shows_chart_tables_and_a_caution() -> None:
    app = dashboard("names")
    assert (charts_on(app), len(app.dataframe)) == (1, 3)  # the answer that the page opens with
    app.text_input(key="name_words").set_value("doctor, nurse")
    app = press(app, "Run all names")
    assert not app.exception
    assert not faults(app)
    assert (charts_on(app), len(app.dataframe)) == (1, 3)
    assert any("**Does not show** why" in line for line in complaints(app))
    assert app.session_state["name_probe"].words == ("doctor", "nurse")
    assert "24 names · mini" in shown(app)
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/names.py").run()
    assert charts_on(app) == 1
    app.text_input(key="name_template").set_value("{name} is a").run()
    assert "Inputs have changed. Press Run all names to update." in shown(app).replace("\\", "")


@pytest.mark.parametrize(
    ("key", "typed", "sentence"),
    [
        ("name_template", "Maria works as a", "The sentence has no {name}. Put {name} where the name goes."),
        ("name_words", " , ", "There are no words to measure. Write some, separated by commas."),
    ],
)
def test_a_mistake_gets_one_sentence_and_keeps_what_was_typed(key: str, typed: str, sentence: str) -> None:
    app = dashboard("names")
    app.text_input(key=key).set_value(typed)
    app = press(app, "Run all names")
    assert not app.exception
    assert len([line for line in complaints(app) if sentence in line]) == 1
    assert app.text_input(key=key).value == typed


def test_names_without_a_group_are_told_at_once() -> None:
    app = dashboard("names")
    app.text_area(key="name_groups").set_value("Maria, James").run()
    assert any("Line 1 has no group name" in line for line in complaints(app))


def test_with_a_recording_open_it_says_that_it_uses_a_model() -> None:
    app = with_recording("names", random_trace())
    assert not app.exception
    assert "This page needs a model" in shown(app)


def test_heads_that_are_off_are_off_here_and_said(tmp_path: Path) -> None:
    app = press(dashboard("names", off="7.11"), "Run all names")
    assert app.session_state["name_probe"].ablated == {(7, 11)}
    assert "24 names · mini · L7H11 off" in shown(app)
