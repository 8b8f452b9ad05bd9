import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_two_prompts(
        "What changes when the prompt changes?",
        "Change one word and see which heads shift their attention. A preacher's son likely shares his surname; a "
        "colleague need not. L7H11 is layer 7, head 11, counted from 0.",
    )
    a, b = ui.load_two_traces()
    if b is None:
        ui.show_first_recording(a)
        st.stop()

    with ui.toolbar("compare"):
        head_container, words_container = ui.reserve_in_toolbar("head"), ui.reserve_in_toolbar("words")
        menu = ui.reserve_view_menu()
        view = ui.pick_view_options(a, b, menu=menu)
        with words_container:
            comparison = ui.pick_comparison(view.apply_unscaled(a), view.apply_unscaled(b))
            word = ui.pick_ranking(comparison)
        layer, head = ui.resolve_head(a.attention, ui.find_most_shifted_head(a, comparison, word))
        with head_container:
            ui.pick_head(a.attention, (layer, head))
        with menu:
            ui.pick_head_off(layer, head)

    left, right, every_head = ui.panels([5, 5, 4], name="panels_three")
    *rows, n_rows = ui.align_rows(a, b, view)
    sides = zip(
        (left, right), "AB", (a, b), comparison.queries, ui.find_changed_tokens(a, b, view), rows, strict=True
    )
    for column, letter, trace, query, marks, row in sides:
        with column:
            ui.show_side(
                comparison,
                letter,
                trace,
                (layer, head),
                view=view,
                query=query,
                marks=marks,
                rows=row,
                n_rows=n_rows,
            )
    with every_head:
        ui.show_shift(comparison, word, (layer, head), source=ui.describe_source(a, b, view_options=view))
        with ui.reserve_ranked_heads():
            ui.pick_shifted_head(comparison, word, (layer, head))
    with ui.notes():
        ui.show_note(ui.describe_difference(a, b))
        for note in dict.fromkeys(ui.describe_figure(view.apply(trace), layer, head) for trace in (a, b)):
            ui.show_note(note)
        ui.show_note(ui.describe_rescaling(view))

if not ui.is_figures_only():
    next_tokens, numbers = st.columns(2, gap="large")
    with next_tokens:
        ui.show_paired_next_tokens(a, b)
    with numbers:
        ui.show_weights_of_both(comparison, (layer, head))
