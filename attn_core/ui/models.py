"""Load the chosen model, with progress, or `mini` where it is unavailable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attn_core.errors import ModelUnavailable
from attn_core.server.allowed_models import check_allowed
from attn_core.server.model_loads import ModelLoads
from attn_core.server.settings import get_settings
from attn_core.ui.errors import describe_error
from attn_core.ui.queue import lend_slot
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown
from attn_core.ui.switches import turn_on_missing_heads

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attn_core.models.model import LanguageModel
    from attn_core.server.model_loads import ModelLoad


loads = ModelLoads()


def find_failure(name: str) -> ModelUnavailable | None:
    """Return why a model is unavailable, if that is known already; load nothing."""
    name = name.strip()
    try:
        check_allowed(name, get_settings().models, get_settings().model_root)
    except ModelUnavailable as unavailable:
        return unavailable
    return loads.failure_of(name)


def retry(name: str) -> None:
    """Let the next run try again to load a model that was unavailable."""
    if loads.failure_of(name) is not None:  # else another visitor is trying already
        loads.forget(loads.start(name))


def load_chosen_model() -> LanguageModel:
    """Return the chosen model, or `mini`, and show which in the bar; stop the page if neither can be loaded."""
    name = session.model.strip()
    known = find_failure(name)
    result = _load(name)
    if isinstance(result, ModelUnavailable):
        if name != "mini":
            if known is None:
                st.rerun()  # so that the bar shows it
            result = _load("mini")
        if isinstance(result, ModelUnavailable):
            st.error(escape_markdown(describe_error(result)), icon=":material/error:")
            st.stop()
    session.model_status.caption(_describe_model(result))
    turn_on_missing_heads(result)
    return result


def _load(name: str) -> LanguageModel | ModelUnavailable:
    placeholder = st.empty()  # always, so that what follows keeps its place on the page
    failure = find_failure(name)
    if failure is not None:
        return failure
    loading = loads.start(name)
    if not loading.wait(0):
        with lend_slot():
            _show_progress(loading, placeholder)
    try:
        return loading.result()
    except RuntimeError:
        loads.forget(loading)  # so that the next visit tries again
        raise


def _show_progress(loading: ModelLoad, placeholder: DeltaGenerator) -> None:
    """Wait until a model is loaded, and show the progress if that takes longer than a moment."""
    if loading.wait(0.3):
        return
    while not loading.wait(0.2):
        progress = loading.progress
        text = escape_markdown(progress.message.removesuffix("…")) + "…"
        if progress.fraction is None:
            placeholder.info(text, icon=":material/hourglass_top:")
        else:
            placeholder.progress(min(max(progress.fraction, 0.0), 1.0), text=text)
    placeholder.empty()


def _describe_model(model: LanguageModel) -> str:
    source = {
        "hub": "from the Hugging Face Hub",
        "cache": "from the local cache",
        "bundled": "bundled",
        "folder": "from a local folder",
    }[model.source]
    return f"{escape_markdown(model.name)} · {model.n_layers} × {model.n_heads} heads · {source}"
