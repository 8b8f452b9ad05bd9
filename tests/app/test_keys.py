"""Keys for what a presentation shows no controls for."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import chosen_head, dashboard, press, shown
from tests.support.settings import set_environment
from tests.support.traces import random_trace

EXPLAINED = "Click a row to open that head."


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("page", ["home", "head_grid", "head_view", "compare"])
def test_keys_go_to_the_next_and_the_previous_head_and_layer_and_round(page: str) -> None:
    app = dashboard(page, present="1", layer="0", head="11")
    for label, head in (
        ("Next head", (0, 0)),
        ("Previous head", (0, 11)),
        ("Previous layer", (11, 11)),
        ("Next layer", (0, 11)),
    ):
        app = press(app, label)
        assert not app.exception
        assert chosen_head(app) == head


def test_no_keys_but_while_somebody_presents() -> None:
    app = dashboard("head_grid")
    assert "Next head" not in labels(app)
    assert EXPLAINED in shown(app)
    presented = dashboard("head_grid", present="1")
    assert EXPLAINED not in shown(presented)
    app = press(presented, "Exit").run()
    assert "Next head" not in labels(app)
    assert EXPLAINED in shown(app)


def test_keys_go_through_the_playlist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path)
    for name in ("1.npz", "2.npz"):
        random_trace().save(tmp_path / name)
    app = dashboard("head_view", present="1", recording="1.npz")
    assert next(button for button in app.button if button.label == "Previous recording").disabled
    app = press(app, "Next recording")
    assert not app.exception
    assert (app.session_state["playlist"], app.session_state["recording_name"]) == ("2.npz", "2.npz")


def test_a_recording_that_is_not_in_the_playlist_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path)
    app = dashboard(recording="../1.npz")
    assert not app.exception
    assert shown(app).count("The link's recording “../1.npz” is not in this playlist.") == 1
