import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_question(
        "Does the name change what comes next?",
        "One sentence, many names: compare how probable chosen words are after each. Differences are measured; their "
        "cause is not.",
        prompt=None,
        recorded=False,
    )
    model = ui.language_model()
    form, chart = ui.panels([5, 10])
    with form:
        found = ui.pick_names(model)
    if found is None:
        st.stop()
    with chart:
        ui.show_names(found)
    with ui.notes():
        if st.session_state.recording is not None:
            ui.quiet_note(
                "A recording is open on the other pages. This page needs a model, so it uses the sentence."
            )

if not ui.figures_only():
    st.warning(ui.caution(found), icon=":material/balance:")
    ui.show_name_tables(found)
