import streamlit as st

from attn_core import ui

with ui.first_screen():
    ui.show_question(
        "Why this word?",
        "The model continues the prompt one token at a time. Click a token to see its alternatives, the heads that "
        "raised its logit, and what changes when they are off.",
        recorded=False,
    )
    prompt = ui.get_prompt()
    model = ui.load_chosen_model()
    ui.show_repeated_start_token(model, prompt)
    with ui.toolbar("generate"):
        button_container = ui.reserve_in_toolbar("button")
        settings = ui.pick_settings()
        step_container, head_container = ui.reserve_in_toolbar("steps_of_text"), ui.reserve_in_toolbar("head")
    growing_text = st.container(key="growing")
    with button_container:
        run = ui.pick_generated_text(model, prompt, settings, growing_text)
        ui.show_outdated_badge(run, model, prompt)
    ui.show_text_download(model, prompt, run)

    chosen = ui.get_chosen_step(run)
    ui.show_tokens(run, chosen=chosen)
    if not run.steps:
        st.stop()
    with step_container:
        ui.pick_step(run, chosen)
    step, context = run.steps[chosen], ui.compute_context(model, run, chosen)
    source = ui.describe_token_source(run, chosen)
    alternatives, every_head, attended = ui.panels([4, 6, 6], name="panels_three")
    with alternatives:
        word = ui.quote_token(step.token)
        ui.show_next_tokens(
            step.alternatives, title=f"**Alternatives** to {word}", source=source, chosen=step.token_id
        )
    if context is None:
        st.stop()
    with head_container:
        effect, contrast = ui.pick_effect(context)
        effects = ui.compute_attribution(context, contrast)
        layer, head = ui.resolve_head(step.attention, ui.find_strongest_head(context, effects))
        ui.pick_head(step.attention, (layer, head), keys=False)
        view = ui.pick_row_options(context.value_norms)
        ui.add_ranked_head_keys(effects, (layer, head))
    changes = None
    with every_head:
        if effect == "added":
            ui.show_effects(context, effects, (layer, head))
        else:
            changes = ui.show_scan(context, (layer, head))
    with attended:
        ui.show_attended(context, (layer, head), effects, view)
    with ui.notes():
        ui.show_note(ui.describe_text(run))
        ui.show_note(ui.describe_unused_recording("Generating needs a model, so this page uses the prompt."))

if not ui.is_figures_only():
    match ui.pick_details():
        case "layers":
            ui.show_lens(context)
        case "heads" if effect == "added":
            ui.pick_strong_head(context, effects, (layer, head))
        case "heads":
            ui.pick_needed_head(context, changes, (layer, head))
        case "off":
            switches, texts = st.columns([1, 2], gap="large")
            with switches:
                ui.pick_heads_off(context, effects, (layer, head))
                second = ui.pick_regenerated_text(model, run)
            if second is not None:
                with texts:
                    ui.show_two_texts(run, second)
