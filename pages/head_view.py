from attn_core import ui
from attn_core.heads import head_label

with ui.first_screen():
    help_text = "Point at a token on the left to see what it attends to. Click to keep it."
    heading = ui.show_question(f"What does {ui.describe_last_head()} do?", help_text)
    trace = ui.load_trace()
    layer, head = ui.resolve_head(trace.attention, ui.suggest_head(trace))
    numbering = f"{head_label((layer, head))} is layer {layer}, head {head}, counted from 0."
    heading.title(f"What does {head_label((layer, head))} do?", help=f"{help_text} {numbering}", anchor=False)
    with ui.toolbar("view"):
        ui.pick_head(trace.attention, (layer, head))
        queries_container = ui.reserve_in_toolbar("queries", width=260)
        kind = ui.pick_summary()
        menu = ui.reserve_view_menu(head=(layer, head))
        view = ui.pick_view_options(trace, head=(layer, head), menu=menu)
        chart = ui.pick_chart()
        with menu:
            averaged = ui.pick_averaged_heads(trace) if kind == "heads" else []
            shown = ui.compute_summary(kind, trace, view, layer, head, averaged)
            has_overlays = chart == "lines" and kind == "head"
            more_heads = ui.pick_more_heads(shown.trace, layer, head) if has_overlays else []
        with queries_container:
            queries = ui.pick_queries(shown.trace, key="view_queries")

    source = ui.describe_source(trace, view_options=view)
    title = shown.title or f"**{head_label((layer, head))}** · {ui.describe_pattern(trace, layer, head)}"
    (column,) = ui.panels([1])
    with column:
        match chart:
            case "lines":
                ui.show_lines(
                    shown.trace,
                    shown.layer,
                    shown.head,
                    title=title,
                    query=queries,
                    source=source,
                    key="view_queries",
                    more_heads=more_heads,
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
        ui.show_note(ui.describe_figure(shown.trace, shown.layer, shown.head))
        if chart == "lines":
            ui.show_note(ui.describe_hidden_links(shown.trace, [(shown.layer, shown.head), *more_heads], queries))
