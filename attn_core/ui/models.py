"""The chosen model, with the progress of its loading, and `mini` where it cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attn_core import limits
from attn_core.errors import ModelUnavailable
from attn_core.loading import Loadings
from attn_core.offer import check_offered
from attn_core.ui.queue import let_others_run
from attn_core.ui.state import plain
from attn_core.ui.switches import check_heads_off

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attn_core.loading import Loading
    from attn_core.model import LanguageModel


loads = Loadings()


def trouble_of(name: str) -> ModelUnavailable | None:
    """Return why a model cannot be had, if that is known by now; nothing is loaded for that."""
    name = name.strip()
    try:
        check_offered(name, limits.MODELS, limits.MODEL_ROOT)
    except ModelUnavailable as unavailable:
        return unavailable
    return loads.failure_of(name)


def try_again(name: str) -> None:
    """Let the next visit load a model anew that could not be had."""
    if loads.failure_of(name) is not None:  # else another visitor tries already
        loads.forget(loads.of(name))


def language_model() -> LanguageModel:
    """Return the chosen model, or `mini`, as the bar says then; the page stops if neither can be had."""
    name = st.session_state.model.strip()
    known = trouble_of(name)
    result = _watch(name)
    if isinstance(result, ModelUnavailable):
        if name != "mini":
            if known is None:
                st.rerun()  # so that the bar says it
            result = _watch("mini")
        if isinstance(result, ModelUnavailable):
            st.error(plain(str(result)), icon=":material/error:")
            st.stop()
    st.session_state.model_status.caption(_describe(result))
    check_heads_off(result)
    return result


def _watch(name: str) -> LanguageModel | ModelUnavailable:
    place = st.empty()  # always, so that what follows keeps its place on the page
    trouble = trouble_of(name)
    if trouble is not None:
        return trouble
    loading = loads.of(name)
    if not loading.wait(0):
        with let_others_run():
            _tell_progress(loading, place)
    try:
        return loading.result()
    except RuntimeError:
        loads.forget(loading)  # so that the next visit tries again
        raise


def _tell_progress(loading: Loading, place: DeltaGenerator) -> None:
    """Wait until a model is loaded, and say how far that is if it takes longer than a moment."""
    if loading.wait(0.3):
        return
    while not loading.wait(0.2):
        progress = loading.progress
        text = plain(progress.message.removesuffix("…")) + "…"
        if progress.fraction is None:
            place.info(text, icon=":material/hourglass_top:")
        else:
            place.progress(min(max(progress.fraction, 0.0), 1.0), text=text)
    place.empty()


def _describe(model: LanguageModel) -> str:
    origin = {
        "hub": "from the Hugging Face Hub",
        "cache": "from the local cache",
        "bundled": "bundled",
        "folder": "from a local folder",
    }[model.source]
    return f"{plain(model.name)} · {model.n_layers} × {model.n_heads} heads · {origin}"
