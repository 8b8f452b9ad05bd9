from attn_core import ui
from attn_core.heads import head_label

with ui.first_screen():
    help_text = "Point at a token on the left to see what it attends to. Click to keep it."
    heading = ui.show_question(f"What does {ui.last_head()} do?", help_text)
    trace = ui.trace_in_view()
    layer, head = ui.chosen_head(trace.attention, ui.suggested_head(trace))
    counted = f"{head_label((layer, head))} is layer {layer}, head {head}, counted from 0."
    heading.title(f"What does {head_label((layer, head))} do?", help=f"{help_text} {counted}", anchor=False)
    with ui.toolbar("view"):
        ui.pick_head(trace.attention, (layer, head))
        queries_place = ui.in_toolbar("queries", width=260)
        kind = ui.pick_summary()
        menu = ui.view_menu(head=(layer, head))
        view = ui.pick_view_options(trace, head=(layer, head), menu=menu)
        drawn_as = ui.pick_view()
        with menu:
            averaged = ui.pick_averaged_heads(trace) if kind == "heads" else []
            shown = ui.summary(kind, trace, view, layer, head, averaged)
            overlays = drawn_as == "lines" and kind == "head"
            others = ui.pick_more_heads(shown.trace, layer, head) if overlays else []
        with queries_place:
            queries = ui.pick_queries(shown.trace, key="view_queries")

    source = ui.origin(trace, how=view)
    title = shown.said or f"**{head_label((layer, head))}** · {ui.head_pattern(trace, layer, head)}"
    (only,) = ui.panels([1])
    with only:
        match drawn_as:
            case "lines":
                ui.show_lines(
                    shown.trace,
                    shown.layer,
                    shown.head,
                    title=title,
                    query=queries,
                    source=source,
                    key="view_queries",
                    more_heads=others,
                    name=shown.name,
                )
            case "matrix":
                ui.show_matrix(
                    shown.trace,
                    shown.layer,
                    shown.head,
                    title=f"{title} Color is the square root of the weight, so faint links stay visible.",
                    source=source,
                    query=queries,
                    name=shown.name,
                )
            case "table":
                ui.show_weights_table(shown.trace, shown.layer, shown.head, queries, title=title)
    with ui.notes():
        ui.quiet_note(ui.note_on_view(shown.trace, shown.layer, shown.head))
        if drawn_as == "lines":
            ui.quiet_note(ui.note_on_links(shown.trace, [(shown.layer, shown.head), *others], queries))
