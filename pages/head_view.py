import streamlit as st

from attn_core import ui

ui.title(
    "Head view",
    "One head, large. Point at a word on the left to see where GPT-2 looks from there; click to keep it.",
)

whole = ui.trace_in_view()
with st.container(horizontal=True, vertical_alignment="bottom"):
    layer, head = ui.head_picker(whole.attention, ui.suggested_head(whole))
    kind = ui.summary_picker()
    view = ui.view_picker()
with st.container(horizontal=True):
    ui.head_switch(layer, head)
    how = ui.view_switches(whole)
shown = ui.summary(kind, whole, how, layer, head)
of = ui.origin(whole, how=how)
if shown.name is None:
    st.markdown(ui.head_deed(whole, layer, head))
from_words, over_it = st.columns(2)
with from_words:
    queries = ui.queries_picker(shown.trace, key="view_queries")

match view:
    case "lines":
        with over_it:
            others = ui.more_heads(shown.trace, layer, head) if shown.name is None else []
        ui.lines_of_words(
            shown.trace,
            shown.layer,
            shown.head,
            queries=queries,
            of=of,
            key="view_queries",
            more_heads=others,
            name=shown.name,
        )
    case "matrix":
        ui.matrix(shown.trace, shown.layer, shown.head, of=of, query=queries, name=shown.name)
    case "table":
        ui.weights_table(shown.trace, shown.layer, shown.head, queries)
ui.nothing_left_note(shown.trace, shown.layer, shown.head)
ui.word_piece_note(shown.trace)
