"""The article's story in steps, and the way through it."""

from __future__ import annotations

from typing import cast

import streamlit as st

from attn_core.ui import tour_steps
from attn_core.ui.presenting import presenting
from attn_core.ui.state import TOUR_STEPS

STEPS = (
    ("A verb finds its subject", tour_steps.a_verb_finds_its_subject),
    ("144 ways of looking", tour_steps.many_ways_of_looking),
    ("Always the word before", tour_steps.always_the_word_before),
    ("Nothing found", tour_steps.nothing_found),
    ("The items of a list", tour_steps.items_of_a_list),
    ("A life for any name", tour_steps.a_life_for_any_name),
    ("Son or colleague", tour_steps.son_or_colleague),
    ("What a name brings along", tour_steps.what_a_name_brings_along),
)


def tour() -> None:
    """The step that the visitor is at, and the buttons that go back and on."""
    step = cast(int, st.session_state.step)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            on_click=_go_to,
            args=(step - 1,),
            disabled=step == 1,
            icon=":material/arrow_back:",
            shortcut="PageUp" if presenting() else None,
        )
        st.button(
            "Next",
            on_click=_go_to,
            args=(step + 1,),
            disabled=step == TOUR_STEPS,
            type="primary",
            icon=":material/arrow_forward:",
            shortcut="PageDown" if presenting() else None,
        )
        st.session_state.step_box = step
        st.segmented_control(
            "Step",
            range(1, TOUR_STEPS + 1),
            key="step_box",
            required=True,
            label_visibility="collapsed",
            on_change=_jump,
        )
    title, show = STEPS[step - 1]
    st.header(f"{step}. {title}")
    show()


def _go_to(step: int) -> None:
    st.session_state.step, st.session_state.tour_head = step, None


def _jump() -> None:
    _go_to(st.session_state.step_box)
