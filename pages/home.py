import streamlit as st

from attn_core import ui

ui.title(
    "How GPT-2 chooses its words",
    "To guess the next word, GPT-2 looks back at the words before it. Each of its *attention heads* looks "
    "in its own way: one at the previous word, one at a verb's subject, one at a surname it has read, and "
    "many at nothing in particular. Here you see every one of them, on a sentence of your own.",
)

trace = ui.trace_in_view()
with st.container(horizontal=True):
    how = ui.view_switches(trace)
view = how.of(trace)
last = view.n_tokens - 1
figure, places = st.columns([3, 2], gap="large")

with figure:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer, head = ui.head_picker(trace.attention, ui.suggested_head(trace))
        query = ui.query_picker(view, key="home_query", default=last)
    st.markdown(ui.strongest_link(view, layer, head, last, how=how))
    ui.lines(view, layer, head, query=query, of=ui.origin(trace, how=how), key="home_query")
    ui.nothing_left_note(view, layer, head)
    ui.word_piece_note(view)

with places:
    st.header("Where to go")
    st.page_link("pages/tour.py", label="**Tour**: the article's story in eight steps", icon=":material/route:")
    st.page_link(
        "pages/head_grid.py", label="**Head grid**: all heads at once; click one", icon=":material/grid_on:"
    )
    st.page_link("pages/head_view.py", label="**Head view**: one head, large", icon=":material/polyline:")
    st.page_link(
        "pages/generate.py",
        label="**Generate**: which heads made this word?",
        icon=":material/edit_note:",
    )
    st.page_link(
        "pages/compare.py", label="**Compare**: “son of” against “colleague of”", icon=":material/compare:"
    )
    st.page_link("pages/names.py", label="**Many names**: up to 200 in one sentence", icon=":material/groups:")
    st.markdown(
        "**How to read the lines.** On the left is the word GPT-2 stands on, the *query*; on the right are "
        "the words it can look at, the *keys*. The thicker the line, the more it looks. It never looks "
        "ahead, and the last word's lines are the ones used to guess the next word. "
        "Point at a word on the left to see its lines."
    )
    st.caption(
        "After Jesse Vig's article *OpenAI GPT-2: Understanding Language Generation through Visualization*. "
        "Layers and heads are counted from zero."
    )
