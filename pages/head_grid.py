import streamlit as st

from attn_core import ui

ui.title(
    "Head grid",
    "Every attention head at once: rows are layers, columns are heads. In each thumbnail the words run "
    "down (where GPT-2 stands) and across (where it looks). **Click one to see its lines.** "
    "A strong left edge means the head looks at the first word: it found nothing.",
)

trace = ui.trace_in_view()
with st.container(horizontal=True):
    how = ui.view_switches(trace)
view = how.of(trace)
of = ui.origin(trace, how=how)
found = ui.head_finder(trace, how)
overview, one_head = st.columns([5, 4], gap="medium")

with one_head:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer, head = ui.head_picker(trace.attention, ui.suggested_head(trace))
        query = ui.query_picker(view, key="query") if found.query is None else found.query
        ui.head_switch(layer, head)
    st.header(f"Layer {layer}, head {head}")
    last = view.n_tokens - 1
    st.markdown(ui.strongest_link(view, layer, head, last if query is None else query, how=how))
    st.markdown(ui.head_deed(trace, layer, head))
    ui.lines(view, layer, head, query=query, of=of, key="query" if found.query is None else "link_query")
    ui.nothing_left_note(view, layer, head)
    ui.word_piece_note(view)

with overview:
    st.markdown(found.sentence)
    if found.query is not None:
        ui.hidden_note(how)
    ui.grid(
        view,
        (layer, head),
        of=of,
        labels=found.labels,
        evidence=found.evidence,
        heads=found.heads,
        ranked=found.ranked,
    )
    st.caption("The shade is the square root of the attention, so that faint links show too.")

st.header("What every head does, in numbers")
st.markdown(
    "Click a row to open that head. *Score*, *share* and *queries* are what its label rests on: the mean weight "
    "over so many query tokens, and the same as a part of what these tokens do not put on the first token. Then "
    "come all scores, with the number of their queries in parentheses."
)
ui.head_table(found)
