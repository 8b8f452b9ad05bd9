import streamlit as st

from attn_core import ui

ui.title(
    "Many names",
    "The same sentence with many names: does the model go on differently after some than after others? "
    "The article noticed that made-up biographies may depend on the sex or origin that a name suggests. "
    "This counts it, for a sentence, names and words of your choice.",
)

if st.session_state.recording is not None:
    st.caption("A recording is open on the other pages. This needs a model, so it uses the sentence below.")
found = ui.name_probe(ui.language_model())
if found is not None:
    ui.name_chart(found)
    ui.name_caution(found)
    ui.name_tables(found)
