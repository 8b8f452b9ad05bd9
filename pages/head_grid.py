import streamlit as st

from attn_core import ui
from attn_core.heads import head_label

with ui.first_screen():
    ui.show_question(
        "What is every head doing?",
        "Rows are layers, columns are heads. In each thumbnail, query tokens run down and the keys they attend to run "
        "across. Click one to see its lines. A strong left edge: the head attends to the first token. Shading is the "
        "square root of the weight, so faint links stay visible. L7H11 is layer 7, head 11, counted from 0.",
    )
    trace = ui.trace_in_view()
    layer, head = ui.chosen_head(trace.attention, ui.suggested_head(trace))
    with ui.toolbar("grid"):
        finder_place = ui.in_toolbar("finder")
        ui.pick_head(trace.attention, (layer, head))
        query_place = ui.in_toolbar("query")
        view = ui.pick_view_options(trace, head=(layer, head))
        shown = view.of(trace)
        with finder_place:
            found = ui.find_heads(trace, view)
        with query_place:
            query = ui.pick_query(shown, key="query") if found.query is None else found.query

    source = ui.origin(trace, how=view)
    every_head, one_head = ui.panels([9, 12])
    with one_head:  # first, for a click changes this panel
        last = shown.n_tokens - 1 if query is None else query
        sentence = ui.strongest_link(shown, layer, head, last, view=view)
        ui.show_lines(
            shown,
            layer,
            head,
            title=f"**{head_label((layer, head))}** · {sentence} {ui.head_pattern(trace, layer, head)}",
            query=query,
            source=source,
            key="query" if found.query is None else "link_query",
        )
    with every_head:
        ui.show_grid(
            shown,
            (layer, head),
            title=found.sentence,
            source=source,
            labels=found.labels,
            evidence=found.evidence,
            heads=found.heads,
            ranked=found.ranked,
        )
    with ui.notes():
        ui.quiet_note(ui.note_on_view(shown, layer, head))
        ui.quiet_note(ui.note_on_links(shown, [(layer, head)], query))
        if found.query is not None:
            ui.quiet_note(ui.note_on_hidden(view))

if not ui.figures_only():
    st.header("All scores")
    st.markdown(ui.head_counts(trace))
    st.markdown(
        "Click a row to open that head. *Score*, *share* and *queries* are what its label rests on: the mean weight "
        "over so many query tokens, and the same as a part of what these tokens do not put on the first token. Then "
        "come all scores, with the number of their queries in parentheses."
    )
    ui.show_head_table(found)
