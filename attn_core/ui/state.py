"""What is chosen: kept over pages and in the URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from attn_core import examples, limits

if TYPE_CHECKING:
    from attn_core.charts.style import Theme

MAX_URL_TEXT = 2000  # characters; a longer prompt stays out of the link, which servers would refuse
DEFAULT_MODEL = limits.MODELS[0] if limits.MODELS else "gpt2"
TOUR_STEPS = 8

TOUR_TEXTS = {
    "tour_subject": examples.DOG,
    "tour_grid": examples.DOG,
    "tour_previous": examples.DOG,
    "tour_nothing": examples.DOG,
    "tour_list": examples.KITE,
    "tour_name": examples.NAME,
    "tour_a": examples.SON,
    "tour_b": examples.COLLEAGUE,
}
"""The sentences of the tour, which a visitor can change."""

PICTURES_OF_HEADS = ("grid", "head_table")
"""Pictures in which a click chooses a head."""

_TEXTS_IN_URL = {
    "model": DEFAULT_MODEL,
    "prompt": examples.DOG,
    "prompt_a": examples.SON,
    "prompt_b": examples.COLLEAGUE,
}


def begin() -> None:
    """Take over the URL in the first run of a session; in later ones write the state into it.

    The page stops at a limit of the environment that says nothing usable.
    """
    for problem in limits.PROBLEMS:
        st.error(plain(f"{problem} Correct it and start the dashboard again."), icon=":material/error:")
    if limits.PROBLEMS:
        st.stop()
    if "begun" not in st.session_state:
        st.session_state.begun = True
        st.session_state.notices = []
        st.session_state.setdefault("recording", None)
        st.session_state.head_is_chosen = False
        st.session_state.versions = dict.fromkeys(PICTURES_OF_HEADS, 0)
        for name, default in _TEXTS_IN_URL.items():
            st.session_state[name] = st.query_params.get(name, default)
        for name, default in TOUR_TEXTS.items():
            st.session_state[name] = default
        for name in ("layer", "head"):
            _take_number(name)
        _take_heads_off()
        _take_step()
    _write_url()


def _take_number(name: str) -> None:
    value = st.query_params.get(name)
    if value is None:
        return
    try:
        st.session_state[name] = int(value)
        st.session_state.head_is_chosen = True
    except ValueError:
        st.session_state.notices.append(
            f"The link asks for {name} “{value[:40]}”, which is not a whole number, so the dashboard chose one."
        )


def _take_heads_off() -> None:
    st.session_state.heads_off = ()
    st.session_state.replacement = "mean" if st.query_params.get("replacement") == "mean" else "zero"
    value = st.query_params.get("off", "")
    if not value:
        return
    if re.fullmatch(r"\d{1,3}\.\d{1,3}(,\d{1,3}\.\d{1,3})*", value, re.ASCII):
        pairs = (pair.split(".") for pair in value.split(","))
        st.session_state.heads_off = tuple(sorted({(int(layer), int(head)) for layer, head in pairs}))
    else:
        st.session_state.notices.append(
            f"The link switches off the heads “{value[:40]}”, which are not written like 7.11,5.7, so all are on."
        )


def _take_step() -> None:
    st.session_state.step = 1
    value = st.query_params.get("step")
    if value is None:
        return
    if re.fullmatch(r"\d", value, re.ASCII) and 1 <= int(value) <= TOUR_STEPS:
        st.session_state.step = int(value)
    else:
        st.session_state.notices.append(
            f"The link asks for step “{value[:40]}” of the tour, which has {TOUR_STEPS}, so it begins at the first."
        )


def _write_url() -> None:
    state = {name: st.session_state[name] for name in _TEXTS_IN_URL}
    kept = {name: value for name, value in state.items() if value != _TEXTS_IN_URL[name] and _fits_a_link(value)}
    if st.session_state.head_is_chosen:
        kept |= {name: str(st.session_state[name]) for name in ("layer", "head") if name in st.session_state}
    if st.session_state.heads_off:
        kept["off"] = ",".join(f"{layer}.{head}" for layer, head in st.session_state.heads_off)
        if st.session_state.replacement != "zero":
            kept["replacement"] = st.session_state.replacement
    if st.session_state.step != 1:
        kept["step"] = str(st.session_state.step)
    if st.query_params.to_dict() != kept:
        st.query_params.from_dict(kept)


def _fits_a_link(text: str) -> bool:
    return len(text) <= MAX_URL_TEXT and not any("\ud800" <= character <= "\udfff" for character in text)


def theme() -> Theme:
    """Which background the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def forget_head() -> None:
    """Let the page suggest a head again."""
    st.session_state.head_is_chosen = False
    _renew_pictures()


def choose_head(layer: int, head: int, *, chosen_in: str | None = None) -> None:
    """Show this head from now on.

    Args:
        layer, head: zero-based.
        chosen_in: the one of `PICTURES_OF_HEADS` that was clicked.
    """
    st.session_state.layer, st.session_state.head = layer, head
    st.session_state.head_is_chosen = True
    _renew_pictures(but=chosen_in)


def picture_key(name: str) -> str:
    """Key of one of `PICTURES_OF_HEADS`: another one once a head was chosen elsewhere.

    A picture keeps its own selection, and a click on what it still takes for selected would be no change.
    """
    return f"{name}_{st.session_state.versions[name]}"


def _renew_pictures(*, but: str | None = None) -> None:
    for name in PICTURES_OF_HEADS:
        if name != but:
            st.session_state.versions[name] += 1


def box_of(name: str) -> str:
    """Key of the widget that edits a value of the state.

    Widgets of different pages can't share a key and keep what it holds, so each run fills them from the state.
    """
    key = f"{name}_box"
    st.session_state[key] = st.session_state[name]
    return key


def take_box(name: str) -> None:
    """Take over what was typed into the widget of `box_of`."""
    st.session_state[name] = st.session_state[f"{name}_box"] or ""


def plain(text: str) -> str:
    """Escape what Streamlit's markdown would interpret."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!$:~<>|^" else c for c in text)
    # Addresses turn into links even when escaped, unless something invisible parts them.
    return re.sub(r"(//|@|www)", "\\1\N{ZERO WIDTH SPACE}", escaped)
