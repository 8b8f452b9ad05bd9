import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_question(
        "Does the name change what comes next?",
        "One sentence, many names: compare how probable chosen words are after each. Differences are measured; "
        "their cause is not.",
        prompt=None,
        recorded=False,
    )
    model = ui.load_chosen_model()
    form, chart = ui.panels([5, 10])
    with form:
        probe = ui.pick_name_probe(model)
    if probe is None:
        st.stop()
    with chart:
        ui.show_names(probe)
    with ui.notes():
        ui.show_note(ui.describe_unused_recording("This page needs a model, so it uses the sentence."))

if not ui.is_figures_only():
    st.warning(ui.describe_limits(probe), icon=":material/balance:")
    ui.show_name_tables(probe)
