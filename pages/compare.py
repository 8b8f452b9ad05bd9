import streamlit as st

from attn_core import charts, ui

ui.title(
    "Compare",
    "Two prompts under the same head. What does it look at from the last word, and what comes next? "
    "A preacher whose *son* is Jesse Vig shares his surname; one whose *colleague* he is does not.",
)

a, b = ui.two_traces()
with st.container(horizontal=True, vertical_alignment="bottom"):
    layer, head = ui.head_picker(a.attention, ui.suggested_head_for_two(a, b))
    ui.head_switch(layer, head)
    weighed = ui.weighing_switch(*(trace.value_norms for trace in (a, b) if trace is not None))
if b is None:
    st.info("Open a second recording to set it beside this one.", icon=":material/compare:")

for column, name, trace, key in zip(st.columns(2, gap="large"), "AB", (a, b), ("query_a", "query_b"), strict=True):
    if trace is None:
        continue
    with column:
        st.subheader(f"{name}: layer {layer}, head {head}")
        last = trace.n_tokens - 1
        view = ui.view_of(trace, weighed=weighed)
        st.markdown(ui.strongest_link(view, layer, head, last, weighed=weighed))
        ui.lines(view, layer, head, query=ui.chosen_query(view, key, default=last), key=key)
        ui.word_piece_note(trace)

st.subheader("What comes next")
if b is not None and a.prediction is not None and b.prediction is not None:
    st.altair_chart(charts.paired_probabilities(a.prediction, b.prediction))
else:
    st.caption("A recording without next-word probabilities is open, so there is nothing to show here.")
