"""Give typed access to `st.session_state`: each field of a visitor's session, with its type.

`session.layer` reads and writes `st.session_state.layer`, which widgets with the key "layer" use too. Controls
that get their key as an argument use it as an index: `session[key]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attn_core.analysis.names import NameProbe
    from attn_core.heads import Head
    from attn_core.runs.ablation import Replacement
    from attn_core.runs.generation import GeneratedText
    from attn_core.trace import AttentionTrace

T = TypeVar("T")


class _Field(Generic[T]):
    """Describe a field of the session; reading an unset one returns its default, or raises `AttributeError`."""

    def __init__(self, default: Callable[[], T] | None = None) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, session: Session, owner: type) -> T:
        if self._default is not None and self._name not in st.session_state:
            return self._default()
        return cast(T, getattr(st.session_state, self._name))

    def __set__(self, session: Session, value: T) -> None:
        setattr(st.session_state, self._name, value)


def _return_none() -> None:
    return None


class Session:
    """Give access to the session of the visitor whose page is running."""

    # Choices that links hold; set when the session starts (see `attn_core.ui.links`).
    model: _Field[str] = _Field()
    prompt: _Field[str] = _Field()
    prompt_a: _Field[str] = _Field()
    prompt_b: _Field[str] = _Field()
    layer: _Field[int] = _Field()
    head: _Field[int] = _Field()
    heads_off: _Field[tuple[Head, ...]] = _Field()
    replacement: _Field[Replacement] = _Field()
    step: _Field[int] = _Field()
    presenting: _Field[bool] = _Field()
    kinds: _Field[list[str]] = _Field(list)
    sort_by: _Field[str | None] = _Field(_return_none)
    find_by: _Field[str] = _Field()
    link_query: _Field[int] = _Field()
    link_key: _Field[int] = _Field()
    compare_query: _Field[int | None] = _Field(_return_none)
    rank_by: _Field[int | None] = _Field(_return_none)
    way: _Field[str] = _Field()
    new_tokens: _Field[int] = _Field()
    question: _Field[str] = _Field()
    foil: _Field[int | None] = _Field(_return_none)
    chosen_step: _Field[int] = _Field(int)
    tour_name: _Field[str] = _Field()
    tour_a: _Field[str] = _Field()
    tour_b: _Field[str] = _Field()
    tour_head: _Field[Head | None] = _Field(_return_none)

    # How the session started, and what it still has to do.
    is_restored: _Field[bool] = _Field(bool)
    is_new: _Field[bool] = _Field()
    from_link: _Field[set[str]] = _Field()
    pending_actions: _Field[dict[str, Any]] = _Field()
    head_is_chosen: _Field[bool] = _Field()
    tour_head_source: _Field[tuple[str, tuple[str, ...]] | None] = _Field(_return_none)
    table_version: _Field[int] = _Field()
    n_runs: _Field[int] = _Field(int)

    # Recordings.
    recording: _Field[AttentionTrace | None] = _Field(_return_none)
    recording_name: _Field[str] = _Field(str)
    recording_error: _Field[str] = _Field(str)
    second_recording: _Field[AttentionTrace | None] = _Field(_return_none)
    second_recording_error: _Field[str] = _Field(str)
    second_upload: _Field[UploadedFile | None] = _Field()
    playlist: _Field[str | None] = _Field(_return_none)
    n_uploads: _Field[int] = _Field(int)

    # Generated text, and measurements.
    generated: _Field[GeneratedText | None] = _Field(_return_none)
    generated_again: _Field[GeneratedText | None] = _Field(_return_none)
    opening_text: _Field[GeneratedText | None] = _Field(_return_none)
    settings_used: _Field[dict[str, Any]] = _Field()
    generated_with: _Field[dict[str, Any]] = _Field()
    playing: _Field[bool] = _Field(bool)
    scans_run: _Field[set[tuple[Any, ...]]] = _Field(set)
    scan_shown: _Field[tuple[GeneratedText, int] | None] = _Field(_return_none)
    name_probe: _Field[NameProbe | None] = _Field(_return_none)
    probed_with: _Field[dict[str, Any]] = _Field()

    # Containers on the page that is being drawn, and the messages for them.
    notices: _Field[list[str]] = _Field()
    notice_container: _Field[DeltaGenerator] = _Field()
    model_status: _Field[DeltaGenerator] = _Field()
    save_container: _Field[DeltaGenerator] = _Field()
    heads_stay_on: _Field[str] = _Field()

    # Widgets that are filled from other fields.
    example: _Field[str | None] = _Field(_return_none)
    heads_off_box: _Field[list[Head]] = _Field()
    playlist_box: _Field[str | None] = _Field(_return_none)
    replacement_box: _Field[Replacement] = _Field()
    step_box: _Field[int] = _Field()
    strongest_box: _Field[Head | None] = _Field()
    switch_box: _Field[bool] = _Field()
    token_row: _Field[dict[str, Any]] = _Field()

    def __contains__(self, key: str) -> bool:
        return key in st.session_state

    def __getitem__(self, key: str) -> Any:
        return st.session_state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        st.session_state[key] = value

    def __delitem__(self, key: str) -> None:
        del st.session_state[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field by its name, or the default if it is not set."""
        return st.session_state.get(key, default)

    def setdefault(self, key: str, default: Any) -> Any:
        """Return a field by its name; set it to the default first if it is not set."""
        return st.session_state.setdefault(key, default)

    def to_dict(self) -> dict[str, Any]:
        """Return a copy of all fields."""
        return st.session_state.to_dict()


session = Session()
