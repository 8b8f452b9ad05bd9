import streamlit as st

from attn_core import ui
from attn_core.heads import head_label

with ui.first_screen():
    ui.show_question(
        "What is every head doing?",
        "Rows are layers, columns are heads. In each thumbnail, query tokens run down and the keys they attend to "
        "run across. Click one to see its lines. A strong left edge: the head attends to the first token. Shading "
        "is the square root of the weight, so faint links stay visible. L7H11 is layer 7, head 11, counted from 0.",
    )
    trace = ui.load_trace()
    layer, head = ui.resolve_head(trace.attention, ui.suggest_head(trace))
    with ui.toolbar("grid"):
        search_container = ui.reserve_in_toolbar("finder")
        ui.pick_head(trace.attention, (layer, head))
        query_container = ui.reserve_in_toolbar("query")
        view = ui.pick_view_options(trace, head=(layer, head))
        shown = view.apply(trace)
        with search_container:
            search = ui.pick_heads(trace, view)
        with query_container:
            query = ui.pick_query(shown, key="query") if search.query is None else search.query

    source = ui.describe_source(trace, view_options=view)
    every_head, one_head = ui.panels([9, 12])
    with one_head:  # first, because a click changes this panel
        described_query = shown.n_tokens - 1 if query is None else query
        sentence = ui.describe_strongest_link(shown, layer, head, described_query, view=view)
        ui.show_lines(
            shown,
            layer,
            head,
            title=f"**{head_label((layer, head))}** · {sentence} {ui.describe_pattern(trace, layer, head)}",
            query=query,
            source=source,
            key="query" if search.query is None else "link_query",
        )
    with every_head:
        ui.show_grid(
            shown,
            (layer, head),
            title=search.sentence,
            source=source,
            labels=search.labels,
            evidence=search.evidence,
            heads=search.heads,
            ranked=search.ranked,
        )
    with ui.notes():
        ui.show_note(ui.describe_figure(shown, layer, head))
        ui.show_note(ui.describe_hidden_links(shown, [(layer, head)], query))
        if search.query is not None:
            ui.show_note(ui.describe_rescaling(view))

if not ui.is_figures_only():
    st.header("All scores")
    st.markdown(ui.describe_head_counts(trace))
    st.markdown(
        "Click a row to open that head. *Score*, *share* and *queries* are what its label rests on: the mean "
        "weight over so many query tokens, and the same as a part of what these tokens do not put on the first "
        "token. Then come all scores, with the number of their queries in parentheses."
    )
    ui.show_head_table(search)
