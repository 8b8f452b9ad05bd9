import streamlit as st

from attn_core import charts, ui

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
    ui.lines(view, layer, head, query=ui.chosen_query(view, "query", default=view.n_tokens - 1), key="query")
    ui.nothing_left_note(view, layer, head)
    ui.word_piece_note(view)
    st.stop()

ui.marked_prompts(a, b)
with st.container(horizontal=True, vertical_alignment="bottom"):
    how = ui.view_switches(a, b)
view_a, view_b = how.of(a), how.of(b)

st.subheader("Which heads look elsewhere?")
with st.container(horizontal=True, vertical_alignment="bottom"):
    moved = ui.comparison(how.measured(a), how.measured(b))
    word = ui.ranking_picker(moved)
with st.container(horizontal=True, vertical_alignment="bottom"):
    suggested = ui.most_moved_head(a, moved, word)
    layer, head = ui.head_picker(a.attention, suggested)
    ui.head_switch(layer, head)
overview, furthest = st.columns([5, 4], gap="large")
with overview:
    ui.map_of_change(moved, word, (layer, head))
with furthest:
    ui.heads_that_moved(moved, word, (layer, head))
ui.hidden_note(how)

ui.two_line_views(moved, view_a, view_b, (layer, head), how=how)
ui.change_numbers(moved, (layer, head))

st.subheader("What comes next")
if a.prediction is not None and b.prediction is not None:
    st.markdown("The next words whose probability differs most.")
    st.altair_chart(charts.paired_probabilities(a.prediction, b.prediction))
else:
    st.caption("A recording without next-word probabilities is open, so there is nothing to show here.")
