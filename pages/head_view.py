import streamlit as st

from attn_core import ui

ui.title(
    "Head view",
    "One head, large. Point at a word on the left to see where GPT-2 looks from there; click to keep it.",
)

whole = ui.trace_in_view()
with st.container(horizontal=True, vertical_alignment="bottom"):
    layer, head = ui.head_picker(whole.attention, ui.suggested_head(whole))
    view = st.segmented_control(
        "View",
        ["Lines", "Matrix", "Table"],
        default="Lines",
        required=True,
        key="view",
        persist_state="session",
    )
    query_place = st.empty()
with st.container(horizontal=True):
    ui.head_switch(layer, head)
    weighed = ui.weighing_switch(whole.value_norms)
    words = st.toggle("Join word pieces", key="words", persist_state="session")
    hide_first = st.toggle(
        "Hide the first word",
        key="hide_first",
        persist_state="session",
        help="Many heads rest on the first word when they find nothing. Hidden, the rest is scaled up to 1.",
    )
st.markdown(ui.head_deed(whole, layer, head))
trace = ui.view_of(whole, weighed=weighed, words=words, hide_first=hide_first)
with query_place:
    query = ui.query_picker(trace, key="view_query")

match view:
    case "Lines":
        others = ui.more_heads(trace, layer, head)
        ui.lines(trace, layer, head, query=query, key="view_query", more_heads=others)
    case "Matrix":
        ui.matrix(trace, layer, head, query=query)
    case "Table":
        ui.weights_table(trace, layer, head, query)
ui.nothing_left_note(trace, layer, head)
ui.word_piece_note(trace)
