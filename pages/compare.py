import streamlit as st

from attn_core import ui

ui.title(
    "Compare",
    "Two prompts, and which heads look elsewhere because of the difference. "
    "A preacher whose *son* is Jesse Vig shares his surname; one whose *colleague* he is does not.",
)

a, b = ui.two_traces()
if b is None:
    st.info("Open a second recording to set it beside this one.", icon=":material/compare:")
    how = ui.view_switches(a)
    view = how.of(a)
    with st.container(horizontal=True):
        layer, head = ui.head_picker(a.attention, ui.suggested_head(a))
        query = ui.query_picker(view, key="query", default=view.n_tokens - 1)
    ui.lines(view, layer, head, query=query, of=ui.origin(a, how=how), key="query")
    ui.nothing_left_note(view, layer, head)
    ui.word_piece_note(view)
    st.stop()

ui.marked_prompts(a, b)
with st.container(horizontal=True, vertical_alignment="bottom"):
    how = ui.view_switches(a, b)

st.header("Which heads look elsewhere?")
with st.container(horizontal=True, vertical_alignment="bottom"):
    moved = ui.comparison(how.measured(a), how.measured(b))
    word = ui.ranking_picker(moved)
with st.container(horizontal=True, vertical_alignment="bottom"):
    suggested = ui.most_moved_head(a, moved, word)
    layer, head = ui.head_picker(a.attention, suggested)
    ui.head_switch(layer, head)
overview, furthest = st.columns([5, 4], gap="large")
with overview:
    ui.map_of_change(moved, word, (layer, head), of=ui.origin(a, b, how=how))
with furthest:
    ui.heads_that_moved(moved, word, (layer, head))
ui.hidden_note(how)

ui.two_line_views(moved, a, b, (layer, head), how=how)
ui.change_numbers(moved, (layer, head))

st.header("What comes next")
ui.paired_next_words(a, b)
