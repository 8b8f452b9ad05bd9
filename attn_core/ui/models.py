"""Loading the chosen model, with its progress, and what stands in when it can't be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attn_core import limits
from attn_core.errors import ModelUnavailable
from attn_core.loading import Loadings
from attn_core.offer import check_offered
from attn_core.ui.state import plain
from attn_core.ui.switches import badge

if TYPE_CHECKING:
    from attn_core.model import LanguageModel


loads = Loadings()


def language_model() -> LanguageModel:
    """The chosen model, or `mini` with a banner that says why; the page stops if neither can be had."""
    name = st.session_state.model.strip()
    result = _watch(name)
    if isinstance(result, ModelUnavailable):
        if name != "mini":
            _explain(name, result)
            result = _watch("mini")
        if isinstance(result, ModelUnavailable):
            st.error(plain(str(result)), icon=":material/error:")
            st.stop()
    st.session_state.model_status.caption(_describe(result))
    badge(result)
    return result


def _watch(name: str) -> LanguageModel | ModelUnavailable:
    place = st.empty()  # always, so that what follows keeps its place on the page
    try:
        check_offered(name, limits.MODELS, limits.MODEL_ROOT)
    except ModelUnavailable as unavailable:
        return unavailable
    loading = loads.of(name)
    if not loading.wait(0.3):
        while not loading.wait(0.2):
            progress = loading.progress
            text = plain(progress.message.removesuffix("…")) + "…"
            if progress.fraction is None:
                place.info(text, icon=":material/hourglass_top:")
            else:
                place.progress(min(max(progress.fraction, 0.0), 1.0), text=text)
        place.empty()
    try:
        return loading.result()
    except RuntimeError:
        loads.forget(loading)  # so that the next visit tries again
        raise


def _explain(name: str, unavailable: ModelUnavailable) -> None:
    with st.container(border=True, key="model_banner"):
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.markdown(
            f":material/cloud_off: **{plain(unavailable.name)} is not available**, "
            "so this is **mini**, the small model that comes with the dashboard.",
        )
        words.caption(plain(f"{unavailable.what} {unavailable.why} {unavailable.remedy}"))
        if not unavailable.lasting and button.button("Try again", key="try_again", width="stretch"):
            loading = loads.of(name)
            if loading.failed:  # else another visitor tries already
                loads.forget(loading)
            st.rerun()


def _describe(model: LanguageModel) -> str:
    origin = {
        "hub": "loaded from the Hugging Face Hub",
        "cache": "loaded from the local cache",
        "bundled": "bundled with the dashboard",
        "folder": "loaded from a local folder",
    }[model.source]
    return f"{plain(model.name)}: {origin}, {model.n_layers} layers × {model.n_heads} heads"
