from attn_core import ui

with ui.first_screen():
    ui.show_question(
        "How GPT-2 chooses its next word",
        "To predict the next word, GPT-2 looks back at the words before it. Each *attention head* does so in its "
        "own way.\n\n**How to read it.** Lines run from a *query* token (left) to the *keys* it attends to "
        "(right); thicker means a larger weight. The model never looks ahead. The last token's lines feed the "
        "next-word prediction. Point at a token to see only its lines. L7H11 means layer 7, head 11, "
        "counted from 0.\n\n"
        "Based on Jesse Vig's article *OpenAI GPT-2: Understanding Language Generation through Visualization*.",
    )
    trace = ui.load_trace()
    layer, head = ui.resolve_head(trace.attention, ui.suggest_head(trace))
    with ui.toolbar("home"):
        ui.pick_head(trace.attention, (layer, head))
        query_container = ui.reserve_in_toolbar("query")
        view = ui.pick_view_options(trace, head=(layer, head))
        shown = view.apply(trace)
        with query_container:
            query = ui.pick_query(shown, key="home_query", default=ui.suggest_query(shown))

    source = ui.describe_source(trace, view_options=view)
    described_query = shown.n_tokens - 1 if query is None else query
    looks_back, in_many_ways, *predicts = ui.panels([6, 7, 4] if trace.prediction else [6, 7], name="panels_three")
    with looks_back:
        sentence = ui.describe_strongest_link(shown, layer, head, described_query, view=view)
        ui.show_lines(
            shown, layer, head, title=f"**It looks back.** {sentence}", query=query, source=source, key="home_query"
        )
    with in_many_ways:
        ui.show_grid(
            shown,
            (layer, head),
            title=f"**In {trace.n_layers * trace.n_heads} ways at once.** Each square is a head. Click one.",
            source=source,
        )
    if predicts:
        with predicts[0]:
            ui.show_next_tokens(
                trace.prediction,
                title=f"**It predicts the next word:** {ui.describe_prediction(trace.prediction)}",
                source=source,
            )
    with ui.notes():
        if not predicts:
            ui.show_note("This recording has no next-token probabilities.")
        ui.show_note(ui.describe_figure(shown, layer, head))
        ui.show_note(ui.describe_hidden_links(shown, [(layer, head)], query))
