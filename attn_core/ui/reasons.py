"""Why this word: the heads that made a generated token, and what happens without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.charts.texts import write_percent, write_signed, write_weight
from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, head_label
from attn_core.patterns import most_telling_head
from attn_core.tokens import texts_after_another, token_label, token_labels
from attn_core.trace import renormalised
from attn_core.ui.drawing import draw
from attn_core.ui.figures import choice_of_heads, show_head_map, show_row
from attn_core.ui.layout import panel
from attn_core.ui.links import DETAILS, QUESTIONS, scanned, to_do
from attn_core.ui.presenting import add_keys
from attn_core.ui.queue import let_others_run
from attn_core.ui.saving import offer_figure, origin_of_token
from attn_core.ui.state import choose_head, pick_one, plain, theme
from attn_core.ui.switches import REPLACEMENTS, heads_off, heads_phrase, replacement, switch_off, why_heads_stay_on
from attn_core.ui.views import View

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.attribution import Attribution
    from attn_core.generation import GeneratedText, Step
    from attn_core.lens import LogitLens
    from attn_core.model import LanguageModel
    from attn_core.residual import ResidualStream

N_STRONGEST = 10  # heads that are listed
N_SWITCHED = 5  # heads that one button switches off together
SMALLEST_LOSS = 0.005  # nats, that is said in words
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
            f"This text is by {plain(run.model)}. Choose that model to explain it, or press Generate to use the "
            "current one.",
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


def show_lens(at: Moment) -> None:
    """Draw the top prediction after each layer."""
    title = (
        f"**After each layer (logit lens).** The top prediction read from the residual stream. The orange tick is the "
        f"probability of {at.word}. Early layers were not trained to be read this way."
    )
    if isinstance(at.stream, UnsupportedArchitecture):
        say_unsupported(at.stream)
        return
    with st.spinner("Reading the residual stream…"):
        seen = _lens(
            at.model.name, at.ids, at.run.ablated, at.run.replacement, at.step.token_id, at.model, at.stream
        )
    figure = charts.lens_figure(
        seen.predictions, at.step.token_id, seen.target_probabilities.tolist(), theme=theme()
    )
    with panel("lens", title) as icons:
        draw(figure, key="lens", min_height=figure.least_height)
    with icons:
        offer_figure(figure, "top prediction after each layer", origin_of_token(at.run, at.index), key="lens")


def pick_effect(at: Moment) -> tuple[str, int | None]:
    """Draw the menu of what the map of heads shows.

    Returns:
        A key of `links.QUESTIONS`, and for the direct effect the id of the contrast token, if there is one.
    """
    direct = st.session_state.question == QUESTIONS["added"]
    label = "Effect: direct" if direct else "Effect: turned off"
    with st.popover(label, icon=":material/grid_view:", key="effect_menu"):
        asked = pick_one("Show", QUESTIONS, key="question", label_visible=True)
        return asked, pick_contrast(at) if asked == "added" else None


def pick_contrast(at: Moment) -> int | None:
    """Draw the choice of a token among the alternatives to compare the chosen one with, and return its id."""
    others = dict(zip(at.step.alternatives.token_ids, at.step.alternatives.top(10), strict=False))
    others.pop(at.step.token_id, None)
    options = [None, *others]
    if st.session_state.get("foil") not in options:
        st.session_state.foil = None
    return st.selectbox(
        "Contrast token",
        options,
        key="foil",
        format_func=lambda i: (
            f"none (logit of “{token_label(at.step.token)}” alone)"
            if i is None
            else f"“{token_label(others[i][0])}” ({write_percent(others[i][1])})"
        ),
        help="Shows the difference between two logits: what favored this token over the other one.",
    )


def attribution(at: Moment, foil: int | None) -> Attribution | UnsupportedArchitecture:
    """Return what each part of the model adds to the token's logit, or why that can't be said of this model."""
    from attn_core.attribution import attribute

    if isinstance(at.stream, UnsupportedArchitecture):
        return at.stream
    try:
        return attribute(at.model, at.stream, at.step.token_id, foil)
    except UnsupportedArchitecture as reason:
        return reason


def strongest_head(at: Moment, effects: Attribution | UnsupportedArchitecture) -> Head:
    """Return the head with the largest effect; where that is not known, the one whose attention says most."""
    if isinstance(effects, UnsupportedArchitecture):
        return most_telling_head(at.step.attention, at.run.tokens_before(at.index))
    return _place(effects.heads.argmax(), effects.heads)


def show_effects(at: Moment, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw the map of each head's direct effect; a click on one chooses it."""
    title = f"**Which heads raised {at.word}?**"
    if isinstance(effects, UnsupportedArchitecture):
        with panel("map", title):
            say_unsupported(effects)
        return
    token = f"“{token_label(at.step.token)}”"
    minus = f" minus “{token_label(effects.foil)}”" if effects.foil is not None else ""
    show_head_map(
        effects.heads,
        selected,
        title=f"{title} Green raises its logit, purple lowers it.",
        quantity=f"direct effect on {token}{minus} (logits)",
        source=origin_of_token(at.run, at.index),
        key="contributions",
    )


def sum_of_parts(at: Moment, effects: Attribution | UnsupportedArchitecture) -> str:
    """Return the sum of all parts of the model in one line of markdown; nothing where it is not known."""
    if isinstance(effects, UnsupportedArchitecture):
        return ""
    logit = f"the logit of {at.word}" + (
        f" minus that of {quoted(effects.foil)}" if effects.foil is not None else ""
    )
    parts = {
        "Heads": float(effects.heads.sum()),
        "MLPs": float(effects.mlps.sum()),
        "embedding": effects.embedding,
        "biases": effects.biases,
    }
    added = " + ".join(f"{name} **{write_signed(part)}**" for name, part in parts.items())
    return f"{added} = **{write_signed(effects.total)}**, {logit}."


def pick_strong_head(at: Moment, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """List the heads with the largest direct effects; choosing one shows what it attended to."""
    if isinstance(effects, UnsupportedArchitecture):
        say_unsupported(effects)
        return
    st.markdown(sum_of_parts(at, effects))
    sentences = {
        head: f"**{head_label(head)}** adds **{write_signed(float(effects.heads[head]))}** to {at.word} · "
        f"{attends_to(at, head)}"
        for head in effects.strongest(N_STRONGEST)
    }
    _list_heads(sentences, selected, "No head raises this logit.")
    against = _place(effects.heads.argmin(), effects.heads)
    if effects.heads[against] < 0:
        st.caption(
            f"Strongest against: {head_label(against)} ({write_signed(float(effects.heads[against]))}) · "
            f"{attends_to(at, against)}"
        )


def pick_missed_head(at: Moment, changes: NDArray[np.float32] | None, selected: Head) -> None:
    """List the heads without which the token loses most; choosing one shows what it attended to."""
    if changes is None:
        st.caption("Test all heads first: the button is over the map.")
        return
    order = (_place(place, changes) for place in changes.argsort(axis=None, kind="stable")[:N_STRONGEST])
    sentences = {
        head: f"**{head_label(head)}** off: {at.word} loses **{-changes[head]:.2f}** nats · {attends_to(at, head)}"
        for head in order
        if changes[head] <= -SMALLEST_LOSS
    }
    _list_heads(sentences, selected, f"With any one head off, {at.word} loses less than 0.005 nats.")


def _list_heads(sentences: dict[Head, str], selected: Head, otherwise: str) -> None:
    if sentences:
        choice_of_heads("Strongest heads", sentences, selected)
    else:
        st.markdown(otherwise)


def _place(flat: np.integer, values: NDArray[np.floating]) -> Head:
    """The layer and head of a position in the flattened values, (n_layers, n_heads)."""
    layer, head = divmod(int(flat), values.shape[1])
    return layer, head


def attends_to(at: Moment, head: Head) -> str:
    """Return the token that a head attended to most, in markdown; value-weighted too, if that is another one."""
    labels = token_labels(at.run.tokens_before(at.index))
    row = row_of(at, head, weighed=False)
    words = f"attends to “{plain(labels[row.argmax()])}” ({write_weight(float(row.max()))})"
    weighed = row_of(at, head, weighed=at.value_norms is not None)
    if weighed.argmax() != row.argmax():
        words += f" · value-weighted: “{plain(labels[weighed.argmax()])}” ({write_weight(float(weighed.max()))})"
    return words


def show_what_it_attended_to(
    at: Moment, head: Head, effects: Attribution | UnsupportedArchitecture, view: View
) -> None:
    """Draw the lines of one head from the token before the chosen one."""
    row = row_of(at, head, weighed=view.weighed, hide_first=view.hide_first)
    source = origin_of_token(at.run, at.index, weighed=view.weighed, hide_first=view.hide_first)
    title = f"**What {head_label(head)} attended to.**"
    if not row.any():
        title += " All its attention is on the hidden first token."
    elif not isinstance(effects, UnsupportedArchitecture):
        title += f" It adds **{write_signed(float(effects.heads[head]))}** to the logit."
    show_row(at.run.tokens_before(at.index), row, title=title, source=source, name=head_label(head))


def add_ranked_head_keys(effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Add keys that go up and down through the heads with the largest effects."""
    if isinstance(effects, UnsupportedArchitecture):
        return
    ranked = effects.strongest(N_STRONGEST)
    if not ranked:
        return
    at = ranked.index(selected) if selected in ranked else -1
    add_keys(
        ("Stronger head", "Up", choose_head, ranked[max(at - 1, 0)]),
        ("Weaker head", "Down", choose_head, ranked[min(at + 1, len(ranked) - 1)]),
        name="heads",
    )


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


def pick_heads_off(at: Moment, effects: Attribution | UnsupportedArchitecture, selected: Head) -> None:
    """Draw the choice of the heads that are off, and what that does to the token."""
    reason = why_heads_stay_on(at.model)
    if reason is not None:
        say_unsupported(reason)
        return
    every_head = [(layer, head) for layer in range(at.model.n_layers) for head in range(at.model.n_heads)]
    st.session_state.heads_off_box = sorted(heads_off())
    st.multiselect(
        "Heads off",
        every_head,
        format_func=head_label,
        key="heads_off_box",
        on_change=lambda: switch_off(st.session_state.heads_off_box),
        placeholder="none",
    )
    with st.container(horizontal=True):
        st.button(
            f"Turn off {head_label(selected)}",
            on_click=switch_off,
            args=(heads_off() | {selected},),
            disabled=selected in heads_off(),
            icon=":material/power_off:",
        )
        if not isinstance(effects, UnsupportedArchitecture) and (strongest := effects.strongest(N_SWITCHED)):
            st.button(
                f"Turn off the top {len(strongest)}",
                on_click=switch_off,
                args=(heads_off() | set(strongest),),
                disabled=not set(strongest) - heads_off(),
            )
    st.session_state.replacement_box = replacement()
    st.segmented_control(
        "Replace output with",
        list(REPLACEMENTS),
        format_func=REPLACEMENTS.__getitem__,
        key="replacement_box",
        required=True,
        on_change=_take_replacement,
        help="Zero removes the head's whole output. Its mean over the prompt removes only what varies from token to "
        "token.",
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
    then, now = write_percent(at.step.probability), write_percent(after)
    verdict = f"With {heads_phrase(off)}, {at.word} goes from **{then}** to **{now}**"
    if best == at.step.token_id:
        same = " Other heads may do the same: try turning off the strongest together." if then == now else ""
        st.markdown(f"{verdict} and stays the top prediction.{same}")
    else:
        (token,) = texts_after_another(at.model.tokenizer, [best])
        its = write_percent(float(probabilities[best]))
        st.markdown(f"{verdict} and {quoted(token)} (**{its}**) becomes the top prediction.")


def show_scan(at: Moment, selected: Head) -> NDArray[np.float32] | None:
    """Draw the map of what turning off each head does, after a button that works it out; it can be cancelled.

    Returns:
        The changes of log-probability, float32 (n_layers, n_heads), once they are known.
    """
    title = f"**Which heads does {at.word} need?**"
    by = at.run.replacement if at.run.ablated else replacement()
    reason = why_heads_stay_on(at.model)
    if reason is not None:
        with panel("map", title):
            say_unsupported(reason)
        return None
    kept: dict[Any, NDArray[np.float32]] = st.session_state.setdefault("scans", {})
    key = (at.model.name, at.ids, at.step.token_id, at.run.ablated, by)
    if key not in kept:
        with panel("map", title):
            found = _scan_heads(at, by)
        if found is None:
            return None
        kept[key] = found
        while len(kept) > MAX_SCANS:
            kept.pop(next(iter(kept)))
    if not scanned(at.run, at.index):
        st.session_state.scan_shown = at.run, at.index
        st.rerun()  # so that the link says it, and the button is gone
    changes = kept[key]
    show_head_map(
        changes,
        selected,
        title=f"{title} {_largest_loss(changes)} Purple: less probable with this head off (replaced with "
        f"{REPLACEMENTS[by]}).",
        quantity=f"change in log-probability of “{token_label(at.step.token)}” when off (nats)",
        source=origin_of_token(at.run, at.index),
        key="scan",
    )
    return changes


def _largest_loss(changes: NDArray[np.float32]) -> str:
    """Say in markdown without which head a token loses most."""
    head = _place(changes.argmin(), changes)
    if changes[head] > -SMALLEST_LOSS:
        return "No single one."
    return f"Most: **{head_label(head)}**, {write_signed(float(changes[head]))} nats."


def _scan_heads(at: Moment, by: Replacement) -> NDArray[np.float32] | None:
    """Test all heads once a button is pressed; None until then."""
    from attn_core.attribution import ablation_scan

    n_heads = at.model.n_layers * at.model.n_heads
    place = st.empty()
    st.caption(
        f"Turns off each of the {n_heads} heads in turn (output replaced with {REPLACEMENTS[by]}). Counts effects "
        "through later layers too."
    )
    st.session_state.scan_shown = None
    if not (place.button(f"Test all {n_heads} heads", icon=":material/power_off:") or to_do("scan")):
        return None
    place.button("Cancel", key="cancel_scan", icon=":material/stop:")
    bar = st.progress(0.0, text="Testing heads…")
    with let_others_run():
        return ablation_scan(
            at.model,
            at.ids,
            at.step.token_id,
            replacement=by,
            ablate=at.run.ablated,
            on_progress=lambda part: cast(None, bar.progress(part, text=f"Testing heads: {part:.0%}")),
        )


def pick_details() -> str:
    """Draw the choice of what is shown below the figures, and return it: a key of `links.DETAILS`."""
    return pick_one("Details", DETAILS, key="details")
