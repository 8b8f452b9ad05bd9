"""Draw the steps of the tour: a claim of the article, live figures, and whether it holds for the model in use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core.analysis import claims, examples
from attn_core.analysis.claims import Finding
from attn_core.analysis.comparison import AlignedWord, Comparison, align_words, compare
from attn_core.analysis.names import NameProbe
from attn_core.analysis.scores import LABELS
from attn_core.charts.formatting import format_percent, format_weight
from attn_core.errors import AttnCoreError
from attn_core.heads import Head, head_label
from attn_core.tokens import find_word, token_label, token_labels
from attn_core.trace import AttentionTrace, Prediction
from attn_core.ui.comparison import align_rows, describe_difference, find_changed_tokens, get_side_color
from attn_core.ui.errors import describe_error
from attn_core.ui.figures import (
    describe_hidden_links,
    describe_prediction,
    describe_strongest_link,
    show_grid,
    show_lines,
    show_next_tokens,
)
from attn_core.ui.generation import compute_continuation, shade_text
from attn_core.ui.heads import compute_head_scores, describe_pattern, pick_head, suggest_head
from attn_core.ui.layout import panel, show_note
from attn_core.ui.models import load_chosen_model
from attn_core.ui.names import compute_default_probe, describe_limits, show_names
from attn_core.ui.presenting import add_head_keys
from attn_core.ui.recordings import close_recording, show_recording_download
from attn_core.ui.saving import describe_source
from attn_core.ui.session import session
from attn_core.ui.state import TOUR_TEXTS, choose_head, escape_markdown
from attn_core.ui.switches import describe_heads_off, get_heads_off, get_replacement
from attn_core.ui.traces import compute_trace, pick_prompt
from attn_core.ui.views import (
    ViewOptions,
    describe_figure,
    describe_rescaling,
    pick_first_token_hidden,
    pick_query,
    pick_token,
)

Columns = list[DeltaGenerator]

BIOGRAPHY_TOKENS = 30


@dataclass(frozen=True)
class Slide:
    """Hold the containers for the text of a slide.

    Attributes:
        verdict: for whether the claim holds.
        own: for a visitor's own prompt.
        more: for links to other pages.
        notes: for notes under the figures.
    """

    verdict: DeltaGenerator
    own: DeltaGenerator
    more: DeltaGenerator
    notes: DeltaGenerator


def show_subject(slide: Slide, columns: Columns) -> None:
    """Show claim 1: from `ran` a head attends to `dog`."""
    original, menu = _load_step_trace(slide, "tour_subject")
    with menu:
        view = ViewOptions(hide_first=pick_first_token_hidden())
        trace = view.apply(original)
        query, key = _pick_link(trace, is_article_prompt=original.text.startswith(examples.DOG))
    if query == 0:
        _show_unsuitable_prompt(slide, "The first token can only attend to itself. Choose a later query token.")
        with columns[0]:
            _show_suggested_head(trace, original, view, key="tour_subject_query", query=query)
        return
    measured = view.apply_unscaled(original)
    finding = claims.attends(measured, query, key)
    _show_verdict(slide, finding, _describe_link(finding, token_labels(trace.tokens), query, key))
    head = _pick_found_or_article_head(slide, _get_head(finding), original)
    if head != finding.head:
        weight = format_weight(float(measured.head(*head)[query, key]))
        slide.verdict.markdown(f"In the article it is {head_label(head)}; its weight here is **{weight}**.")
    with columns[0]:
        title = f"**{head_label(head)}** · {describe_strongest_link(trace, *head, query, view=view)}"
        show_lines(
            trace,
            *head,
            title=title,
            query=query,
            source=describe_source(original, view_options=view),
            key="tour_subject_query",
        )
    with slide.notes:
        show_note(describe_figure(trace, *head))
        show_note(describe_rescaling(view))
    _pick_other_page(slide, "head_view", "Open in Head view", head, prompt=original.text)


def _pick_link(trace: AttentionTrace, *, is_article_prompt: bool) -> tuple[int, int]:
    """Draw the choice of a query and a key token, and return both; the default is the article's pair, if any."""
    verb, subject = (find_word(trace.tokens, word) if is_article_prompt else None for word in ("ran", "dog"))
    query = pick_token(
        "Query token", trace, key="tour_subject_query", default=trace.n_tokens - 1 if verb is None else verb
    )
    default_key = max(query - 2, 0) if subject is None else subject
    return query, pick_token("Key token", trace, key="tour_subject_key", default=default_key, stop=query + 1)


def _describe_link(finding: Finding, labels: Sequence[str], query: int, key: int) -> str:
    """Return one sentence in markdown: which head puts most of its attention on a link, and how much."""
    from_token, to_token = (escape_markdown(labels[position]) for position in (query, key))
    name, number = head_label(_get_head(finding)), format_weight(finding.number)
    if finding.holds:
        return f"From **{from_token}**, {name} puts **{number}** of its attention on **{to_token}**."
    return (
        f"From **{from_token}**, the most any head puts on **{to_token}** is **{number}** ({name}). The threshold "
        "is 0.50."
    )


def show_all_heads(slide: Slide, columns: Columns) -> None:
    """Show claim 2: 144 patterns."""
    trace, menu = _load_step_trace(slide, "tour_grid")
    counts = Counter(compute_head_scores(trace).labels)
    n_heads = trace.n_layers * trace.n_heads
    is_same = (trace.n_layers, trace.n_heads) == (12, 12)
    shape = f"{trace.n_layers} × {trace.n_heads}".replace(" ", "\N{NO-BREAK SPACE}")
    _show_verdict(
        slide,
        Finding(is_same, 1.0),
        f"This model has {shape} = **{n_heads}** heads{'' if is_same else ', not 12 × 12'}. "
        f"On this prompt: {', '.join(f'{count} {label}' for label, count in counts.most_common())}.",
    )
    _show_grid_and_lines(slide, columns, trace, suggest_head(trace), menu)


def show_previous_token(slide: Slide, columns: Columns) -> None:
    """Show claim 3: one head always attends to the previous token."""
    trace, menu = _load_step_trace(slide, "tour_previous")
    finding = claims.has_score(trace, "previous_token")
    if finding is None:
        _show_unsuitable_prompt(
            slide, "Too short to tell the previous token from the first. Type three words or more."
        )
        _show_grid_and_lines(slide, columns, trace, suggest_head(trace), menu)
        return
    name, number = head_label(_get_head(finding)), format_weight(finding.number)
    _show_verdict(
        slide,
        finding,
        f"{name} puts **{number}** of its attention on the previous token, on average."
        if finding.holds
        else f"The most any head puts on the previous token, on average, is **{number}** ({name}). The threshold "
        "is 0.50.",
    )
    heads = _find_labeled_heads(trace, "previous_token") or [_get_head(finding)]
    _show_grid_and_lines(slide, columns, trace, _get_head(finding), menu, heads=heads)


def show_first_token(slide: Slide, columns: Columns) -> None:
    """Show claim 4: very many heads attend only to the first token."""
    trace, menu = _load_step_trace(slide, "tour_nothing")
    finding = claims.has_null_heads(trace)
    if finding is None:
        _show_unsuitable_prompt(slide, "Too short to tell. Type three words or more.")
        _show_grid_and_lines(slide, columns, trace, suggest_head(trace), menu)
        return
    heads = _find_labeled_heads(trace, "first_token")
    n_heads = trace.n_layers * trace.n_heads
    sentence = f"**{len(heads)} of {n_heads} heads** are labeled *null*: they attend mostly to the first token."
    _show_verdict(
        slide, finding, sentence if finding.holds else f"{sentence} The threshold is a quarter of all heads."
    )
    suggested = heads[0] if heads else suggest_head(trace)
    _show_grid_and_lines(slide, columns, trace, suggested, menu, heads=heads)


def show_list(slide: Slide, columns: Columns) -> None:
    """Show claim 5: a head attends to a list's earlier items, and the list goes on."""
    original, menu = _load_step_trace(slide, "tour_list")
    finding = claims.has_score(original, "list_items")
    separator = claims.find_last_separator(original)
    with menu:
        view = ViewOptions(hide_first=pick_first_token_hidden())
        trace = view.apply(original)
        if separator is not None and finding is not None:
            default = separator - original.n_tokens + trace.n_tokens
            query = pick_query(trace, key="tour_list_query", default=default)
    if separator is None or finding is None:
        _show_unsuitable_prompt(
            slide,
            "No list found. End the prompt like “apples, pears and”."
            if separator is None
            else "The list begins with the first token, where heads rest. Type a word or two before it.",
        )
        with columns[0]:
            _show_suggested_head(trace, original, view, key="tour_list_query", query=trace.n_tokens - 1)
        with columns[1]:
            show_next_tokens(original.prediction, title="**What comes next**", source=describe_source(original))
        return
    head = _get_head(finding)
    _show_verdict(slide, finding, _describe_list_head(finding))
    with columns[0]:
        show_lines(
            trace,
            *head,
            title=f"**What {head_label(head)} attends to**",
            query=query,
            source=describe_source(original, view_options=view),
            key="tour_list_query",
        )
    with columns[1]:
        if original.prediction is not None and original.text == examples.KITE:
            _show_color_verdict(slide, original.prediction)
        show_next_tokens(original.prediction, title="**What comes next**", source=describe_source(original))
    _pick_other_page(slide, "generate", "Continue in Generate", prompt=original.text)


def _describe_list_head(finding: Finding) -> str:
    """Return one sentence in markdown: how much the best head attends to earlier items of the list."""
    name, number = head_label(_get_head(finding)), format_weight(finding.number)
    where = "At the list's commas and conjunctions,"
    if finding.holds:
        return f"{where} {name} puts **{number}** of its attention on earlier items."
    return f"{where} the most any head puts on earlier items is **{number}** ({name}). The threshold is 0.50."


def _show_color_verdict(slide: Slide, prediction: Prediction) -> None:
    """Say whether the top prediction is a color."""
    finding = claims.predicts_color(prediction)
    is_color = "a color" if finding.holds else "not on our list of colors"
    _show_verdict(slide, finding, f"Top prediction: {describe_prediction(prediction)}, {is_color}.")


def show_biography(slide: Slide, columns: Columns) -> None:
    """Show claim 6: a biography for a name that is several tokens."""
    from attn_core.models.encoding import find_positions

    _show_model_needed(slide)
    _reserve_own_prompt_menu(slide, "tour_name", "Try another name", label="A name")
    name = session.tour_name.strip()
    model = load_chosen_model()
    trace = compute_trace(model, f"Who is {name}?" if name else "")
    show_recording_download(trace.to_bytes, trace.text)
    try:
        text = compute_continuation(model, trace.text, BIOGRAPHY_TOKENS, get_heads_off(), get_replacement())
    except AttnCoreError as error:  # the prompt leaves no room for new tokens
        slide.verdict.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        return
    surname = name.split()[-1]
    end = trace.text.rindex(name) + len(name)
    name_positions, surname_positions = (
        find_positions(model, trace.text, end - len(part), end) for part in (name, surname)
    )
    # Some tokenizers lowercase the text.
    surname_text = "".join(trace.tokens[position] for position in surname_positions).strip() or surname
    continuation = "".join(step.token for step in text.steps)
    is_repeated = bool(re.search(rf"(?<!\w){re.escape(surname_text)}(?!\w)", continuation))
    labels = token_labels(trace.tokens)
    tokens = " ".join(f":blue-badge[{escape_markdown(labels[position])}]" for position in name_positions)
    verb = "repeats" if is_repeated else "does not repeat"
    _show_verdict(
        slide,
        Finding(is_repeated, float(is_repeated)),
        f"The continuation {verb} **{escape_markdown(surname)}**. The model reads the name as {tokens}.",
    )
    n_tokens = len(text.steps)
    with columns[0], panel("text", f"**{n_tokens} tokens, each the most probable one.** Generated text, not fact."):
        st.html(f'<div class="large-text">{shade_text(text)}</div>')
    _pick_other_page(slide, "generate", "Explain it in Generate", prompt=trace.text)


def show_son_and_colleague(slide: Slide, columns: Columns) -> None:
    """Show claim 7: a head attends to the surname for the son and not for the colleague."""
    _show_model_needed(slide)
    menu = _reserve_own_prompt_menu(slide, "tour_a", "Try your own prompts", label="Prompt A")
    with menu:
        _pick_own_prompt("Prompt B", "tour_b")
        view = ViewOptions(hide_first=pick_first_token_hidden())
    text_a, text_b = session.tour_a, session.tour_b
    model = load_chosen_model()
    a, b = compute_trace(model, text_a), compute_trace(model, text_b)
    with menu:
        queries = [_pick_query_of(letter, view.apply(trace)) for letter, trace in (("a", a), ("b", b))]
    show_recording_download(a.to_bytes, a.text, label="Save recording A (.npz)", name="A")
    show_recording_download(b.to_bytes, b.text, label="Save recording B (.npz)", name="B")
    comparison = compare(a, b)
    index, is_article_prompt = _find_dropped_word(comparison, (text_a, text_b))
    if index is None:
        _show_unsuitable_prompt(slide, describe_difference(a, b) or _describe_missing_shared_word(comparison, a, b))
        head = suggest_head(a)
    else:
        finding = claims.drops_attention(comparison, index)
        _show_drop(slide, comparison, index, finding, is_article_prompt)
        if note := describe_difference(a, b):
            slide.verdict.caption(note)
        _show_next_token(slide, comparison.words[index], a, b)
        head = _pick_found_or_article_head(slide, _get_head(finding), a)
    *rows, n_rows = align_rows(a, b, view)
    sides = zip(columns, "AB", (a, b), queries, find_changed_tokens(a, b, view), rows, strict=True)
    for column, letter, original, query, marks, row in sides:
        with column:
            _show_side(letter, original, head, view, query, marks=marks, rows=row, n_rows=n_rows)
    with slide.notes:
        show_note(describe_figure(view.apply(a), *head))
    _pick_other_page(slide, "compare", "Open in Compare", head, prompt_a=text_a, prompt_b=text_b)


def _pick_query_of(letter: str, trace: AttentionTrace) -> int | None:
    """Draw the choice of the query token in prompt A or B, and return its position; None means all tokens."""
    return pick_query(
        trace,
        key=f"tour_{letter}_query",
        default=trace.n_tokens - 1,
        label=f"Query token in {letter.upper()}",
    )


def _show_next_token(slide: Slide, word: AlignedWord, a: AttentionTrace, b: AttentionTrace) -> None:
    """Say how probable a word is as the next token of each prompt."""
    if a.prediction is None or b.prediction is None or word.span_a is None:
        return
    token = a.tokens[word.span_a[0]]
    after_a, after_b = (format_percent(side.probability_of(token)) for side in (a.prediction, b.prediction))
    slide.verdict.markdown(
        f"Next token “{escape_markdown(token_label(token))}”: **{after_a}** after A, **{after_b}** after B."
    )


def _show_side(
    letter: str, original: AttentionTrace, head: Head, view: ViewOptions, query: int | None, **options: Any
) -> None:
    """Draw one head's lines in one of two prompts."""
    trace = view.apply(original)
    shown = trace.n_tokens - 1 if query is None else query
    show_lines(
        trace,
        *head,
        title=f"**{letter}** · {describe_strongest_link(trace, *head, shown, view=view)}",
        query=query,
        source=describe_source(original, view_options=view),
        key=f"tour_{letter.lower()}_query",
        panel_name=letter,
        mark_color=get_side_color(letter),
        **options,
    )


def _find_dropped_word(comparison: Comparison, texts: tuple[str, str]) -> tuple[int | None, bool]:
    """Return the index of the word that a head should ignore in B, and whether it is the article's word."""
    surname = _find_shared_word("Vig", comparison) if texts == (examples.SON, examples.COLLEAGUE) else None
    if surname is not None:
        return surname, True
    return claims.find_most_dropped_word(comparison), False


def _show_drop(slide: Slide, comparison: Comparison, index: int, finding: Finding, is_article_prompt: bool) -> None:
    head, label = _get_head(finding), escape_markdown(comparison.words[index].label)
    in_a, in_b = (
        format_weight(float(side[(*head, index)])) for side in (comparison.attention_a, comparison.attention_b)
    )
    name = head_label(head)
    drop = f"From the last token, {name} puts **{in_a}** of its attention on **{label}** in A and **{in_b}** in B."
    if not is_article_prompt:
        _show_measurement(slide, drop if finding.number else "No head attends less to a shared word in B.")
    elif finding.holds:
        _show_verdict(slide, finding, drop)
    else:
        largest = f"The largest drop is in {name}: **{in_a}** on **{label}** in A, **{in_b}** in B."
        _show_verdict(slide, finding, f"{largest} The threshold is a drop of 0.30.")


def _describe_missing_shared_word(comparison: Comparison, a: AttentionTrace, b: AttentionTrace) -> str:
    """Return why no word can be compared, and what to do."""
    if comparison.has_shared_words or not any(word.kind == "equal" for word in align_words(a.tokens, b.tokens)):
        return "Only the last word is shared. Use one sentence twice, with one word changed."
    return "Only the first word is shared, where heads rest. Use one sentence twice, with one word changed."


def show_names_of_groups(slide: Slide, columns: Columns) -> None:
    """Show claim 8: the continuation may differ with the sex or the origin that a name suggests."""
    _show_model_needed(slide)
    try:
        probe = compute_default_probe(load_chosen_model())
    except AttnCoreError as error:  # the tokenizer has no tokens for a name or a word
        slide.verdict.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        return
    slide.verdict.markdown(
        f"After “**{escape_markdown(probe.template)}**”, {len(probe.names)} names: "
        f"{_describe_largest_difference(probe)}"
    )
    with slide.more.popover("What this can show", icon=":material/balance:"):
        st.markdown(describe_limits(probe))
    with columns[0]:
        show_names(probe)
    _pick_other_page(slide, "names", "Open in Many names")


def _describe_largest_difference(probe: NameProbe) -> str:
    """Return sentences in markdown: which word differs most between the groups, with its interval."""
    largest = probe.differences().iloc[0]
    points, low, high = (100 * float(largest[name]) for name in ("difference", "low", "high"))
    low_text, high_text = (f"{end:+.2f}".replace("-", "−") for end in (low, high))
    chance = (
        "The interval includes 0, so this may be chance."
        if low <= 0 <= high
        else "The interval excludes 0, so chance in the choice of names is an unlikely explanation."
    )
    return (
        f"**{escape_markdown(str(largest['word']))}** differs most, {abs(points):.2f} percentage points "
        f"{'more' if points > 0 else 'less'} probable after {escape_markdown(probe.groups[0].lower())} "
        f"(95% interval {low_text} to {high_text}, adjusted for {len(probe.words)} comparisons). {chance}"
    )


def _show_verdict(slide: Slide, finding: Finding, sentence: str) -> None:
    """Say whether the claim holds for this prompt and model, with the number."""
    badge = (
        ":green-badge[:material/check: Holds for this prompt]"
        if finding.holds
        else ":orange-badge[:material/close: Does not hold for this prompt]"
    )
    with slide.verdict.container(border=True):
        st.markdown(f"{badge} {sentence}")


def _show_measurement(slide: Slide, sentence: str) -> None:
    """Say what was measured on prompts that the claim is not about."""
    with slide.verdict.container(border=True):
        st.markdown(f":blue-badge[:material/edit: Measured on your prompts] {sentence}")


def _find_shared_word(label: str, comparison: Comparison) -> int | None:
    """Return the index of a word that both texts have, ignoring case; None if they don't have it."""
    labels = [word.label.casefold() if word.kind == "equal" else None for word in comparison.words]
    return labels.index(label.casefold()) if label.casefold() in labels else None


def _show_unsuitable_prompt(slide: Slide, sentence: str) -> None:
    """Say why the prompt cannot show the claim, and what to do."""
    slide.verdict.info(sentence, icon=":material/edit:")


def _get_head(finding: Finding) -> Head:
    return cast(Head, finding.head)


def _load_step_trace(slide: Slide, name: str) -> tuple[AttentionTrace, DeltaGenerator]:
    """Return the open recording, or else the trace of this step's prompt, and the menu of that prompt.

    The menu is drawn first, so that it is there also if the model can't run on the prompt.
    """
    menu = _reserve_own_prompt_menu(slide, name)
    if session.recording is not None:
        recording = session.recording
        session.model_status.caption("Recording open. No model loaded.")
        ablation = f" · **{describe_heads_off(recording.ablated)}**" if recording.ablated else ""
        with slide.own:
            st.markdown(f":material/album: Recording **{escape_markdown(session.recording_name)}**{ablation}")
            st.button("Close recording", on_click=close_recording, icon=":material/close:")
        trace = recording
    else:
        trace = compute_trace(load_chosen_model(), session[name])
    show_recording_download(trace.to_bytes, trace.text)
    return trace, menu


def _show_model_needed(slide: Slide) -> None:
    if session.recording is not None:
        slide.own.caption(
            "A recording is open on other pages. This step needs a model, so it uses the prompt below."
        )


def _reserve_own_prompt_menu(
    slide: Slide, name: str, title: str = "Try your own prompt", *, label: str = "Your prompt"
) -> DeltaGenerator:
    """Return the menu for a visitor's own prompt, with its box; further controls go below the box."""
    menu = slide.own.popover(title, icon=":material/edit:", key=f"own_{name}", width="stretch")
    if session.recording is None or name in ("tour_name", "tour_a"):
        with menu:
            _pick_own_prompt(label, name)
    return menu


def _pick_own_prompt(label: str, name: str) -> None:
    text = pick_prompt(label, name, label_visible=True)
    placeholder = st.empty()  # always, so that what follows keeps its place on the page
    if text != TOUR_TEXTS[name]:
        placeholder.button(
            "Restore the article's prompt",
            on_click=_restore_prompt,
            args=(name,),
            key=f"restore_{name}",
            icon=":material/undo:",
        )


def _restore_prompt(name: str) -> None:
    session[name] = TOUR_TEXTS[name]


def _pick_found_or_article_head(slide: Slide, found: Head, trace: AttentionTrace) -> Head:
    """Return the head found here; if the article shows another one, draw the choice between both."""
    article_head = examples.article_head(trace.model, trace.text)
    if article_head is None or article_head == found:
        return found
    options = {
        f"found here: {head_label(found)}": found,
        f"in the article: {head_label(article_head)}": article_head,
    }
    with slide.verdict:
        chosen = st.segmented_control(
            "Head", list(options), default=next(iter(options)), required=True, label_visibility="collapsed"
        )
    return options[str(chosen)]


def _show_grid_and_lines(
    slide: Slide,
    columns: Columns,
    trace: AttentionTrace,
    suggested: Head,
    menu: DeltaGenerator,
    *,
    heads: list[Head] | None = None,
) -> None:
    """Draw all heads, with some of them highlighted, and the lines of one; a click chooses another."""
    _reset_tour_head(trace)
    head = session.tour_head or suggested
    with menu:
        view = ViewOptions(hide_first=pick_first_token_hidden())
        shown = view.apply(trace)
        pick_head(trace.attention, head, on_change=_choose_tour_head, key="tour_", keys=False)
        query = pick_query(shown, key="tour_all")
    add_head_keys(trace.n_layers, trace.n_heads, lambda: session.tour_head or suggested, _choose_tour_head)
    source = describe_source(trace, view_options=view)
    scores = compute_head_scores(trace)
    with columns[0]:
        show_grid(
            shown,
            head,
            title=f"**{trace.n_layers * trace.n_heads} heads.** Click one.",
            source=source,
            key="tour_heads",
            on_choose=_choose_tour_head,
            labels=scores.labels,
            evidence=scores.evidence,
            heads=heads,
        )
    with columns[1]:
        title = f"**{head_label(head)}** · {describe_pattern(trace, *head)}"
        show_lines(shown, *head, title=title, query=query, source=source, key="tour_all")
    with slide.notes:
        show_note(describe_figure(shown, *head))
        show_note(describe_hidden_links(shown, [head], query))
    _pick_other_page(slide, "head_grid", "Open in Head grid", head, prompt=trace.text)


def _reset_tour_head(trace: AttentionTrace) -> None:
    """Reset the chosen head if it was chosen in another trace."""
    current = (trace.model, trace.tokens)
    if session.tour_head_source not in (None, current):  # at first, the head may come from the link
        session.tour_head = None
    session.tour_head_source = current


def _choose_tour_head(layer: int, head: int) -> None:
    session.tour_head = (layer, head)


def _show_suggested_head(
    trace: AttentionTrace, original: AttentionTrace, view: ViewOptions, *, key: str, query: int
) -> None:
    """Draw the lines of the suggested head, where the prompt cannot show the claim."""
    head = suggest_head(original)
    title = f"**{head_label(head)}** · {describe_strongest_link(trace, *head, query, view=view)}"
    show_lines(trace, *head, title=title, query=query, source=describe_source(original, view_options=view), key=key)


def _find_labeled_heads(trace: AttentionTrace, score: str) -> list[Head]:
    """Return the heads labeled by this score, the clearest first."""
    scores = compute_head_scores(trace)
    indices = [index for index, label in enumerate(scores.labels) if label == LABELS[score]]
    indices.sort(key=lambda index: -scores.columns[score][index])
    return [divmod(index, trace.n_heads) for index in indices]


def _pick_other_page(slide: Slide, page: str, label: str, head: Head | None = None, **texts: str) -> None:
    """Draw a button that takes the step's prompt and head to another page."""
    if slide.more.button(label, icon=":material/arrow_outward:", type="tertiary"):
        if session.recording is None:
            for name, text in texts.items():
                session[name] = text
        if head is not None:
            choose_head(*head)
        st.switch_page(f"pages/{page}.py")
