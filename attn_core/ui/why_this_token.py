"""Explain a generated token: the heads that raised its logit, and what happens without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.analysis.scores import most_informative_head
from attn_core.charts.formatting import format_percent, format_signed, format_weight
from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, all_heads, head_at, head_label, rank_heads
from attn_core.models.decoding import continuation_texts
from attn_core.server.cache import cache
from attn_core.tokens import token_label, token_labels
from attn_core.trace import renormalize
from attn_core.ui.drawing import draw
from attn_core.ui.figures import pick_from_heads, show_head_map, show_row
from attn_core.ui.layout import panel
from attn_core.ui.links import DETAILS, EFFECTS, consume_action, is_scan_shown
from attn_core.ui.presenting import add_keys
from attn_core.ui.queue import lend_slot
from attn_core.ui.saving import describe_token_source, show_figure_download
from attn_core.ui.session import session
from attn_core.ui.state import choose_head, escape_markdown, get_theme, pick_one
from attn_core.ui.switches import (
    REPLACEMENTS,
    describe_heads_off,
    find_ablation_obstacle,
    get_heads_off,
    get_replacement,
    set_heads_off,
)
from attn_core.ui.views import ViewOptions

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attn_core.analysis.attribution import Attribution
    from attn_core.analysis.lens import LogitLens
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement
    from attn_core.runs.generation import GeneratedText, Step
    from attn_core.runs.residual import ResidualStream

N_STRONGEST = 10  # heads that are listed
N_SWITCHED = 5  # heads that one button turns off together
MIN_LOSS = 0.005  # nats; a smaller loss is not listed


@dataclass(frozen=True, eq=False)
class TokenContext:
    """Hold a generated token with what led to it.

    Attributes:
        model: the model that generated the token.
        run: the text that the token belongs to.
        index: the step of the token in the text.
        stream: the residual stream that the token was chosen from, or why it is not available for this model.
    """

    model: LanguageModel
    run: GeneratedText
    index: int
    stream: ResidualStream | UnsupportedArchitecture

    @property
    def value_norms(self) -> NDArray[np.float32] | None:
        """Return the value norms, as in `AttentionTrace.value_norms`; None if there is no stream."""
        return None if isinstance(self.stream, UnsupportedArchitecture) else self.stream.value_norms

    @property
    def step(self) -> Step:
        """Return the token and what was recorded with it."""
        return self.run.steps[self.index]

    @property
    def word(self) -> str:
        """Return the token in quotation marks, for markdown."""
        return quote_token(self.step.token)

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the ids of the tokens before it."""
        return self.run.ids_before(self.index)


def quote_token(token: str) -> str:
    """Return a token in quotation marks, for markdown."""
    return f"“{escape_markdown(token_label(token))}”"


@cache.memoize
def _compute_stream(
    model: LanguageModel, ids: tuple[int, ...], ablate: frozenset[Head], replacement: Replacement
) -> ResidualStream:
    from attn_core.runs.residual import residual_stream

    return residual_stream(model, ids, ablate=ablate, replacement=replacement)


@cache.memoize
def _compute_lens(model: LanguageModel, stream: ResidualStream, target: int) -> LogitLens:
    from attn_core.analysis.lens import logit_lens

    return logit_lens(model, stream, target)


@cache.memoize
def _compute_probabilities(
    model: LanguageModel, ids: tuple[int, ...], ablate: frozenset[Head], replacement: Replacement
) -> NDArray[np.float32]:
    from attn_core.runs.ablation import next_probabilities

    return next_probabilities(model, ids, ablate=ablate, replacement=replacement)


@cache.memoize
def _compute_scan(
    model: LanguageModel,
    ids: tuple[int, ...],
    target: int,
    ablate: frozenset[Head],
    replacement: Replacement,
    *,
    on_progress: Callable[[float], None],
) -> NDArray[np.float32]:
    from attn_core.runs.head_scan import ablation_scan

    return ablation_scan(model, ids, target, replacement=replacement, ablate=ablate, on_progress=on_progress)


def compute_context(model: LanguageModel, run: GeneratedText, index: int) -> TokenContext | None:
    """Return what led to a token; if another model generated it, show a message and return None."""
    if run.model != model.name:
        st.info(
            f"This text is by {escape_markdown(run.model)}. Choose that model to explain it, or press Generate to "
            "use the current one.",
            icon=":material/info:",
        )
        return None
    stream: ResidualStream | UnsupportedArchitecture
    try:
        with st.spinner(f"Running {escape_markdown(model.name)} up to this token…"):
            stream = _compute_stream(model, run.ids_before(index), run.ablated, run.replacement)
    except UnsupportedArchitecture as reason:
        stream = reason
    return TokenContext(model, run, index, stream)


def show_unsupported(reason: UnsupportedArchitecture) -> None:
    """Show why this model has no such figure, in its place."""
    st.info(escape_markdown(str(reason)), icon=":material/info:")


def show_lens(context: TokenContext) -> None:
    """Draw the top prediction after each layer."""
    title = (
        f"**After each layer (logit lens).** The top prediction read from the residual stream. The orange tick is "
        f"the probability of {context.word}. Early layers were not trained to be read this way."
    )
    if isinstance(context.stream, UnsupportedArchitecture):
        show_unsupported(context.stream)
        return
    with st.spinner("Reading the residual stream…"):
        lens = _compute_lens(context.model, context.stream, context.step.token_id)
    figure = charts.lens_bars(
        lens.predictions, context.step.token_id, lens.target_probabilities.tolist(), theme=get_theme()
    )
    with panel("lens", title) as icons:
        draw(figure, key="lens", min_height=figure.min_height)
    with icons:
        show_figure_download(
            figure, "top prediction after each layer", describe_token_source(context.run, context.index), key="lens"
        )


def pick_effect(context: TokenContext) -> tuple[str, int | None]:
    """Draw the menu of the effects that the map of heads can show, and return the choice.

    Returns:
        A key of `links.EFFECTS`, and for the direct effect the id of the contrast token, if there is one.
    """
    is_direct = session.question == EFFECTS["added"]
    label = "Effect: direct" if is_direct else "Effect: turned off"
    with st.popover(label, icon=":material/grid_view:", key="effect_menu"):
        effect = pick_one("Show", EFFECTS, key="question", label_visible=True)
        return effect, pick_contrast(context) if effect == "added" else None


def pick_contrast(context: TokenContext) -> int | None:
    """Draw the choice of an alternative token to compare the generated one with, and return its id."""
    others = dict(zip(context.step.alternatives.token_ids, context.step.alternatives.top(10), strict=False))
    others.pop(context.step.token_id, None)
    options = [None, *others]
    if session.foil not in options:
        session.foil = None
    return st.selectbox(
        "Contrast token",
        options,
        key="foil",
        format_func=lambda i: (
            f"none (logit of “{token_label(context.step.token)}” alone)"
            if i is None
            else f"“{token_label(others[i][0])}” ({format_percent(others[i][1])})"
        ),
        help="Shows the difference between two logits: what favored this token over the other one.",
    )


def compute_attribution(context: TokenContext, foil: int | None) -> Attribution | UnsupportedArchitecture:
    """Return what each part of the model adds to the token's logit, or why that is not available for this model."""
    from attn_core.analysis.attribution import attribute

    if isinstance(context.stream, UnsupportedArchitecture):
        return context.stream
    try:
        return attribute(context.model, context.stream, context.step.token_id, foil)
    except UnsupportedArchitecture as reason:
        return reason


def find_strongest_head(context: TokenContext, effects: Attribution | UnsupportedArchitecture) -> Head:
    """Return the head with the largest effect; if effects are not available, the most informative head."""
    if isinstance(effects, UnsupportedArchitecture):
        return most_informative_head(context.step.attention, context.run.tokens_before(context.index))
    return head_at(effects.heads.argmax(), effects.heads.shape[1])


def show_effects(context: TokenContext, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw the map of the heads' direct effects; a click on a head chooses it."""
    title = f"**Which heads raised {context.word}?**"
    if isinstance(effects, UnsupportedArchitecture):
        with panel("map", title):
            show_unsupported(effects)
        return
    token = f"“{token_label(context.step.token)}”"
    minus = f" minus “{token_label(effects.foil)}”" if effects.foil is not None else ""
    show_head_map(
        effects.heads,
        selected,
        title=f"{title} Green raises its logit, purple lowers it.",
        quantity=f"direct effect on {token}{minus} (logits)",
        source=describe_token_source(context.run, context.index),
        key="contributions",
    )


def describe_sum(context: TokenContext, effects: Attribution | UnsupportedArchitecture) -> str:
    """Return the sum over all parts of the model in one line of markdown; nothing if it is not available."""
    if isinstance(effects, UnsupportedArchitecture):
        return ""
    logit = f"the logit of {context.word}" + (
        f" minus that of {quote_token(effects.foil)}" if effects.foil is not None else ""
    )
    parts = {
        "Heads": float(effects.heads.sum()),
        "MLPs": float(effects.mlps.sum()),
        "embedding": effects.embedding,
        "biases": effects.biases,
    }
    added = " + ".join(f"{name} **{format_signed(part)}**" for name, part in parts.items())
    return f"{added} = **{format_signed(effects.total)}**, {logit}."


def pick_strong_head(context: TokenContext, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw the choice of the heads with the largest direct effects, each with what it attended to."""
    if isinstance(effects, UnsupportedArchitecture):
        show_unsupported(effects)
        return
    st.markdown(describe_sum(context, effects))
    sentences = {
        head: f"**{head_label(head)}** adds **{format_signed(float(effects.heads[head]))}** to {context.word} · "
        f"{describe_attended(context, head)}"
        for head in effects.strongest(N_STRONGEST)
    }
    _pick_listed_head(sentences, selected, "No head raises this logit.")
    against = head_at(effects.heads.argmin(), effects.heads.shape[1])
    if effects.heads[against] < 0:
        st.caption(
            f"Strongest against: {head_label(against)} ({format_signed(float(effects.heads[against]))}) · "
            f"{describe_attended(context, against)}"
        )


def pick_needed_head(context: TokenContext, changes: NDArray[np.float32] | None, selected: Head) -> None:
    """Draw the choice of the heads that the token needs most, each with what it attended to."""
    if changes is None:
        st.caption("Test all heads first: the button is over the map.")
        return
    order = rank_heads(-changes, N_STRONGEST)
    sentences = {
        head: f"**{head_label(head)}** off: {context.word} loses **{-changes[head]:.2f}** nats · "
        f"{describe_attended(context, head)}"
        for head in order
        if changes[head] <= -MIN_LOSS
    }
    _pick_listed_head(sentences, selected, f"With any one head off, {context.word} loses less than 0.005 nats.")


def _pick_listed_head(sentences: dict[Head, str], selected: Head, otherwise: str) -> None:
    if sentences:
        pick_from_heads("Strongest heads", sentences, selected)
    else:
        st.markdown(otherwise)


def describe_attended(context: TokenContext, head: Head) -> str:
    """Return in markdown which token a head attended to most; by value-weighted attention too, if that differs."""
    labels = token_labels(context.run.tokens_before(context.index))
    row = compute_row(context, head, value_weighted=False)
    text = f"attends to “{escape_markdown(labels[row.argmax()])}” ({format_weight(float(row.max()))})"
    value_weighted = compute_row(context, head, value_weighted=context.value_norms is not None)
    if value_weighted.argmax() != row.argmax():
        label = escape_markdown(labels[value_weighted.argmax()])
        text += f" · value-weighted: “{label}” ({format_weight(float(value_weighted.max()))})"
    return text


def show_attended(
    context: TokenContext, head: Head, effects: Attribution | UnsupportedArchitecture, view: ViewOptions
) -> None:
    """Draw the lines of one head at the position that predicted the token."""
    row = compute_row(context, head, value_weighted=view.value_weighted, hide_first=view.hide_first)
    source = describe_token_source(
        context.run, context.index, value_weighted=view.value_weighted, hide_first=view.hide_first
    )
    title = f"**What {head_label(head)} attended to.**"
    if not row.any():
        title += " All its attention is on the hidden first token."
    elif not isinstance(effects, UnsupportedArchitecture):
        title += f" It adds **{format_signed(float(effects.heads[head]))}** to the logit."
    show_row(context.run.tokens_before(context.index), row, title=title, source=source, name=head_label(head))


def add_ranked_head_keys(effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Add keyboard shortcuts that go through the heads with the largest effects."""
    if isinstance(effects, UnsupportedArchitecture):
        return
    ranked = effects.strongest(N_STRONGEST)
    if not ranked:
        return
    rank = ranked.index(selected) if selected in ranked else -1
    add_keys(
        ("Stronger head", "Up", choose_head, ranked[max(rank - 1, 0)]),
        ("Weaker head", "Down", choose_head, ranked[min(rank + 1, len(ranked) - 1)]),
        name="heads",
    )


def compute_row(
    context: TokenContext, head: Head, *, value_weighted: bool, hide_first: bool = False
) -> NDArray[np.float32]:
    """Return a head's weights on the tokens before the generated one, float32 (n_tokens,).

    They sum to 1. If the first token is hidden and no other weight is left, they are all zero.
    """
    row = context.step.attention[head].astype(np.float32)
    if value_weighted and context.value_norms is not None:
        row = renormalize(row * context.value_norms[head], smallest=1e-12).astype(np.float32)
    if hide_first:
        row[0] = 0
        row = renormalize(row).astype(np.float32)
    return row


def pick_heads_off(context: TokenContext, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw the choice of the heads that are off, and show what that does to the token."""
    reason = find_ablation_obstacle(context.model)
    if reason is not None:
        show_unsupported(reason)
        return
    session.heads_off_box = sorted(get_heads_off())
    st.multiselect(
        "Heads off",
        all_heads(context.model.n_layers, context.model.n_heads),
        format_func=head_label,
        key="heads_off_box",
        on_change=lambda: set_heads_off(session.heads_off_box),
        placeholder="none",
    )
    _show_ablation_buttons(effects, selected)
    session.replacement_box = get_replacement()
    st.segmented_control(
        "Replace output with",
        list(REPLACEMENTS),
        format_func=REPLACEMENTS.__getitem__,
        key="replacement_box",
        required=True,
        on_change=_store_replacement,
        help="Zero removes the head's whole output. Its mean over the prompt removes only what varies from token "
        "to token.",
    )
    _show_token_change(context)


def _show_ablation_buttons(effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw buttons that turn off the chosen head, and the heads with the largest effects."""
    with st.container(horizontal=True):
        st.button(
            f"Turn off {head_label(selected)}",
            on_click=set_heads_off,
            args=(get_heads_off() | {selected},),
            disabled=selected in get_heads_off(),
            icon=":material/power_off:",
        )
        if not isinstance(effects, UnsupportedArchitecture) and (strongest := effects.strongest(N_SWITCHED)):
            st.button(
                f"Turn off the top {len(strongest)}",
                on_click=set_heads_off,
                args=(get_heads_off() | set(strongest),),
                disabled=not set(strongest) - get_heads_off(),
            )


def _store_replacement() -> None:
    session.replacement = session.replacement_box


def _show_token_change(context: TokenContext) -> None:
    """Say how the token's probability changes with the current heads off, if they differ from those of the text."""
    heads_off, run = get_heads_off(), context.run
    is_same = (heads_off, get_replacement()) == (run.ablated, run.replacement)
    if is_same or heads_off == run.ablated == frozenset():
        return
    with st.spinner(f"Running {escape_markdown(context.model.name)} with {describe_heads_off(heads_off)}…"):
        probabilities = _compute_probabilities(context.model, context.ids, heads_off, get_replacement())
    best = int(probabilities.argmax())
    after = float(probabilities[context.step.token_id])
    old, new = format_percent(context.step.probability), format_percent(after)
    sentence = f"With {describe_heads_off(heads_off)}, {context.word} goes from **{old}** to **{new}**"
    if best == context.step.token_id:
        hint = " Other heads may do the same: try turning off the strongest together." if old == new else ""
        st.markdown(f"{sentence} and stays the top prediction.{hint}")
    else:
        (token,) = continuation_texts(context.model.tokenizer, [best])
        probability = format_percent(float(probabilities[best]))
        st.markdown(f"{sentence} and {quote_token(token)} (**{probability}**) becomes the top prediction.")


def show_scan(context: TokenContext, selected: Head) -> NDArray[np.float32] | None:
    """Draw the map of what turning off each head does; until it is computed, draw the button that starts it.

    Returns:
        The changes of log-probability, float32 (n_layers, n_heads), once they are known.
    """
    title = f"**Which heads does {context.word} need?**"
    replacement = context.run.replacement if context.run.ablated else get_replacement()
    reason = find_ablation_obstacle(context.model)
    if reason is not None:
        with panel("map", title):
            show_unsupported(reason)
        return None
    scan = (context.model.name, context.ids, context.step.token_id, context.run.ablated, replacement)
    if scan not in session.scans_run:
        with panel("map", title):
            if not _pick_scan_start(context, replacement):
                return None
            _run_scan(context, replacement)
        session.scans_run |= {scan}
    if not is_scan_shown(context.run, context.index):
        session.scan_shown = context.run, context.index
        st.rerun()  # so that the link says it, and the button is gone
    changes = _run_scan(context, replacement)
    show_head_map(
        changes,
        selected,
        title=f"{title} {_describe_largest_loss(changes)} Purple: less probable with this head off (replaced with "
        f"{REPLACEMENTS[replacement]}).",
        quantity=f"change in log-probability of “{token_label(context.step.token)}” when off (nats)",
        source=describe_token_source(context.run, context.index),
        key="scan",
    )
    return changes


def _describe_largest_loss(changes: NDArray[np.float32]) -> str:
    """Return in markdown which head the token needs most."""
    head = head_at(changes.argmin(), changes.shape[1])
    if changes[head] > -MIN_LOSS:
        return "No single one."
    return f"Most: **{head_label(head)}**, {format_signed(float(changes[head]))} nats."


def _pick_scan_start(context: TokenContext, replacement: Replacement) -> bool:
    """Draw the button that tests all heads, and return whether it was pressed; if so, draw Cancel in its place."""
    n_heads = context.model.n_layers * context.model.n_heads
    placeholder = st.empty()
    st.caption(
        f"Turns off each of the {n_heads} heads in turn (output replaced with {REPLACEMENTS[replacement]}). Counts "
        "effects through later layers too."
    )
    session.scan_shown = None
    pressed = placeholder.button(f"Test all {n_heads} heads", icon=":material/power_off:")
    if not (pressed or consume_action("scan")):
        return False
    placeholder.button("Cancel", key="cancel_scan", icon=":material/stop:")
    return True


def _run_scan(context: TokenContext, replacement: Replacement) -> NDArray[np.float32]:
    """Test all heads, with a progress bar while that runs, and return the changes of log-probability."""
    bar: DeltaGenerator | None = None

    def show_progress(part: float) -> None:
        nonlocal bar
        bar = st.empty() if bar is None else bar
        bar.progress(part, text=f"Testing heads: {part:.0%}")

    with lend_slot():
        changes = _compute_scan(
            context.model,
            context.ids,
            context.step.token_id,
            context.run.ablated,
            replacement,
            on_progress=show_progress,
        )
    if bar is not None:
        bar.empty()
    return changes


def pick_details() -> str:
    """Draw the choice of what is shown below the figures, and return it: a key of `links.DETAILS`."""
    return pick_one("Details", DETAILS, key="details")
