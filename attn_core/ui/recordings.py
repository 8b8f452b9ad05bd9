"""Open, save and close recordings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_core.compat import delete_upload, is_deleted_upload
from attn_core.server.playlist import load_recording
from attn_core.server.settings import get_settings
from attn_core.ui.session import session
from attn_core.ui.state import forget_head
from attn_core.ui.switches import get_heads_off, get_replacement

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attn_core.models.encoding import Text
    from attn_core.models.model import LanguageModel
    from attn_core.runs.generation import GeneratedText
    from attn_core.trace import AttentionTrace


MAX_NAME_WORDS = 8  # words of a prompt in the name of its file


def open_upload() -> None:
    """Open the uploaded file; if that fails, store the reason for the page to show."""
    upload = session[f"upload_{session.n_uploads}"]
    if is_deleted_upload(upload):  # it was opened before
        return
    session.recording_error = ""
    session.playlist = None
    session.recording = None
    if upload is not None:
        session.recording, session.recording_error = _unpack(upload)
        if session.recording is not None:
            session.recording_name = upload.name
            forget_head()


def open_second_upload() -> None:
    """Open the uploaded recording that is compared with the open one; if that fails, store the reason."""
    if is_deleted_upload(session.second_upload):
        return
    session.second_recording, session.second_recording_error = None, ""
    if session.second_upload is not None:
        session.second_recording, session.second_recording_error = _unpack(session.second_upload)


def _unpack(upload: UploadedFile) -> tuple[AttentionTrace | None, str]:
    """Return an uploaded recording, or the reason why it can't be opened, and give up the file."""
    from attn_core.errors import InvalidTrace

    try:
        return load_recording(upload), ""
    except (InvalidTrace, OSError) as error:
        return None, f"Can't open {upload.name}. {error}"
    finally:
        delete_upload(upload)


def close_recording() -> None:
    """Close the recording and go back to the prompt."""
    session.recording = session.second_recording = None
    session.second_recording_error = ""
    session.recording_error = ""
    session.playlist = None
    session.n_uploads += 1  # a new, empty uploader


def show_recording_download(
    make: Callable[[], bytes], text: str, *, label: str = "Save recording (.npz)", name: str = ""
) -> None:
    """Draw a button in the session menu that saves a recording.

    Args:
        make: returns the bytes of the file; is called when the button is pressed.
        text: the recorded text, from which the file gets its name.
        label: the label of the button.
        name: the beginning of the file's name, if it is one of two.
    """
    words = re.findall(r"[A-Za-z0-9]+", text)[:MAX_NAME_WORDS]
    session.save_container.download_button(
        label,
        make,
        file_name="_".join([*([name] if name else []), *words, "recording"]) + ".npz",
        mime="application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )


def show_text_download(model: LanguageModel, prompt: str, run: GeneratedText | None) -> None:
    """Draw a button in the session menu that saves the generated text, or else the prompt, as a recording."""
    from attn_core.errors import PromptError
    from attn_core.models.encoding import encode
    from attn_core.runs.capturing import capture

    text: Text = prompt
    heads_off, replacement = get_heads_off(), get_replacement()
    if run is not None and run.model == model.name:
        text, heads_off, replacement = run.ids_before(len(run.steps)), run.ablated, run.replacement
    try:
        encode(model, text, max_tokens=get_settings().max_prompt_tokens + get_settings().max_new_tokens)
    except PromptError:
        return
    show_recording_download(
        lambda: capture(model, text, ablate=heads_off, replacement=replacement).to_bytes(), prompt
    )
