import streamlit as st

from attn_core import ui

ui.title(
    "Head grid",
    "Every attention head at once: rows are layers, columns are heads. In each thumbnail the words run "
    "down (where GPT-2 stands) and across (where it looks). **Click one to see its lines.** "
    "A strong left edge means the head looks at the first word: it found nothing.",
)

trace = ui.trace_in_view()
overview, one_head = st.columns([5, 4], gap="medium")

with one_head:
    with st.container(horizontal=True):
        layer, head = ui.head_picker(trace.attention, ui.suggested_head(trace))
        query = ui.query_picker(trace, key="query")
    with st.container(horizontal=True):
        ui.head_switch(layer, head)
        weighed = ui.weighing_switch(trace.value_norms)
    view = ui.view_of(trace, weighed=weighed)
    st.subheader(f"Layer {layer}, head {head}")
    last = trace.n_tokens - 1
    st.markdown(ui.strongest_link(view, layer, head, last if query is None else query, weighed=weighed))
    st.markdown(ui.head_deed(trace, layer, head))
    ui.lines(view, layer, head, query=query, key="query")
    ui.word_piece_note(trace)

with overview:
    ui.grid(view, (layer, head))
    st.markdown(ui.head_counts(trace))
    st.caption("The colour is the square root of the attention, so that faint links show too.")
