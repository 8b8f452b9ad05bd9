import streamlit as st

from attn_core import ui

ui.title(
    "Generate",
    "GPT-2 writes one token at a time. The stronger a token's shade, the surer it was. **Click a token** to see "
    "what else it could have been, which heads made it, and what becomes of it without them.",
)

if st.session_state.recording is not None:
    st.caption("A recording is open on the other pages. Writing needs a model, so this page uses the prompt.")
prompt = ui.prompt_box()
settings = ui.generation_settings()
model = ui.language_model()
ui.start_note(model, prompt)
run = ui.generation(model, prompt, settings)
ui.offer_text(model, prompt, run)
if run is None:
    st.info("Press **Generate** to let it write on from the prompt.", icon=":material/edit_note:")
    st.stop()

chosen = ui.chosen_step(run)
ui.token_row(run, chosen=chosen)
ui.generation_note(run, model, prompt)
if not run.steps:
    st.stop()

step = run.steps[chosen]
moment = ui.moment(model, run, chosen)
alternatives, layers = st.columns(2, gap="large")
with alternatives:
    st.header("What else it could have been")
    ui.next_words(step.alternatives, of=ui.origin_of_token(run, chosen), chosen=step.token_id)
if moment is None:
    st.stop()
with layers:
    st.header("Layer by layer")
    ui.lens(moment)

st.header(f"Which heads made {moment.word}?")
with st.container(horizontal=True, vertical_alignment="bottom"):
    question = ui.question_picker()
    foil = ui.foil_picker(moment) if question == "added" else None
pushed = ui.attribution(moment, foil)
layer, head = ui.settled_head(step.attention, ui.strongest_head(moment, pushed))
overview, strongest = st.columns([5, 4], gap="large")
changes = None
with overview:
    if question == "added":
        ui.contributions(moment, pushed, (layer, head))
    else:
        changes = ui.scan(moment, (layer, head))
with strongest:
    if changes is None:
        ui.heads_that_pushed(moment, pushed, (layer, head))
    else:
        ui.heads_that_are_missed(moment, changes, (layer, head))

looks, switches = st.columns(2, gap="large")
with looks:
    st.header("Where it looked")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer, head = ui.head_picker(step.attention, (layer, head))
    with st.container(horizontal=True):
        weighed, hide_first = ui.weighing_switch(moment.value_norms), ui.hiding_switch()
    row = ui.row_of(moment, (layer, head), weighed=weighed, hide_first=hide_first)
    of = ui.origin_of_token(run, chosen, weighed=weighed, hide_first=hide_first)
    ui.draw_row(run.tokens_before(chosen), row, of=of, name=f"layer {layer} head {head}")
    ui.nothing_left_in_row_note(row)
with switches:
    st.header("What if heads were off?")
    ui.switches(moment, pushed, (layer, head))
    again = ui.generation_again(model, run)

if again is not None:
    ui.two_texts(run, again)
