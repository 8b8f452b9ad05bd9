"""The steps of the tour: a claim of the article, live figures, and whether it holds for the model at hand."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core import claims, examples
from attn_core.charts.texts import write_percent, write_weight
from attn_core.claims import Finding
from attn_core.comparison import AlignedWord, Comparison, aligned_words, compare
from attn_core.errors import AttnCoreError
from attn_core.heads import Head, head_label
from attn_core.names import NameProbe
from attn_core.patterns import LABELS
from attn_core.tokens import find_word, token_label, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.comparing import color_of_side, difference_note, marked_tokens, shared_rows
from attn_core.ui.figures import (
    note_on_links,
    show_grid,
    show_lines,
    show_next_tokens,
    strongest_link,
    top_prediction,
)
from attn_core.ui.heads import head_pattern, head_scores_of, pick_head, suggested_head
from attn_core.ui.layout import panel, quiet_note
from attn_core.ui.models import language_model
from attn_core.ui.names import caution, show_names, usual_probe
from attn_core.ui.presenting import add_head_keys
from attn_core.ui.recordings import close_recording, offer_recording
from attn_core.ui.saving import origin
from attn_core.ui.state import TOUR_TEXTS, choose_head, plain
from attn_core.ui.switches import heads_off, heads_phrase, replacement
from attn_core.ui.traces import show_prompt, trace_of
from attn_core.ui.views import View, hiding_switch, note_on_hidden, note_on_view, pick_query, pick_token
from attn_core.ui.writing import continuation, shaded

Columns = list[DeltaGenerator]

BIOGRAPHY = 30  # tokens


@dataclass(frozen=True)
class Slide:
    """The places in the text of a slide.

    Attributes:
        verdict: whether the claim holds.
        own: where a prompt of one's own is typed.
        more: where to go on.
        notes: quiet notes, below the figures.
    """

    verdict: DeltaGenerator
    own: DeltaGenerator
    more: DeltaGenerator
    notes: DeltaGenerator


def show_subject(slide: Slide, columns: Columns) -> None:
    """Claim 1: from `ran` a head attends to `dog`."""
    whole, menu = _prompt_or_recording(slide, "tour_subject")
    with menu:
        view = View(hide_first=hiding_switch())
        trace = view.of(whole)
        of_the_article = whole.text.startswith(examples.DOG)
        verb, subject = (find_word(trace.tokens, word) if of_the_article else None for word in ("ran", "dog"))
        query = pick_token(
            "Query token", trace, key="tour_subject_query", default=trace.n_tokens - 1 if verb is None else verb
        )
        usual = max(query - 2, 0) if subject is None else subject
        key = pick_token("Key token", trace, key="tour_subject_key", default=usual, stop=query + 1)
    if query == 0:
        _cannot_tell(slide, "The first token can only attend to itself. Choose a later query token.")
        with columns[0]:
            _show_any_head(trace, whole, view, key="tour_subject_query", query=query)
        return
    measured = view.measured(whole)
    finding = claims.links(measured, query, key)
    from_token, to_token = (plain(token_labels(trace.tokens)[position]) for position in (query, key))
    found = head_label(_head(finding))
    number = write_weight(finding.number)
    if finding.holds:
        sentence = f"From **{from_token}**, {found} puts **{number}** of its attention on **{to_token}**."
    else:
        sentence = (
            f"From **{from_token}**, the most any head puts on **{to_token}** is **{number}** ({found}). The threshold "
            "is 0.50."
        )
    _verdict(slide, finding, sentence)
    head = _found_or_articles(slide, _head(finding), whole)
    if head != finding.head:
        its = write_weight(float(measured.head(*head)[query, key]))
        slide.verdict.markdown(f"In the article it is {head_label(head)}; its weight here is **{its}**.")
    with columns[0]:
        title = f"**{head_label(head)}** · {strongest_link(trace, *head, query, view=view)}"
        show_lines(trace, *head, title=title, query=query, source=origin(whole, how=view), key="tour_subject_query")
    with slide.notes:
        quiet_note(note_on_view(trace, *head))
        quiet_note(note_on_hidden(view))
    _open_elsewhere(slide, "head_view", "Open in Head view", head, prompt=whole.text)


def show_all_heads(slide: Slide, columns: Columns) -> None:
    """Claim 2: 144 patterns."""
    trace, menu = _prompt_or_recording(slide, "tour_grid")
    kinds = Counter(head_scores_of(trace).labels)
    number = trace.n_layers * trace.n_heads
    same = (trace.n_layers, trace.n_heads) == (12, 12)
    shape = f"{trace.n_layers} × {trace.n_heads}".replace(" ", "\N{NO-BREAK SPACE}")
    _verdict(
        slide,
        Finding(same, 1.0),
        f"This model has {shape} = **{number}** heads{'' if same else ', not 12 × 12'}. "
        f"On this prompt: {', '.join(f'{count} {label}' for label, count in kinds.most_common())}.",
    )
    _grid_and_lines(slide, columns, trace, suggested_head(trace), menu)


def show_previous_token(slide: Slide, columns: Columns) -> None:
    """Claim 3: one head always attends to the previous token."""
    trace, menu = _prompt_or_recording(slide, "tour_previous")
    finding = claims.does(trace, "previous_token")
    if finding is None:
        _cannot_tell(slide, "Too short to tell the previous token from the first. Type three words or more.")
        _grid_and_lines(slide, columns, trace, suggested_head(trace), menu)
        return
    found, number = head_label(_head(finding)), write_weight(finding.number)
    _verdict(
        slide,
        finding,
        f"{found} puts **{number}** of its attention on the previous token, on average."
        if finding.holds
        else f"The most any head puts on the previous token, on average, is **{number}** ({found}). The threshold is "
        "0.50.",
    )
    heads = _heads_labeled(trace, "previous_token") or [_head(finding)]
    _grid_and_lines(slide, columns, trace, _head(finding), menu, heads=heads)


def show_first_token(slide: Slide, columns: Columns) -> None:
    """Claim 4: very many heads attend only to the first token."""
    trace, menu = _prompt_or_recording(slide, "tour_nothing")
    finding = claims.finds_nothing(trace)
    if finding is None:
        _cannot_tell(slide, "Too short to tell. Type three words or more.")
        _grid_and_lines(slide, columns, trace, suggested_head(trace), menu)
        return
    heads = _heads_labeled(trace, "first_token")
    number = trace.n_layers * trace.n_heads
    sentence = f"**{len(heads)} of {number} heads** are labeled *null*: they attend mostly to the first token."
    _verdict(slide, finding, sentence if finding.holds else f"{sentence} The threshold is a quarter of all heads.")
    suggested = heads[0] if heads else suggested_head(trace)
    _grid_and_lines(slide, columns, trace, suggested, menu, heads=heads)


def show_list(slide: Slide, columns: Columns) -> None:
    """Claim 5: a head attends to a list's earlier items, and the list goes on."""
    whole, menu = _prompt_or_recording(slide, "tour_list")
    finding = claims.does(whole, "list_items")
    separator = claims.last_separator(whole)
    with menu:
        view = View(hide_first=hiding_switch())
        trace = view.of(whole)
        if separator is not None and finding is not None:
            default = separator - whole.n_tokens + trace.n_tokens
            query = pick_query(trace, key="tour_list_query", default=default)
    if separator is None or finding is None:
        _cannot_tell(
            slide,
            "No list found. End the prompt like “apples, pears and”."
            if separator is None
            else "The list begins with the first token, where heads rest. Type a word or two before it.",
        )
        with columns[0]:
            _show_any_head(trace, whole, view, key="tour_list_query", query=trace.n_tokens - 1)
        with columns[1]:
            show_next_tokens(whole.prediction, title="**What comes next**", source=origin(whole))
        return
    head, number = _head(finding), write_weight(finding.number)
    where = "At the list's commas and conjunctions,"
    _verdict(
        slide,
        finding,
        f"{where} {head_label(head)} puts **{number}** of its attention on earlier items."
        if finding.holds
        else f"{where} the most any head puts on earlier items is "
        f"**{number}** ({head_label(head)}). The threshold is 0.50.",
    )
    with columns[0]:
        title = f"**What {head_label(head)} attends to**"
        show_lines(trace, *head, title=title, query=query, source=origin(whole, how=view), key="tour_list_query")
    prediction = whole.prediction
    with columns[1]:
        title = "**What comes next**"
        if prediction is not None and whole.text == examples.KITE:
            color = claims.names_a_colour(prediction)
            is_color = "a color" if color.holds else "not on our list of colors"
            _verdict(slide, color, f"Top prediction: {top_prediction(prediction)}, {is_color}.")
        show_next_tokens(prediction, title=title, source=origin(whole))
    _open_elsewhere(slide, "generate", "Continue in Generate", prompt=whole.text)


def show_biography(slide: Slide, columns: Columns) -> None:
    """Claim 6: a biography for a name that is several tokens."""
    from attn_core.encoding import positions_of

    _needs_a_model(slide)
    _own_menu(slide, "tour_name", "Try another name", label="A name")
    name = st.session_state.tour_name.strip()
    model = language_model()
    trace = trace_of(model, f"Who is {name}?" if name else "")
    offer_recording(trace.to_bytes, trace.text)
    try:
        written = continuation(model.name, trace.text, BIOGRAPHY, heads_off(), replacement(), model)
    except AttnCoreError as error:  # no room left for its tokens
        slide.verdict.error(plain(str(error)), icon=":material/edit:")
        return
    surname = name.split()[-1]
    end = trace.text.rindex(name) + len(name)
    places, of_surname = (positions_of(model, trace.text, end - len(part), end) for part in (name, surname))
    read = "".join(trace.tokens[place] for place in of_surname).strip() or surname  # some read no capital letters
    again = bool(re.search(rf"(?<!\w){re.escape(read)}(?!\w)", "".join(step.token for step in written.steps)))
    labels = token_labels(trace.tokens)
    tokens = " ".join(f":blue-badge[{plain(labels[place])}]" for place in places)
    does = "repeats" if again else "does not repeat"
    _verdict(
        slide,
        Finding(again, float(again)),
        f"The continuation {does} **{plain(surname)}**. The model reads the name as {tokens}.",
    )
    n = len(written.steps)
    with columns[0], panel("text", f"**{n} tokens, each the most probable one.** Generated text, not fact."):
        st.html(f'<div class="large-text">{shaded(written)}</div>')
    _open_elsewhere(slide, "generate", "Explain it in Generate", prompt=trace.text)


def show_son_and_colleague(slide: Slide, columns: Columns) -> None:
    """Claim 7: a head attends to the surname for the son and not for the colleague."""
    _needs_a_model(slide)
    menu = _own_menu(slide, "tour_a", "Try your own prompts", label="Prompt A")
    with menu:
        _prompt_of_own("Prompt B", "tour_b")
        view = View(hide_first=hiding_switch())
    text_a, text_b = st.session_state.tour_a, st.session_state.tour_b
    model = language_model()
    a, b = trace_of(model, text_a), trace_of(model, text_b)
    with menu:
        queries = [
            pick_query(
                shown,
                key=f"tour_{letter}_query",
                default=shown.n_tokens - 1,
                label=f"Query token in {letter.upper()}",
            )
            for letter, shown in (("a", view.of(a)), ("b", view.of(b)))
        ]
    offer_recording(a.to_bytes, a.text, label="Save recording A (.npz)", name="A")
    offer_recording(b.to_bytes, b.text, label="Save recording B (.npz)", name="B")
    moved = compare(a, b)
    index, of_the_article = _dropped_word(moved, (text_a, text_b))
    if index is None:
        _cannot_tell(slide, difference_note(a, b) or _nothing_shared(moved, a, b))
        head = suggested_head(a)
    else:
        finding = claims.ignores(moved, index)
        _say_drop(slide, moved, index, finding, of_the_article)
        if note := difference_note(a, b):
            slide.verdict.caption(note)
        _say_next_token(slide, moved.words[index], a, b)
        head = _found_or_articles(slide, _head(finding), a)
    *rows, n_rows = shared_rows(a, b, view)
    sides = zip(columns, "AB", (a, b), queries, marked_tokens(a, b, view), rows, strict=True)
    for column, letter, whole, query, marks, row in sides:
        with column:
            _show_side(letter, whole, head, view, query, marks=marks, rows=row, n_rows=n_rows)
    with slide.notes:
        quiet_note(note_on_view(view.of(a), *head))
    _open_elsewhere(slide, "compare", "Open in Compare", head, prompt_a=text_a, prompt_b=text_b)


def _say_next_token(slide: Slide, word: AlignedWord, a: AttentionTrace, b: AttentionTrace) -> None:
    """Say how probable a word is next after both prompts."""
    if a.prediction is None or b.prediction is None or word.span_a is None:
        return
    token = a.tokens[word.span_a[0]]
    after_a, after_b = (write_percent(side.probability_of(token)) for side in (a.prediction, b.prediction))
    slide.verdict.markdown(
        f"Next token “{plain(token_label(token))}”: **{after_a}** after A, **{after_b}** after B."
    )


def _show_side(
    letter: str, whole: AttentionTrace, head: Head, view: View, query: int | None, **options: Any
) -> None:
    """Draw one head's lines in one of two prompts, from its last token until somebody clicks another."""
    trace = view.of(whole)
    shown = trace.n_tokens - 1 if query is None else query
    show_lines(
        trace,
        *head,
        title=f"**{letter}** · {strongest_link(trace, *head, shown, view=view)}",
        query=query,
        source=origin(whole, how=view),
        key=f"tour_{letter.lower()}_query",
        panel_name=letter,
        mark_color=color_of_side(letter),
        **options,
    )


def _dropped_word(moved: Comparison, texts: tuple[str, str]) -> tuple[int | None, bool]:
    """The word that a head should ignore in the second text, and whether it is the article's."""
    surname = _place_of("Vig", moved) if texts == (examples.SON, examples.COLLEAGUE) else None
    if surname is not None:
        return surname, True
    return claims.most_ignored_word(moved), False


def _say_drop(slide: Slide, moved: Comparison, index: int, finding: Finding, of_the_article: bool) -> None:
    head, label = _head(finding), plain(moved.words[index].label)
    in_a, in_b = (write_weight(float(side[(*head, index)])) for side in (moved.attention_a, moved.attention_b))
    name = head_label(head)
    holds = f"From the last token, {name} puts **{in_a}** of its attention on **{label}** in A and **{in_b}** in B."
    if not of_the_article:
        _measured(slide, holds if finding.number else "No head attends less to a shared word in B.")
    elif finding.holds:
        _verdict(slide, finding, holds)
    else:
        largest = f"The largest drop is in {name}: **{in_a}** on **{label}** in A, **{in_b}** in B."
        _verdict(slide, finding, f"{largest} The threshold is a drop of 0.30.")


def _nothing_shared(moved: Comparison, a: AttentionTrace, b: AttentionTrace) -> str:
    """Why no word can be compared."""
    if moved.lines_up or not any(word.kind == "equal" for word in aligned_words(a.tokens, b.tokens)):
        return "Only the last word is shared. Use one sentence twice, with one word changed."
    return "Only the first word is shared, where heads rest. Use one sentence twice, with one word changed."


def show_names_of_groups(slide: Slide, columns: Columns) -> None:
    """Claim 8: the continuation may differ with the sex or the origin that a name suggests."""
    _needs_a_model(slide)
    try:
        found = usual_probe(language_model())
    except AttnCoreError as error:  # a tokenizer that knows nothing of a name or of a word
        slide.verdict.error(plain(str(error)), icon=":material/edit:")
        return
    slide.verdict.markdown(
        f"After “**{plain(found.template)}**”, {len(found.names)} names: {_largest_difference(found)}"
    )
    with slide.more.popover("What this can show", icon=":material/balance:"):
        st.markdown(caution(found))
    with columns[0]:
        show_names(found)
    _open_elsewhere(slide, "names", "Open in Many names")


def _largest_difference(found: NameProbe) -> str:
    """The word that differs most between the groups, in words, with its interval."""
    largest = found.differences().iloc[0]
    points, low, high = (100 * float(largest[name]) for name in ("difference", "low", "high"))
    low_text, high_text = (f"{end:+.2f}".replace("-", "−") for end in (low, high))
    chance = (
        "The interval includes 0, so this may be chance."
        if low <= 0 <= high
        else "The interval excludes 0, so chance in the choice of names is an unlikely explanation."
    )
    return (
        f"**{plain(str(largest['word']))}** differs most, {abs(points):.2f} percentage points "
        f"{'more' if points > 0 else 'less'} probable after {plain(found.groups[0].lower())} (95% interval {low_text} "
        f"to {high_text}, adjusted for {len(found.words)} comparisons). {chance}"
    )


def _verdict(slide: Slide, finding: Finding, sentence: str) -> None:
    """Say whether the claim holds for this prompt and model, and the number."""
    badge = (
        ":green-badge[:material/check: Holds for this prompt]"
        if finding.holds
        else ":orange-badge[:material/close: Does not hold for this prompt]"
    )
    with slide.verdict.container(border=True):
        st.markdown(f"{badge} {sentence}")


def _measured(slide: Slide, sentence: str) -> None:
    """Say a number of prompts that the claim is not about."""
    with slide.verdict.container(border=True):
        st.markdown(f":blue-badge[:material/edit: Measured on your prompts] {sentence}")


def _place_of(label: str, moved: Comparison) -> int | None:
    """The index of a word that both texts have, large or small letters alike; None if they have no such word."""
    labels = [word.label.casefold() if word.kind == "equal" else None for word in moved.words]
    return labels.index(label.casefold()) if label.casefold() in labels else None


def _cannot_tell(slide: Slide, sentence: str) -> None:
    """Say why the text cannot show the claim, and what to do."""
    slide.verdict.info(sentence, icon=":material/edit:")


def _head(finding: Finding) -> Head:
    return cast(Head, finding.head)


def _prompt_or_recording(slide: Slide, name: str) -> tuple[AttentionTrace, DeltaGenerator]:
    """Return the open recording, or else the trace of the prompt that is tried in this step.

    With it comes the menu of that prompt, which is there also where the prompt cannot be run.
    """
    menu = _own_menu(slide, name)
    if st.session_state.recording is not None:
        recording = cast(AttentionTrace, st.session_state.recording)
        st.session_state.model_status.caption("Recording open. No model loaded.")
        off = f" · **{heads_phrase(recording.ablated)}**" if recording.ablated else ""
        with slide.own:
            st.markdown(f":material/album: Recording **{plain(st.session_state.recording_name)}**{off}")
            st.button("Close recording", on_click=close_recording, icon=":material/close:")
        trace = recording
    else:
        trace = trace_of(language_model(), st.session_state[name])
    offer_recording(trace.to_bytes, trace.text)
    return trace, menu


def _needs_a_model(slide: Slide) -> None:
    if st.session_state.recording is not None:
        slide.own.caption(
            "A recording is open on other pages. This step needs a model, so it uses the prompt below."
        )


def _own_menu(
    slide: Slide, name: str, title: str = "Try your own prompt", *, label: str = "Your prompt"
) -> DeltaGenerator:
    """Return the menu where a prompt of one's own is typed, with its box; further controls go below that."""
    menu = slide.own.popover(title, icon=":material/edit:", key=f"own_{name}", width="stretch")
    if st.session_state.recording is None or name in ("tour_name", "tour_a"):
        with menu:
            _prompt_of_own(label, name)
    return menu


def _prompt_of_own(label: str, name: str) -> None:
    text = show_prompt(label, name, label_visible=True)
    place = st.empty()  # always, so that what follows keeps its place on the page
    if text != TOUR_TEXTS[name]:
        place.button(
            "Restore the article's prompt",
            on_click=_restore,
            args=(name,),
            key=f"restore_{name}",
            icon=":material/undo:",
        )


def _restore(name: str) -> None:
    st.session_state[name] = TOUR_TEXTS[name]


def _found_or_articles(slide: Slide, found: Head, trace: AttentionTrace) -> Head:
    """The head to draw: the one found here, or for GPT-2 small the one that the article shows."""
    articles = examples.article_head(trace.model, trace.text)
    if articles is None or articles == found:
        return found
    options = {f"found here: {head_label(found)}": found, f"in the article: {head_label(articles)}": articles}
    with slide.verdict:
        chosen = st.segmented_control(
            "Head", list(options), default=next(iter(options)), required=True, label_visibility="collapsed"
        )
    return options[str(chosen)]


def _grid_and_lines(
    slide: Slide,
    columns: Columns,
    trace: AttentionTrace,
    suggested: Head,
    menu: DeltaGenerator,
    *,
    heads: list[Head] | None = None,
) -> None:
    """Draw all heads, of which some are highlighted, and the lines of one, until somebody clicks another."""
    now = (trace.model, trace.tokens)
    if st.session_state.setdefault("tour_head_of", now) != now:  # at first the head may be the link's
        st.session_state.tour_head_of, st.session_state.tour_head = now, None
    head = st.session_state.get("tour_head") or suggested
    with menu:
        view = View(hide_first=hiding_switch())
        shown = view.of(trace)
        pick_head(trace.attention, head, on_change=_choose_in_tour, key="tour_", keys=False)
        query = pick_query(shown, key="tour_all")
    add_head_keys(trace.n_layers, trace.n_heads, lambda: st.session_state.tour_head or suggested, _choose_in_tour)
    source = origin(trace, how=view)
    scores = head_scores_of(trace)
    with columns[0]:
        show_grid(
            shown,
            head,
            title=f"**{trace.n_layers * trace.n_heads} heads.** Click one.",
            source=source,
            key="tour_heads",
            on_choose=_choose_in_tour,
            labels=scores.labels,
            evidence=scores.evidence,
            heads=heads,
        )
    with columns[1]:
        title = f"**{head_label(head)}** · {head_pattern(trace, *head)}"
        show_lines(shown, *head, title=title, query=query, source=source, key="tour_all")
    with slide.notes:
        quiet_note(note_on_view(shown, *head))
        quiet_note(note_on_links(shown, [head], query))
    _open_elsewhere(slide, "head_grid", "Open in Head grid", head, prompt=trace.text)


def _choose_in_tour(layer: int, head: int) -> None:
    st.session_state.tour_head = (layer, head)


def _show_any_head(trace: AttentionTrace, whole: AttentionTrace, view: View, *, key: str, query: int) -> None:
    """Draw the lines of the head that says most, where the claim can't be told."""
    head = suggested_head(whole)
    title = f"**{head_label(head)}** · {strongest_link(trace, *head, query, view=view)}"
    show_lines(trace, *head, title=title, query=query, source=origin(whole, how=view), key=key)


def _heads_labeled(trace: AttentionTrace, score: str) -> list[Head]:
    """The heads that have their label from this score, the clearest first."""
    scores = head_scores_of(trace)
    places = [place for place, label in enumerate(scores.labels) if label == LABELS[score]]
    places.sort(key=lambda place: -scores.columns[score][place])
    return [divmod(place, trace.n_heads) for place in places]


def _open_elsewhere(slide: Slide, page: str, label: str, head: Head | None = None, **texts: str) -> None:
    """Draw a button that takes the step's prompt and head to another page."""
    if slide.more.button(label, icon=":material/arrow_outward:", type="tertiary"):
        if st.session_state.recording is None:
            for name, text in texts.items():
                st.session_state[name] = text
        if head is not None:
            choose_head(*head)
        st.switch_page(f"pages/{page}.py")
