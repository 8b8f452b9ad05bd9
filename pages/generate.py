import streamlit as st

from attn_core import charts, ui
from attn_core.patterns import most_telling_head

ui.title(
    "Generate",
    "GPT-2 writes one token at a time. The stronger a token's shade, the surer it was. **Click a token** to "
    "see what else it could have been, and where a head looked when it was chosen.",
)

if st.session_state.recording is not None:
    st.caption("A recording is open on the other pages. Writing needs a model, so this page uses the prompt.")
prompt = ui.prompt_box()
settings = ui.generation_settings()
model = ui.language_model()
run = ui.generation(model, prompt, settings)
ui.offer_text(model, prompt if run is None else run.text)
if run is None:
    st.info("Press **Generate** to let it write on from the prompt.", icon=":material/edit_note:")
    st.stop()

chosen = ui.chosen_step(run)
ui.token_row(run, chosen=chosen)
ui.generation_note(run, model, prompt)
if not run.steps:
    st.stop()

step = run.steps[chosen]
alternatives, looks = st.columns(2, gap="large")
with alternatives:
    st.subheader("What else it could have been")
    st.altair_chart(charts.probability_bars(step.alternatives, chosen=step.token))
with looks:
    st.subheader("Where the head looked")
    tokens = run.tokens_before(chosen)
    with st.container(horizontal=True):
        layer, head = ui.head_picker(step.attention, most_telling_head(step.attention, tokens))
    chart = charts.row_lines(tokens, step.attention[layer, head], name=f"layer {layer} head {head}")
    with ui.tall(chart):
        st.altair_chart(chart)
