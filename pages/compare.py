import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_two_prompts(
        "What changes when the prompt changes?",
        "Change one word and see which heads shift their attention. A preacher's son likely shares his surname; a "
        "colleague need not. L7H11 is layer 7, head 11, counted from 0.",
    )
    a, b = ui.two_traces()
    if b is None:
        ui.show_one_of_two(a)
        st.stop()

    with ui.toolbar("compare"):
        head_place, words_place = ui.in_toolbar("head"), ui.in_toolbar("words")
        menu = ui.view_menu()
        view = ui.pick_view_options(a, b, menu=menu)
        with words_place:
            moved = ui.pick_comparison(view.measured(a), view.measured(b))
            word = ui.pick_ranking(moved)
        layer, head = ui.chosen_head(a.attention, ui.most_shifted_head(a, moved, word))
        with head_place:
            ui.pick_head(a.attention, (layer, head))
        with menu:
            ui.head_switch(layer, head)

    left, right, every_head = ui.panels([5, 5, 4], name="panels_three")
    *rows, n_rows = ui.shared_rows(a, b, view)
    sides = zip((left, right), "AB", (a, b), moved.queries, ui.marked_tokens(a, b, view), rows, strict=True)
    for column, letter, whole, query, marks, row in sides:
        with column:
            ui.show_side(
                moved, letter, whole, (layer, head), view=view, query=query, marks=marks, rows=row, n_rows=n_rows
            )
    with every_head:
        ui.show_shift(moved, word, (layer, head), source=ui.origin(a, b, how=view))
        with ui.ranked_heads():
            ui.pick_shifted_head(moved, word, (layer, head))
    with ui.notes():
        ui.quiet_note(ui.difference_note(a, b))
        for note in dict.fromkeys(ui.note_on_view(view.of(whole), layer, head) for whole in (a, b)):
            ui.quiet_note(note)
        ui.quiet_note(ui.note_on_hidden(view))

if not ui.figures_only():
    next_tokens, numbers = st.columns(2, gap="large")
    with next_tokens:
        ui.show_paired_next_tokens(a, b)
    with numbers:
        ui.show_weights_of_both(moved, (layer, head))
