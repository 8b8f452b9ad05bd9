import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_question(
        "Why this word?",
        "The model continues the prompt one token at a time. Click a token to see its alternatives, the heads that "
        "raised its logit, and what changes when they are off.",
        recorded=False,
    )
    prompt = st.session_state.prompt
    model = ui.language_model()
    ui.start_note(model, prompt)
    with ui.toolbar("generate"):
        button_place = ui.in_toolbar("button")
        settings = ui.pick_settings()
        step_place, head_place = ui.in_toolbar("steps_of_text"), ui.in_toolbar("head")
    growing = st.container(key="growing")
    with button_place:
        run = ui.generation(model, prompt, settings, growing)
        ui.note_on_change(run, model, prompt)
    ui.offer_text(model, prompt, run)

    chosen = ui.chosen_step(run)
    ui.show_tokens(run, chosen=chosen)
    if not run.steps:
        st.stop()
    with step_place:
        ui.pick_step(run, chosen)
    step, context = run.steps[chosen], ui.moment(model, run, chosen)
    source = ui.origin_of_token(run, chosen)
    alternatives, every_head, attended = ui.panels([4, 6, 6], name="panels_three")
    with alternatives:
        word = ui.quoted(step.token)
        ui.show_next_tokens(
            step.alternatives, title=f"**Alternatives** to {word}", source=source, chosen=step.token_id
        )
    if context is None:
        st.stop()
    with head_place:
        question, contrast = ui.pick_effect(context)
        effects = ui.attribution(context, contrast)
        layer, head = ui.chosen_head(step.attention, ui.strongest_head(context, effects))
        ui.pick_head(step.attention, (layer, head), keys=False)
        view = ui.pick_row_options(context.value_norms)
        ui.add_ranked_head_keys(effects, (layer, head))
    changes = None
    with every_head:
        if question == "added":
            ui.show_effects(context, effects, (layer, head))
        else:
            changes = ui.show_scan(context, (layer, head))
    with attended:
        ui.show_what_it_attended_to(context, (layer, head), effects, view)
    with ui.notes():
        ui.quiet_note(ui.note_on_text(run))
        if st.session_state.recording is not None:
            ui.quiet_note(
                "A recording is open on the other pages. Generating needs a model, so this page uses the prompt."
            )

if not ui.figures_only():
    match ui.pick_details():
        case "layers":
            ui.show_lens(context)
        case "heads" if question == "added":
            ui.pick_strong_head(context, effects, (layer, head))
        case "heads":
            ui.pick_missed_head(context, changes, (layer, head))
        case "off":
            switches, texts = st.columns([1, 2], gap="large")
            with switches:
                ui.pick_heads_off(context, effects, (layer, head))
                again = ui.generation_again(model, run)
            if again is not None:
                with texts:
                    ui.show_two_texts(run, again)
