"""A folder of recordings: what is listed, and going through it in the dashboard."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attn_core import InvalidTrace
from attn_core.server.playlist import list_recordings, open_recording
from attn_core.server.settings import Settings
from tests.support.pages import WITHOUT_MODEL, complaints, dashboard, go_to, press, shown
from tests.support.settings import set_environment
from tests.support.traces import random_trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings of 4, 5 and 6 tokens."""
    folder = tmp_path / "talk"
    folder.mkdir()
    for number, name in enumerate(("1_dog", "2_list", "10_son")):
        random_trace(n_tokens=4 + number).save(folder / f"{name}.npz")
    return folder


def names(folder: Path) -> tuple[str, ...]:
    listed = list_recordings(folder)
    assert listed is not None
    return listed.names


def test_recordings_are_listed_in_the_order_that_people_count_in(folder: Path) -> None:
    assert names(folder) == ("1_dog.npz", "2_list.npz", "10_son.npz")


def test_what_lies_before_and_after_a_recording_is_known(folder: Path) -> None:
    listed = list_recordings(folder)
    assert listed is not None
    assert [listed.after(name) for name in (None, "1_dog.npz", "10_son.npz")] == ["1_dog.npz", "2_list.npz", None]
    assert [listed.before(name) for name in (None, "1_dog.npz", "10_son.npz")] == [None, None, "2_list.npz"]


def test_files_that_are_no_recordings_are_named_and_other_files_are_not(folder: Path) -> None:
    (folder / "broken.npz").write_bytes(b"not a zip")
    (folder / "notes.txt").write_text("read me")
    (folder / "folder.npz").mkdir()
    (folder / ".hidden.npz").write_bytes(b"")
    listed = list_recordings(folder)
    assert listed is not None
    assert listed.others == ("broken.npz", "folder.npz")
    assert len(listed.names) == 3


def test_a_file_that_becomes_a_recording_is_listed_from_then_on(folder: Path) -> None:
    (folder / "3_new.npz").write_bytes(b"half")
    assert len(names(folder)) == 3
    random_trace().save(folder / "3_new.npz")
    assert names(folder)[2] == "3_new.npz"


def test_a_folder_that_is_not_there_has_no_playlist(tmp_path: Path) -> None:
    assert list_recordings(tmp_path / "nowhere") is None
    assert names(tmp_path) == ()


@pytest.mark.parametrize("name", ["../outside.npz", "inner/deep.npz", "link.npz", "no.npz", "", ".", "\x00"])
def test_no_name_and_no_link_leads_out_of_the_folder(folder: Path, name: str) -> None:
    random_trace().save(folder.parent / "outside.npz")
    (folder / "inner").mkdir()
    random_trace().save(folder / "inner" / "deep.npz")
    (folder / "link.npz").symlink_to(folder.parent / "outside.npz")
    with pytest.raises(InvalidTrace, match=r"not in the playlist\. Choose another one"):
        open_recording(folder, name)
    with pytest.raises(InvalidTrace):
        open_recording(folder, str(folder / "1_dog.npz"))


@pytest.mark.skipif(os.name == "nt", reason="names are texts there")
def test_a_name_that_is_no_text_is_told_of_as_far_as_it_can_be_read(folder: Path) -> None:
    random_trace().save(folder / "x.npz")
    os.rename(folder / "x.npz", os.fsencode(folder) + b"/caf\xe9.npz")
    listed = list_recordings(folder)
    assert listed is not None
    assert listed.others == ("caf?.npz",)


def test_an_audience_looks_at_one_copy(folder: Path) -> None:
    first = open_recording(folder, "1_dog.npz")
    assert open_recording(folder, "1_dog.npz") is first
    random_trace(n_tokens=7).save(folder / "1_dog.npz")
    assert open_recording(folder, "1_dog.npz").n_tokens == 7


# --- in the dashboard ------------------------------------------------------------------------------------------


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    set_environment(monkeypatch, ATTN_PLAYLIST=folder)
    return dashboard("head_view")


@pytest.fixture
def app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return opened(folder, monkeypatch)


def now(app: AppTest) -> str | None:
    name: str | None = app.session_state["playlist"]
    assert app.selectbox(key="playlist_box").value == name
    return name


def disabled(app: AppTest) -> list[bool]:
    return [app.button(key=f"playlist_{way}").disabled for way in ("previous", "next")]


def test_next_and_previous_go_through_the_recordings_with_no_model(app: AppTest) -> None:
    assert (now(app), disabled(app)) == (None, [True, False])
    for name, n_tokens, at_end in (
        ("1_dog.npz", 4, [True, False]),
        ("2_list.npz", 5, [False, False]),
        ("10_son.npz", 6, [False, True]),
    ):
        app = press(app, "Next")
        assert (now(app), disabled(app)) == (name, at_end)
        assert f"{n_tokens} tokens" in shown(app)
    app = press(app, "Previous")
    assert now(app) == "2_list.npz"
    assert not app.exception
    assert not complaints(app)
    assert "No model loaded" in shown(app)


def test_a_recording_is_chosen_and_every_page_shows_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, ATTN_PLAYLIST=folder)
    app = dashboard()
    app.selectbox(key="playlist_box").set_value("10_son.npz").run()
    for page in WITHOUT_MODEL:
        app = go_to(app, page)
        assert "6 tokens" in shown(app)
        assert app.session_state["playlist"] == "10_son.npz"


def close(app: AppTest) -> AppTest:
    return press(app, "Close recording")


def clear(app: AppTest) -> AppTest:
    return app.selectbox(key="playlist_box").set_value(None).run()


@pytest.mark.parametrize("leave", [close, clear])
def test_closing_the_recording_leaves_the_playlist(app: AppTest, leave: Callable[[AppTest], AppTest]) -> None:
    app = leave(press(app, "Next"))
    assert not app.exception
    assert now(app) is None
    assert app.session_state["recording"] is None


def test_a_recording_that_is_broken_inside_is_told_and_the_one_before_stays(app: AppTest, folder: Path) -> None:
    app = press(app, "Next")
    whole = (folder / "2_list.npz").read_bytes()
    (folder / "2_list.npz").write_bytes(whole[:100] + bytes(60) + whole[160:])
    app = press(app, "Next")
    (told,) = complaints(app)
    assert told.startswith("2_list.npz was not opened. This ")
    assert now(app) == "1_dog.npz"
    app = app.selectbox(key="playlist_box").set_value("10_son.npz").run()
    assert not complaints(app)
    assert now(app) == "10_son.npz"


def test_a_recording_that_was_deleted_meanwhile_is_no_longer_offered(app: AppTest, folder: Path) -> None:
    app = press(app, "Next")
    (folder / "1_dog.npz").unlink()
    app.run()
    assert not app.exception
    assert app.selectbox(key="playlist_box").options == ["2_list", "10_son"]
    assert "4 tokens" in shown(app)


def test_files_that_are_no_recordings_are_named_in_the_menu(app: AppTest, folder: Path) -> None:
    (folder / "[x](http:__evil).npz").write_bytes(b"")
    app.run()
    assert r"\[x\]" in shown(app)
    assert "Skipped, not recordings:" in shown(app)


def test_an_empty_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(tmp_path, monkeypatch)
    assert "No recordings in " in shown(app)


def test_where_there_is_no_folder_there_is_no_control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attn_core.server.settings.RECORDINGS", tmp_path / "nowhere")
    set_environment(monkeypatch)
    app = dashboard("head_view")
    assert not app.exception
    assert "recordings" not in shown(app)
    assert [box.label for box in app.selectbox] == ["Model", "Show"]


def test_choosing_by_name_tells_whether_it_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def script() -> None:
        import streamlit as st

        from attn_core.ui import restore_from_url
        from attn_core.ui.playlist import open_by_name

        restore_from_url()
        st.text(f"{open_by_name('2_list.npz')} {st.session_state.recording_name}")
        st.text(f"{open_by_name('../2_list.npz')} {st.session_state.playlist}")

    set_environment(monkeypatch, ATTN_PLAYLIST=folder)
    app = AppTest.from_function(script, default_timeout=60).run()
    assert [text.value for text in app.text] == ["True 2_list.npz", "False 2_list.npz"]


def test_the_folder_is_set_by_a_variable(folder: Path) -> None:
    settings = Settings.from_environment({"ATTN_PLAYLIST": str(folder)})
    assert (settings.playlist, settings.problems) == (folder, ())


def test_a_variable_that_names_no_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path / "nowhere")
    (told,) = complaints(dashboard())
    assert told.startswith('ATTN_PLAYLIST="')
    assert '" is not a folder. ' in told
