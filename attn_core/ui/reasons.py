"""Why this word: the heads that made a generated token, and what happens without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.errors import UnsupportedArchitecture
from attn_core.patterns import most_telling_head
from attn_core.tokens import texts_after_another, token_label, token_labels
from attn_core.trace import renormalised
from attn_core.ui.figures import choice_of_heads, draw_chart, head_map
from attn_core.ui.links import QUESTIONS, to_do
from attn_core.ui.saving import offer_figure, origin_of_token
from attn_core.ui.state import plain
from attn_core.ui.switches import (
    REPLACEMENTS,
    head_name,
    heads_off,
    heads_phrase,
    replacement,
    switch_off,
    why_heads_stay_on,
)

if TYPE_CHECKING:
    from attn_core.ablation import Head, Replacement
    from attn_core.attribution import Attribution
    from attn_core.generation import GeneratedText, Step
    from attn_core.lens import LogitLens
    from attn_core.model import LanguageModel
    from attn_core.residual import ResidualStream

N_STRONGEST = 10  # heads told in words
N_SWITCHED = 5  # heads that one button switches off together
SMALLEST_LOSS = 0.005  # nats, that is told in words
MAX_SCANS = 16  # kept in a session


@dataclass(frozen=True)
class Moment:
    """The moment at which a generated token was chosen.

    Attributes:
        model: the one that wrote it.
        run: the text that it belongs to.
        index: its step in there.
        stream: what the model's parts added up to at that moment, or why that can't be told of it.
    """

    model: LanguageModel
    run: GeneratedText
    index: int
    stream: ResidualStream | UnsupportedArchitecture

    @property
    def value_norms(self) -> NDArray[np.float32] | None:
        """See `AttentionTrace.value_norms`; None where the stream can't be told."""
        return None if isinstance(self.stream, UnsupportedArchitecture) else self.stream.value_norms

    @property
    def step(self) -> Step:
        """The token and what was recorded with it."""
        return self.run.steps[self.index]

    @property
    def word(self) -> str:
        """The token in quotation marks, for markdown."""
        return quoted(self.step.token)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the tokens before it."""
        return self.run.ids_before(self.index)


def quoted(token: str) -> str:
    """A token in quotation marks, for markdown."""
    return f"“{plain(token_label(token))}”"


def signed(number: float) -> str:
    """A number with its sign, to one digit after the point, or two if it is small."""
    digits = 1 if abs(number) >= 1 else 2
    rounded = round(number, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


@st.cache_resource(max_entries=24, show_spinner=False)
def _stream(
    name: str, ids: tuple[int, ...], off: frozenset[Head], by: Replacement, _model: LanguageModel
) -> ResidualStream:
    from attn_core.residual import residual_stream

    return residual_stream(_model, ids, ablate=off, replacement=by)


@st.cache_resource(max_entries=24, show_spinner=False)
def _lens(
    name: str,
    ids: tuple[int, ...],
    off: frozenset[Head],
    by: Replacement,
    target: int,
    _model: LanguageModel,
    _stream: ResidualStream,
) -> LogitLens:
    from attn_core.lens import logit_lens

    return logit_lens(_model, _stream, target)


@st.cache_resource(max_entries=24, show_spinner=False)
def _probabilities(
    name: str, ids: tuple[int, ...], off: frozenset[Head], by: Replacement, _model: LanguageModel
) -> NDArray[np.float32]:
    from attn_core.attribution import next_probabilities

    return next_probabilities(_model, ids, ablate=off, replacement=by)


def moment(model: LanguageModel, run: GeneratedText, index: int) -> Moment | None:
    """What led to a token; None, and the page says why, if another model wrote it."""
    if run.model != model.name:
        st.info(
            f"This text was written by {plain(run.model)}. To see which heads made a word, choose that model, or "
            "press Generate to write with this one.",
            icon=":material/info:",
        )
        return None
    stream: ResidualStream | UnsupportedArchitecture
    try:
        with st.spinner(f"Running {plain(model.name)} up to this token…"):
            stream = _stream(model.name, run.ids_before(index), run.ablated, run.replacement, model)
    except UnsupportedArchitecture as reason:
        stream = reason
    return Moment(model, run, index, stream)


def say_unsupported(reason: UnsupportedArchitecture) -> None:
    """Say in the place of a figure why this model has none."""
    st.info(plain(str(reason)), icon=":material/info:")


def lens(at: Moment) -> None:
    """What the model would have said after each layer."""
    if isinstance(at.stream, UnsupportedArchitecture):
        say_unsupported(at.stream)
        return
    key = (at.model.name, at.ids, at.run.ablated, at.run.replacement, at.step.token_id)
    seen = _lens(*key, at.model, at.stream)
    chart = charts.lens_bars(seen.predictions, at.step.token_id, seen.target_probabilities.tolist())
    draw_chart(chart)
    st.caption(
        f"The best next word, read off the residual stream after each layer (the logit lens). "
        f"The orange mark is the probability of {at.word} there."
    )
    offer_figure(chart, "layer by layer", origin_of_token(at.run, at.index), key="lens")


def question_picker() -> str:
    """Choose what is asked about the heads: a key of `links.QUESTIONS`."""
    asked = st.segmented_control(
        "Show", list(QUESTIONS.values()), required=True, key="question", persist_state="session"
    )
    return next(name for name, question in QUESTIONS.items() if question == asked)


def foil_picker(at: Moment) -> int | None:
    """Choose a token among the alternatives to compare the chosen one with."""
    others = dict(zip(at.step.alternatives.token_ids, at.step.alternatives.top(10), strict=False))
    others.pop(at.step.token_id, None)
    options = [None, *others]
    if st.session_state.get("foil") not in options:
        st.session_state.foil = None
    return st.selectbox(
        "Rather than",
        options,
        key="foil",
        format_func=lambda i: (
            "anything: its logit alone" if i is None else f"“{token_label(others[i][0])}” ({others[i][1]:.1%})"
        ),
        help="With another token the numbers are of the difference between the two logits: what made it this word "
        "and not that one.",
        width=280,
    )


def attribution(at: Moment, foil: int | None) -> Attribution | UnsupportedArchitecture:
    """What each part of the model added to the token's logit, or why that can't be told of this model."""
    from attn_core.attribution import attribute

    if isinstance(at.stream, UnsupportedArchitecture):
        return at.stream
    try:
        return attribute(at.model, at.stream, at.step.token_id, foil)
    except UnsupportedArchitecture as reason:
        return reason


def strongest_head(at: Moment, pushed: Attribution | UnsupportedArchitecture) -> Head:
    """The head that pushed hardest; where that can't be told, the one whose look back says most."""
    if isinstance(pushed, UnsupportedArchitecture):
        return most_telling_head(at.step.attention, at.run.tokens_before(at.index))
    return _place(pushed.heads.argmax(), pushed.heads)


def contributions(at: Moment, pushed: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """The map of what each head added; a click on one chooses it."""
    if isinstance(pushed, UnsupportedArchitecture):
        say_unsupported(pushed)
        return
    rather = f" rather than “{token_label(pushed.foil)}”" if pushed.foil is not None else ""
    title = f"pushed “{token_label(at.step.token)}”{rather} by (logits)"
    head_map(pushed.heads, selected, title=title, of=origin_of_token(at.run, at.index), key="contributions")
    st.markdown(
        f"Heads **{signed(float(pushed.heads.sum()))}**, MLPs **{signed(float(pushed.mlps.sum()))}**, embedding "
        f"**{signed(pushed.embedding)}**, biases **{signed(pushed.biases)}**: "
        f"together **{signed(pushed.total)}**, "
        + ("its logit." if pushed.foil is None else f"its logit less that of {quoted(pushed.foil)}.")
    )


def heads_that_pushed(at: Moment, pushed: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """The heads that pushed hardest, in words; choosing one shows its lines."""
    if isinstance(pushed, UnsupportedArchitecture):
        return
    sentences = {
        head: f"{head_name(head)} pushed {at.word} by **{signed(float(pushed.heads[head]))}**; "
        f"it looked at {looked_at(at, head)}"
        for head in pushed.strongest(N_STRONGEST)
    }
    _tell(sentences, selected)
    against = _place(pushed.heads.argmin(), pushed.heads)
    if pushed.heads[against] < 0:
        st.caption(
            f"Hardest against it: {head_name(against)} ({signed(float(pushed.heads[against]))}), which looked at "
            f"{looked_at(at, against)}."
        )


def heads_that_are_missed(at: Moment, changes: NDArray[np.float32], selected: Head) -> None:
    """The heads without which the token loses most, in words; choosing one shows its lines."""
    order = (_place(place, changes) for place in changes.argsort(axis=None, kind="stable")[:N_STRONGEST])
    sentences = {
        head: f"without {head_name(head)} {at.word} loses **{-changes[head]:.2f}** nats; "
        f"it looked at {looked_at(at, head)}"
        for head in order
        if changes[head] <= -SMALLEST_LOSS
    }
    _tell(sentences, selected)


def _tell(sentences: dict[Head, str], selected: Head) -> None:
    if sentences:
        choice_of_heads("The strongest heads", sentences, selected)
    else:
        st.markdown("No single head makes a difference that could be seen.")


def _place(flat: np.integer, values: NDArray[np.floating]) -> Head:
    """The layer and head of a position in the flattened values, (n_layers, n_heads)."""
    layer, head = divmod(int(flat), values.shape[1])
    return layer, head


def looked_at(at: Moment, head: Head) -> str:
    """The word that a head looked at most, and how much, for markdown; the word it took most from if another."""
    labels = token_labels(at.run.tokens_before(at.index))
    looked = row_of(at, head, weighed=False)
    words = f"“{plain(labels[looked.argmax()])}” {looked.max():.2f}"
    took = row_of(at, head, weighed=at.value_norms is not None)
    if took.argmax() != looked.argmax():
        words += f" but took most from “{plain(labels[took.argmax()])}” {took.max():.2f}"
    return words


def row_of(at: Moment, head: Head, *, weighed: bool, hide_first: bool = False) -> NDArray[np.float32]:
    """How much a head looked at each token, or how much of what it passed on came from each.

    Sums to 1; the first token is left out if it is hidden, and with nothing left it is all zeros.
    """
    row = at.step.attention[head].astype(np.float32)
    if weighed and at.value_norms is not None:
        row = renormalised(row * at.value_norms[head], smallest=1e-12).astype(np.float32)
    if hide_first:
        row[0] = 0
        row = renormalised(row).astype(np.float32)
    return row


def nothing_left_in_row_note(row: NDArray[np.float32]) -> None:
    """Say why a row of `row_of` has no lines, if it has none."""
    if not row.any():
        st.caption("All of the attention went to the hidden first word.")


def switches(at: Moment, pushed: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Choose which heads are off, and see what becomes of the token."""
    reason = why_heads_stay_on(at.model)
    if reason is not None:
        say_unsupported(reason)
        return
    every_head = [(layer, head) for layer in range(at.model.n_layers) for head in range(at.model.n_heads)]
    st.session_state.heads_off_box = sorted(heads_off())
    st.multiselect(
        "Heads that are off",
        every_head,
        format_func=head_name,
        key="heads_off_box",
        on_change=lambda: switch_off(st.session_state.heads_off_box),
        placeholder="none",
    )
    with st.container(horizontal=True):
        st.button(
            f"Switch {head_name(selected)} off",
            on_click=switch_off,
            args=(heads_off() | {selected},),
            disabled=selected in heads_off(),
            icon=":material/power_off:",
        )
        if not isinstance(pushed, UnsupportedArchitecture):
            strongest = pushed.strongest(N_SWITCHED)
            st.button(
                f"Switch the {len(strongest)} strongest off",
                on_click=switch_off,
                args=(heads_off() | set(strongest),),
                disabled=not set(strongest) - heads_off(),
            )
    st.session_state.replacement_box = replacement()
    st.segmented_control(
        "Replaced by",
        list(REPLACEMENTS),
        format_func=REPLACEMENTS.__getitem__,
        key="replacement_box",
        required=True,
        on_change=_take_replacement,
        help="Zero takes away all that a head does. Its mean over the prompt leaves what is the same everywhere.",
    )
    _what_becomes_of_it(at)


def _take_replacement() -> None:
    st.session_state.replacement = st.session_state.replacement_box


def _what_becomes_of_it(at: Moment) -> None:
    off = heads_off()
    if (off, replacement()) == (at.run.ablated, at.run.replacement) or off == at.run.ablated == frozenset():
        return
    with st.spinner(f"Running {plain(at.model.name)} with {heads_phrase(off)}…"):
        probabilities = _probabilities(at.model.name, at.ids, off, replacement(), at.model)
    best = int(probabilities.argmax())
    after = float(probabilities[at.step.token_id])
    verdict = f"With {heads_phrase(off)} {at.word} goes from **{at.step.probability:.1%}** to **{after:.1%}**"
    if best == at.step.token_id:
        st.markdown(f"{verdict}: it is still the most probable token.")
    else:
        (token,) = texts_after_another(at.model.tokenizer, [best])
        st.markdown(f"{verdict}: {quoted(token)} (**{probabilities[best]:.1%}**) is the most probable token now.")


def scan(at: Moment, selected: Head) -> NDArray[np.float32] | None:
    """The map of what is lost without each head, after a button that works it out; it can be cancelled.

    Returns the changes of log-probability, float32 (n_layers, n_heads), once they are known.
    """
    from attn_core.attribution import ablation_scan

    reason = why_heads_stay_on(at.model)
    if reason is not None:
        say_unsupported(reason)
        return None
    kept: dict[Any, NDArray[np.float32]] = st.session_state.setdefault("scans", {})
    by = at.run.replacement if at.run.ablated else replacement()
    key = (at.model.name, at.ids, at.step.token_id, at.run.ablated, by)
    n_heads = at.model.n_layers * at.model.n_heads
    if key not in kept:
        place = st.empty()
        st.caption(
            f"Runs the model without each of its {n_heads} heads, one at a time, replaced by "
            f"{REPLACEMENTS[by]}: also what a head did through later layers counts."
        )
        st.session_state.scanned = False
        pressed = place.button(f"Switch off each of the {n_heads} heads in turn", icon=":material/power_off:")
        if not (pressed or to_do("scan")):
            return None
        place.button("Cancel", key="cancel_scan", icon=":material/stop:")
        bar = st.progress(0.0, text="Switching heads off…")
        changes = ablation_scan(
            at.model,
            at.ids,
            at.step.token_id,
            replacement=by,
            ablate=at.run.ablated,
            on_progress=lambda part: cast(None, bar.progress(part, text=f"{part:.0%} of the work")),
        )
        while len(kept) >= MAX_SCANS:
            kept.pop(next(iter(kept)))
        kept[key] = changes
        st.rerun()
    changes, st.session_state.scanned = kept[key], True
    title = f"log-probability of “{token_label(at.step.token)}” without it (nats)"
    head_map(changes, selected, title=title, of=origin_of_token(at.run, at.index), key="scan")
    st.markdown(
        f"A head that is purple is missed: without it, replaced by {REPLACEMENTS[by]}, {at.word} is less probable."
    )
    return changes
