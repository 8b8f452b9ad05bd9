"""The one module that knows Streamlit: cached loading, state in the URL, shared controls."""

from __future__ import annotations

import html
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts, examples
from attn_core.charts.style import Theme
from attn_core.loading import Loading
from attn_core.patterns import DEEDS, LABELS, MIXED, head_scores, most_changed_head, most_telling_head
from attn_core.tables import link_table
from attn_core.tokens import has_word_pieces, join_words, token_label, token_labels
from attn_core.trace import AttentionTrace, InvalidTrace

if TYPE_CHECKING:
    from attn_core.generation import GeneratedText
    from attn_core.model import LanguageModel, ModelUnavailable

MAX_PROMPT_TOKENS = int(os.environ.get("ATTN_MAX_PROMPT_TOKENS", "1024"))
MAX_NEW_TOKENS = int(os.environ.get("ATTN_MAX_NEW_TOKENS", "256"))
MAX_URL_TEXT = 2000  # characters; a longer prompt stays out of the link, which servers would refuse
DEFAULT_MODEL = "gpt2"
MODELS = ("gpt2", "distilgpt2", "mini")

ALL_WORDS = -1  # instead of a token's position

_TEXTS_IN_URL = {
    "model": DEFAULT_MODEL,
    "prompt": examples.DOG,
    "prompt_a": examples.SON,
    "prompt_b": examples.COLLEAGUE,
}
_ROOT = Path(__file__).parent.parent
_STATIC = Path(__file__).parent / "static"


# --- state: what is chosen, kept over pages and in the URL -------------------------------------------------


def begin() -> None:
    """Take over the URL in the first run of a session; in later ones write the state into it."""
    if "begun" not in st.session_state:
        st.session_state.begun = True
        st.session_state.notices = []
        st.session_state.setdefault("recording", None)
        st.session_state.head_is_chosen = False
        st.session_state.grid_version = 0
        for name, default in _TEXTS_IN_URL.items():
            st.session_state[name] = st.query_params.get(name, default)
        for name in ("layer", "head"):
            _take_number(name)
    _write_url()


def _take_number(name: str) -> None:
    value = st.query_params.get(name)
    if value is None:
        return
    try:
        st.session_state[name] = int(value)
        st.session_state.head_is_chosen = True
    except ValueError:
        st.session_state.notices.append(
            f"The link asks for {name} “{value[:40]}”, which is not a whole number, so the dashboard chose one."
        )


def _write_url() -> None:
    state = {name: st.session_state[name] for name in _TEXTS_IN_URL}
    kept = {name: value for name, value in state.items() if value != _TEXTS_IN_URL[name] and _fits_a_link(value)}
    if st.session_state.head_is_chosen:
        kept |= {name: str(st.session_state[name]) for name in ("layer", "head") if name in st.session_state}
    if st.query_params.to_dict() != kept:
        st.query_params.from_dict(kept)


def _fits_a_link(text: str) -> bool:
    return len(text) <= MAX_URL_TEXT and not any("\ud800" <= character <= "\udfff" for character in text)


def theme() -> Theme:
    """Which background the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


# --- sidebar -----------------------------------------------------------------------------------------------


def sidebar(*, examples_fill: str = "prompt") -> None:
    """The controls that every page shares: model, examples, recordings.

    Args:
        examples_fill: the prompt of the state that an example goes to.
    """
    with st.sidebar:
        st.selectbox(
            "Model",
            dict.fromkeys([*MODELS, st.session_state.model]),
            key="model",
            accept_new_options=True,
            persist_state="session",
            on_change=_forget_head,
            help="One of these, another causal language model of the Hugging Face Hub by its id, "
            "or a local folder in transformers' format.",
        )
        st.session_state.model_status = st.empty()
        st.selectbox(
            "Example prompts",
            examples.PROMPTS,
            index=None,
            key="example",
            placeholder="From the article…",
            on_change=_use_example,
            args=(examples_fill,),
        )
        st.file_uploader(
            "Open a recording",
            type="npz",
            key=f"upload_{st.session_state.get('uploads', 0)}",
            on_change=_open_recording,
            help="A trace saved by this dashboard, or any .npz with the arrays `tokens` and `attention`.",
        )
        if st.session_state.get("recording_error"):
            st.error(st.session_state.recording_error, icon=":material/error:")
        st.session_state.save_place = st.container()


def _use_example(name: str) -> None:
    st.session_state[name] = st.session_state.example
    st.session_state.example = None  # so that the same one can be chosen again
    _close_recording()


def _open_recording() -> None:
    upload = st.session_state[f"upload_{st.session_state.get('uploads', 0)}"]
    st.session_state.recording_error = ""
    if upload is None:
        st.session_state.recording = None
        return
    try:
        st.session_state.recording = AttentionTrace.load(upload)
        st.session_state.recording_name = upload.name
        _forget_head()
    except (InvalidTrace, OSError) as error:
        st.session_state.recording = None
        st.session_state.recording_error = f"The file was not opened. {error}"


def _close_recording() -> None:
    st.session_state.recording = None
    st.session_state.recording_error = ""
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1  # a new, empty uploader


def _forget_head() -> None:
    st.session_state.head_is_chosen = False


# --- model -------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=2, show_spinner=False)
def _loading(name: str) -> Loading:
    return Loading(name)


def language_model() -> LanguageModel:
    """The chosen model, or `mini` with a banner that says why; the page stops if neither can be had."""
    from attn_core.model import ModelUnavailable

    name = st.session_state.model
    result = _watch(name)
    if isinstance(result, ModelUnavailable):
        _explain(name, result)
        result = _watch("mini") if name != "mini" else result
        if isinstance(result, ModelUnavailable):
            st.error(f"{result}", icon=":material/error:")
            st.stop()
    st.session_state.model_status.caption(_describe(result))
    return result


def _watch(name: str) -> Any:
    loading = _loading(name)
    place = st.empty()  # always, so that what follows keeps its place on the page
    if not loading.wait(0.3):
        while not loading.wait(0.2):
            progress = loading.progress
            text = progress.message if progress.message.endswith("…") else f"{progress.message}…"
            if progress.fraction is None:
                place.info(text, icon=":material/hourglass_top:")
            else:
                place.progress(min(max(progress.fraction, 0.0), 1.0), text=text)
        place.empty()
    return loading.result()


def _explain(name: str, unavailable: ModelUnavailable) -> None:
    with st.container(border=True, key="model_banner"):
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.markdown(
            f":material/cloud_off: **{_plain(unavailable.name)} is not available**, "
            "so this is **mini**, the small model that comes with the dashboard.",
        )
        words.caption(_plain(f"{unavailable.what} {unavailable.why} {unavailable.remedy}"))
        if button.button("Try again", key="try_again", width="stretch"):
            _loading.clear(name)
            st.rerun()


def _describe(model: LanguageModel) -> str:
    origin = {
        "hub": "loaded from the Hugging Face Hub",
        "cache": "loaded from the local cache",
        "bundled": "bundled with the dashboard",
        "folder": "loaded from a local folder",
    }[model.source]
    return f"{_plain(model.name)}: {origin}, {model.n_layers} layers × {model.n_heads} heads"


def _plain(text: str) -> str:
    """Escape what Streamlit's markdown would interpret."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!$:~<>|^" else c for c in text)
    # Addresses turn into links even when escaped, unless something invisible parts them.
    return re.sub(r"(//|@|www)", "\\1\N{ZERO WIDTH SPACE}", escaped)


# --- trace -------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=3, show_spinner=False)
def _captured(name: str, text: str, _model: LanguageModel) -> AttentionTrace:
    from attn_core.capture import capture

    return capture(_model, text, max_tokens=MAX_PROMPT_TOKENS)


def trace_of(model: LanguageModel, text: str) -> AttentionTrace:
    """The trace of a text; on a prompt that cannot be run the page says why and stops."""
    from attn_core.capture import PromptError

    try:
        with st.spinner(f"Running {model.name} over the prompt…"):
            return _captured(model.name, text, model)
    except PromptError as error:
        st.error(str(error), icon=":material/edit:")
        st.stop()


def trace_in_view() -> AttentionTrace:
    """The open recording, or else the trace of the prompt, for which the page shows a box."""
    recording = st.session_state.recording
    if recording is not None:
        recording_line()
        trace = cast(AttentionTrace, recording)
    else:
        prompt = prompt_box()
        trace = trace_of(language_model(), prompt)
    offer_trace(trace.to_bytes)
    return trace


def recording_line() -> None:
    """Say that a recording is open, whose it is, and let it be closed."""
    recording: AttentionTrace = st.session_state.recording
    st.session_state.model_status.caption("No model is loaded: a recording is open.")
    with st.container(border=True):
        words, button = st.columns([5, 2], vertical_alignment="center")
        words.markdown(
            f":material/album: Recording **{_plain(st.session_state.recording_name)}**"
            + (f", made by {_plain(recording.model)}" if recording.model else "")
            + f": {recording.n_layers} layers × {recording.n_heads} heads, {recording.n_tokens} tokens"
        )
        button.button("Close the recording", on_click=_close_recording, width="stretch")
    st.text(recording.text)


def offer_trace(
    make: Callable[[], bytes], *, label: str = "Save this trace (.npz)", file_name: str = "trace.npz"
) -> None:
    """Put a button into the sidebar that saves a trace."""
    st.session_state.save_place.download_button(
        label,
        make,
        file_name=file_name,
        mime="application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )


def offer_text(model: LanguageModel, text: str) -> None:
    """Put a button into the sidebar that runs the model over a text and saves the trace."""
    from attn_core.capture import PromptError, capture, encode

    try:
        encode(model, text, max_tokens=MAX_PROMPT_TOKENS + MAX_NEW_TOKENS)
    except PromptError:
        return
    offer_trace(lambda: capture(model, text).to_bytes())


# --- shared controls ---------------------------------------------------------------------------------------


def title(text: str, explanation: str) -> None:
    """The head of a page, and whatever the link asked for that could not be had."""
    if "begun" not in st.session_state:
        _go_through_the_dashboard()
    st.title(text)
    st.markdown(explanation)
    for notice in st.session_state.notices:
        st.text(f"⚠ {notice}")
    st.session_state.notices = []


def _go_through_the_dashboard() -> None:
    """Start again with dashboard.py.

    When the very first visit to a server is a link to a page, Streamlit runs the file in pages/ by itself: it
    does so until st.navigation has been called once.
    """
    st.navigation([_ROOT / "dashboard.py", *sorted((_ROOT / "pages").glob("*.py"))], position="hidden")
    st.rerun()


def prompt_box(label: str = "Prompt", *, name: str = "prompt") -> str:
    """The box for a prompt; what was typed stays over pages and errors."""
    st.text_area(label, key=_box(name), height=80, on_change=_take_box, args=(name,))
    return cast(str, st.session_state[name])


def _box(name: str) -> str:
    """Key of the widget that edits a value of the state.

    Widgets of different pages can't share a key and keep what it holds, so each run fills them from the state.
    """
    key = f"{name}_box"
    st.session_state[key] = st.session_state[name]
    return key


def _take_box(name: str) -> None:
    st.session_state[name] = st.session_state[f"{name}_box"] or ""


def head_picker(rows: NDArray[np.floating], suggested: tuple[int, int]) -> tuple[int, int]:
    """Two number boxes for layer and head; until somebody chooses, the suggested ones stand.

    Args:
        rows: attention whose first axes are (n_layers, n_heads, …).
        suggested: a layer and a head worth seeing.
    """
    _settle_head(rows, suggested)
    boxes = {
        name: st.number_input(
            name.capitalize(),
            0,
            count - 1,
            key=_box(name),
            on_change=_head_typed,
            args=(name,),
            width=130,
        )
        for name, count in zip(("layer", "head"), rows.shape, strict=False)
    }
    return int(boxes["layer"]), int(boxes["head"])


def suggested_head(trace: AttentionTrace) -> tuple[int, int]:
    """The article's head for its prompts under GPT-2 small, else the one that says most from the last word."""
    article_head = examples.article_head(trace.model, trace.text)
    return article_head or most_telling_head(trace.attention[:, :, -1], trace.tokens)


def suggested_head_for_two(a: AttentionTrace, b: AttentionTrace | None) -> tuple[int, int]:
    """The article's head for its prompts under GPT-2 small, else the one that finds in A what it leaves in B."""
    article_head = examples.article_head(a.model, a.text)
    if article_head or b is None:
        return article_head or suggested_head(a)
    return most_changed_head(a.attention[:, :, -1], a.tokens, b.attention[:, :, -1], b.tokens)


def _settle_head(rows: NDArray[np.floating], suggested: tuple[int, int]) -> None:
    """Make the layer and head in the state ones that there are."""
    state = st.session_state
    if not state.head_is_chosen:
        state.layer, state.head = suggested
        return
    for name, count in zip(("layer", "head"), rows.shape, strict=False):
        value = state.setdefault(name, 0)
        if not 0 <= value < count:
            st.warning(
                f"There is no {name} {value} here: they go from 0 to {count - 1}, so this is {name} 0.",
                icon=":material/warning:",
            )
            state[name] = 0


def _head_typed(name: str) -> None:
    st.session_state[name] = st.session_state[f"{name}_box"]
    st.session_state.head_is_chosen = True
    st.session_state.grid_version += 1  # the grid forgets its own selection and takes every click as new


def grid(trace: AttentionTrace, selected: tuple[int, int]) -> None:
    """All heads; a click on one chooses it."""
    key = f"grid_{st.session_state.grid_version}"

    def clicked() -> None:
        points = st.session_state[key]["selection"].get("head", [])
        if points:
            st.session_state.layer, st.session_state.head = int(points[0]["layer"]), int(points[0]["head"])
            st.session_state.head_is_chosen = True

    chart = charts.head_grid(trace, selected=selected, theme=theme())
    st.altair_chart(chart, key=key, on_select=clicked, selection_mode="head", width=_own_width(chart))


def matrix(trace: AttentionTrace, layer: int, head: int, *, query: int | None) -> None:
    """A head as a matrix."""
    chart = charts.attention_heatmap(trace, layer, head, query=query, theme=theme())
    st.altair_chart(chart, width=_own_width(chart))
    st.caption("The colour is the square root of the attention, so that faint links show too.")


def _own_width(chart: alt.LayerChart) -> int:
    """The chart's width in pixels; told so, Streamlit shrinks it on a narrow page but never stretches it."""
    return int(cast(Any, chart).width)


def lines(trace: AttentionTrace, layer: int, head: int, *, query: int | None, key: str, **options: Any) -> None:
    """A head's lines; a click on a word on the left keeps its lines, another click lets them go."""

    def clicked() -> None:
        points = st.session_state[chart_key]["selection"].get("query", [])
        if points:
            position = int(points[0]["query"])
            st.session_state[key] = ALL_WORDS if position == query else position

    # A chart that shows another word is another chart: else a second click on a word would be no change.
    chart_key = f"{key}_lines_{layer}_{head}_{query}_{trace.n_tokens}"
    chart = charts.attention_lines(trace, layer, head, query=query, **options)
    with tall(chart):
        st.altair_chart(chart, key=chart_key, on_select=clicked, selection_mode="query")
    links = charts.shown_links(trace, [(layer, head), *options.get("more_heads", ())], query=query)
    if links.left_out:
        st.caption(
            f"The {len(links.table):,} strongest links are drawn; {links.left_out:,} weaker ones "
            f"(up to {links.threshold:.2f}) are left out. Choose a word to see all of its own."
        )


def tall(chart: alt.LayerChart) -> Any:
    """A place for a chart that scrolls if the chart is taller than a screen."""
    height = int(cast(Any, chart).height)
    return st.container(height=700, border=False) if height > 900 else st.container()


def query_picker(trace: AttentionTrace, *, key: str) -> int | None:
    """Choose the word whose lines are shown; None means all words."""
    labels = token_labels(trace.tokens)
    if not -1 <= st.session_state.get(key, ALL_WORDS) < trace.n_tokens:
        st.session_state[key] = ALL_WORDS
    st.selectbox(
        "From the word",
        range(ALL_WORDS, trace.n_tokens),
        format_func=lambda i: "all words" if i == ALL_WORDS else f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=220,
    )
    return chosen_query(trace, key, default=ALL_WORDS)


def chosen_query(trace: AttentionTrace, key: str, *, default: int) -> int | None:
    """The word whose lines were asked for by a click or in `query_picker`; None means all words."""
    query = int(st.session_state.get(key, default))
    if query >= trace.n_tokens:
        query = default
    return None if query == ALL_WORDS else query


def view_of(trace: AttentionTrace, *, words: bool, hide_first: bool) -> AttentionTrace:
    """The trace with word pieces joined and the first token hidden, as asked for."""
    if words:
        trace = join_words(trace)
    if hide_first and trace.n_tokens > 1:
        trace = trace.without_first_token()
    return trace


def nothing_left_note(trace: AttentionTrace, layer: int, head: int) -> None:
    """Say how many words have no lines because the head gave everything to the hidden first word."""
    empty = int((trace.attention[layer, head].sum(axis=-1) == 0).sum())
    if empty:
        st.caption(f"{empty} of {trace.n_tokens} words gave all of their attention to the hidden first word.")


def more_heads(trace: AttentionTrace, layer: int, head: int) -> list[tuple[int, int]]:
    """Choose further heads to draw over this one."""
    others = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads) if (i, j) != (layer, head)]
    return st.multiselect(
        "Draw other heads over it",
        others,
        format_func=lambda pair: f"layer {pair[0]} head {pair[1]}",
        max_selections=5,
        placeholder="none",
        key="more_heads",
        persist_state="session",
    )


def weights_table(trace: AttentionTrace, layer: int, head: int, query: int | None) -> None:
    """A head's numbers as a table that sorts, searches and downloads."""
    table = link_table(trace, layer, head, query=query)
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 640),
        column_config={"attention": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)},
    )


def word_piece_note(trace: AttentionTrace) -> None:
    """Explain the + sign where it occurs."""
    if has_word_pieces(trace.tokens):
        st.caption("A word that starts with + goes on with the word before it: GPT-2 reads pieces of words.")


def strongest_link(trace: AttentionTrace, layer: int, head: int, query: int) -> str:
    """One sentence in markdown: where the head looks from this word."""
    labels = token_labels(trace.tokens)
    row = trace.head(layer, head)[query]
    key = int(row.argmax())
    return (
        f"From **{_plain(labels[query])}** layer {layer} head {head} looks most at "
        f"**{_plain(labels[key])}** ({row[key]:.2f})."
    )


@st.cache_resource(max_entries=3, show_spinner=False)
def _scored(_trace: AttentionTrace, trace_id: int) -> tuple[AttentionTrace, pd.DataFrame]:
    """The scores, with their trace: while this is kept, no other trace can have that id."""
    return _trace, head_scores(_trace)


def head_scores_of(trace: AttentionTrace) -> pd.DataFrame:
    """`head_scores`, worked out once for a trace."""
    return _scored(trace, id(trace))[1]


def head_deed(trace: AttentionTrace, layer: int, head: int) -> str:
    """One sentence in markdown: what the head does over the whole text, by its scores."""
    scores = head_scores_of(trace).iloc[layer * trace.n_heads + head]
    label = scores["label"]
    if label == MIXED:
        return f"Over the whole text it {DEEDS[MIXED][0]} (:gray-badge[{MIXED}])."
    score = next(name for name, text in LABELS.items() if text == label)
    return f"Over the whole text it {DEEDS[label][0]} (:blue-badge[{label} {scores[score]:.2f}])."


def head_counts(trace: AttentionTrace) -> str:
    """One sentence in markdown: how many heads do what on this text, and which of them most clearly."""
    scores = head_scores_of(trace)
    counts = Counter(scores["label"].tolist())
    parts = []
    for name, label in LABELS.items():
        if label in counts:
            layer, head = divmod(int(scores[name].where(scores["label"] == label).argmax()), trace.n_heads)
            which = "" if label == "null" else f" (clearest: layer {layer} head {head})"
            parts.append(f"**{counts[label]}** {DEEDS[label][int(counts[label] > 1)]}{which}")
    if MIXED in counts:
        parts.append(f"**{counts[MIXED]}** {DEEDS[MIXED][int(counts[MIXED] > 1)]}")
    return f"Of {len(scores)} heads on this text, {'; '.join(parts)}."


# --- generated text ----------------------------------------------------------------------------------------

_token_row = st.components.v2.component(
    "attn_core_tokens",
    html='<div class="tokens" role="group" aria-label="generated text"></div>',
    css=(_STATIC / "tokens.css").read_text(),
    js=(_STATIC / "tokens.js").read_text(),
)


def generation_settings() -> dict[str, Any]:
    """Controls for writing, as keyword arguments of `attn_core.generate`."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        way = st.segmented_control(
            "Each token is",
            ["the most probable", "drawn at random"],
            default="the most probable",
            required=True,
            key="way",
            persist_state="session",
        )
        count = st.number_input(
            "New tokens", 1, MAX_NEW_TOKENS, 20, key="new_tokens", persist_state="session", width=150
        )
    settings: dict[str, Any] = {"max_new_tokens": int(count), "max_tokens": MAX_PROMPT_TOKENS}
    if way == "the most probable":
        return settings
    with st.container(horizontal=True):
        box: dict[str, Any] = {"persist_state": "session", "width": 150}
        settings["temperature"] = st.number_input(
            "Temperature", 0.05, 5.0, 1.0, 0.1, key="temperature", help="Higher is more surprising.", **box
        )
        settings["top_k"] = st.number_input(
            "Top-k", 1, 1000, 40, key="top_k", help="Draw from the k most probable tokens only.", **box
        )
        settings["top_p"] = st.number_input(
            "Top-p",
            0.01,
            1.0,
            1.0,
            0.05,
            key="top_p",
            help="Draw from the fewest tokens whose probabilities reach p together.",
            **box,
        )
        settings["seed"] = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="seed", help="The same seed draws the same text again.", **box
        )
    return settings


def generation(model: LanguageModel, prompt: str, settings: dict[str, Any]) -> GeneratedText | None:
    """The Generate button, with a Stop button in its place while tokens appear; what was made is kept."""
    place = st.empty()
    if place.button("Generate", type="primary", icon=":material/play_arrow:"):
        _generate(place, model, prompt, settings)
        place.button("Generate", type="primary", icon=":material/play_arrow:", key="generate_again")
    return cast("GeneratedText | None", st.session_state.get("generated"))


def _generate(place: Any, model: LanguageModel, prompt: str, settings: dict[str, Any]) -> None:
    from attn_core.capture import PromptError
    from attn_core.generation import GeneratedText, generate
    from attn_core.tokens import token_texts

    try:
        steps = generate(model, prompt, **settings)
    except PromptError as error:
        st.error(str(error), icon=":material/edit:")
        st.stop()
    place.button("Stop", icon=":material/stop:", key="stop")
    ids = model.tokenizer(prompt)["input_ids"]
    made = GeneratedText(prompt, tuple(ids), token_texts(model.tokenizer, ids), model.name)
    st.session_state.generated, st.session_state.chosen_step = made, 0
    text, bar = st.empty(), st.progress(0.0)
    for step in steps:
        made = made.with_step(step)
        st.session_state.generated = made
        _growing_text(text, made)
        bar.progress(
            len(made.steps) / settings["max_new_tokens"],
            text=f"{len(made.steps)} of up to {settings['max_new_tokens']} tokens",
        )
    text.empty()
    bar.empty()


def chosen_step(generated: GeneratedText) -> int:
    """The position of the generated token that the visitor looks at."""
    return min(int(st.session_state.get("chosen_step", 0)), max(len(generated.steps) - 1, 0))


def generation_note(generated: GeneratedText, model: LanguageModel, prompt: str) -> None:
    """Say what the text on the page belongs to."""
    note = f"{len(generated.steps)} new tokens by {generated.model}."
    if (generated.model, generated.prompt) != (model.name, prompt):
        note += " The prompt or the model has changed since: press Generate to write again."
    st.caption(_plain(note))


def token_row(generated: GeneratedText, *, chosen: int) -> None:
    """The generated text as buttons shaded by probability, after the prompt in plain text."""
    tokens: list[dict[str, Any]] = [{"text": generated.prompt, "probability": None}]
    tokens += [
        {
            "text": step.token if step.token.strip() else token_label(step.token) or "▯",
            "probability": step.probability,
            "title": f"{token_label(step.token)}: {step.probability:.1%}",
        }
        for step in generated.steps
    ]

    def clicked() -> None:
        index = st.session_state.token_row["clicked"]
        if index is not None:
            st.session_state.chosen_step = int(index) - 1

    _token_row(key="token_row", data={"tokens": tokens, "chosen": chosen + 1}, on_clicked_change=clicked)


def _growing_text(place: Any, generated: GeneratedText) -> None:
    spans = "".join(
        f'<span style="background:color-mix(in srgb,#2b7bba {8 + 62 * step.probability:.0f}%,transparent);'
        f'border-radius:4px">{html.escape(step.token)}</span>'
        for step in generated.steps
    )
    place.html(
        '<div style="font-size:1.15rem;line-height:2.1;white-space:pre-wrap;overflow-wrap:anywhere">'
        f"{html.escape(generated.prompt)}{spans}</div>"
    )


# --- two prompts -------------------------------------------------------------------------------------------


def two_traces() -> tuple[AttentionTrace, AttentionTrace | None]:
    """The traces of two prompts, or with a recording open that one and a second, if it is opened too."""
    if st.session_state.recording is not None:
        recording_line()
        a, b = cast(AttentionTrace, st.session_state.recording), _second_recording()
    else:
        model = language_model()
        left, right = st.columns(2, gap="large")
        with left:
            a = trace_of(model, prompt_box("Prompt A", name="prompt_a"))
        with right:
            b = trace_of(model, prompt_box("Prompt B", name="prompt_b"))
    offer_trace(a.to_bytes, label="Save trace A (.npz)", file_name="trace_a.npz")
    if b is not None:
        offer_trace(b.to_bytes, label="Save trace B (.npz)", file_name="trace_b.npz")
    return a, b


def _second_recording() -> AttentionTrace | None:
    upload = st.file_uploader("Open a second recording to compare with", type="npz", key="second_upload")
    if upload is None:
        return None
    try:
        second = AttentionTrace.load(upload)
    except (InvalidTrace, OSError) as error:
        st.error(f"The file was not opened. {error}", icon=":material/error:")
        return None
    first: AttentionTrace = st.session_state.recording
    if (second.n_layers, second.n_heads) != (first.n_layers, first.n_heads):
        st.error(
            f"The second recording has {second.n_layers} layers × {second.n_heads} heads and the first "
            f"{first.n_layers} × {first.n_heads}: open one of the same model.",
            icon=":material/error:",
        )
        return None
    return second
