"""The steps of the tour: a claim of the article, a live figure, and whether it holds in the model at hand."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, cast

import streamlit as st

from attn_core import claims, examples
from attn_core.claims import Finding
from attn_core.comparison import Comparison, aligned_words, compare
from attn_core.errors import AttnCoreError
from attn_core.names import NameProbe
from attn_core.patterns import LABELS
from attn_core.tokens import find_word, token_label, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.comparing import marked_prompts
from attn_core.ui.figures import grid, lines, next_words
from attn_core.ui.heads import head_boxes, head_deed, head_scores_of, label_evidence_of, suggested_head
from attn_core.ui.models import language_model
from attn_core.ui.names import name_caution, name_chart, usual_probe
from attn_core.ui.saving import origin
from attn_core.ui.sidebar import offer_trace
from attn_core.ui.state import TOUR_TEXTS, choose_head, plain
from attn_core.ui.switches import head_name, heads_off, replacement
from attn_core.ui.traces import prompt_box, recording_line, trace_of
from attn_core.ui.views import (
    View,
    hidden_note,
    hiding_switch,
    nothing_left_note,
    query_picker,
    word_picker,
    word_piece_note,
)
from attn_core.ui.writing import shaded

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.generation import GeneratedText
    from attn_core.model import LanguageModel

Head = tuple[int, int]

BIOGRAPHY = 30  # tokens


def a_verb_finds_its_subject() -> None:
    """Claim 1: from `ran` a head looks at `dog`."""
    _says(
        "To go on after <i>ran</i> it helps to know who ran. The article shows a head that, at <i>ran</i>, looks "
        "back past the nearer <i>ship</i> to <i>dog</i>. Below is the head of this model that looks there most."
    )
    whole = _sentence("tour_subject")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = View(hide_first=hiding_switch())
        view = how.of(whole)
        of_the_article = whole.text.startswith(examples.DOG)
        verb, subject = (find_word(view.tokens, word) if of_the_article else None for word in ("ran", "dog"))
        last = view.n_tokens - 1
        query = word_picker("From", view, key="tour_subject_query", default=last if verb is None else verb)
        usual = max(query - 2, 0) if subject is None else subject
        key = word_picker("to", view, key="tour_subject_key", default=usual, stop=query + 1)
    if query == 0:
        _cannot_tell("The first word has only itself to look at: choose a later one, or type some more.")
        return
    measured = how.measured(whole)
    finding = claims.links(measured, query, key)
    from_word, to_word = (plain(token_labels(view.tokens)[position]) for position in (query, key))
    if finding.holds:
        _verdict(
            finding,
            f"{_named(finding)} looks from **{from_word}** to **{to_word}** with **{finding.number:.0%}** of its "
            "attention.",
        )
    else:
        _verdict(
            finding,
            f"Of all heads {head_name(_head(finding))} looks most from **{from_word}** to **{to_word}**, with "
            f"**{finding.number:.0%}** of its attention: less than half.",
        )
    head = _found_or_articles(_head(finding), whole)
    if head != finding.head:
        st.markdown(f"The article's {head_name(head)} gives it **{measured.head(*head)[query, key]:.0%}**.")
    hidden_note(how)
    lines(view, *head, query=query, of=origin(whole, how=how), key="tour_subject_query")
    nothing_left_note(view, *head)
    word_piece_note(view)
    _look_closer("head_view", "Look closer in Head view", head, prompt=whole.text)


def many_ways_of_looking() -> None:
    """Claim 2: 144 patterns."""
    _says(
        "GPT-2 small has 12 layers of 12 attention heads: 144 ways of looking at a sentence, all learned, none "
        "programmed. Rows are layers, columns are heads. Each thumbnail shows where a head looks (across) from "
        "each word (down). <b>Click one to see its lines.</b>"
    )
    trace = _sentence("tour_grid")
    kinds = Counter(head_scores_of(trace)["label"])
    number = trace.n_layers * trace.n_heads
    _verdict(
        Finding((trace.n_layers, trace.n_heads) == (12, 12), 1.0),
        f"This model has {trace.n_layers} layers of {trace.n_heads} heads: **{number}** patterns. On this text: "
        + ", ".join(f"{count} {label}" for label, count in kinds.most_common())
        + ".",
    )
    _grid_and_lines(trace, suggested_head(trace))


def always_the_word_before() -> None:
    """Claim 3: one head always looks at the previous word."""
    _says(
        "Some heads do one simple thing in every sentence. One always looks at the previous word. Its thumbnail is "
        "a sharp line just below the diagonal; drawn as lines, each word points to the one above it."
    )
    trace = _sentence("tour_previous")
    finding = claims.does(trace, "previous_token")
    if finding is None:
        _cannot_tell("This is too short to tell the word before from the first one: type three words or more.")
        return
    sentence = f"{_named(finding)} puts **{finding.number:.0%}** of its attention on the token before."
    _verdict(finding, sentence if finding.holds else f"{sentence} No head does more, and it is less than half.")
    heads = _heads_labelled(trace, "previous_token") or [_head(finding)]
    _grid_and_lines(trace, _head(finding), heads=heads)


def nothing_found() -> None:
    """Claim 4: very many heads look only at the first word."""
    _says(
        "Very many heads look only at the first word. That is where a head rests when it finds nothing of the kind "
        "that it looks for; the article calls it the null pattern. Hide the first word to see what little is left."
    )
    trace = _sentence("tour_nothing")
    finding = claims.finds_nothing(trace)
    if finding is None:
        _cannot_tell("This is too short to tell who rests on the first word: type three words or more.")
        return
    heads = _heads_labelled(trace, "first_token")
    sentence = (
        f"**{len(heads)} of {trace.n_layers * trace.n_heads} heads find nothing here**: they give the first token "
        "70% or more."
    )
    _verdict(finding, sentence if finding.holds else f"{sentence} That is less than a quarter of them.")
    _grid_and_lines(trace, heads[0] if heads else suggested_head(trace), heads=heads)


def items_of_a_list() -> None:
    """Claim 5: a head looks at a list's earlier items, and the list goes on."""
    _says(
        "“…the dots that are pink, white and” asks for one more colour. At <i>and</i>, says the article, a head "
        "looks back at the earlier items of the list, and the guess is a colour."
    )
    trace = _sentence("tour_list")
    finding = claims.does(trace, "list_items")
    separator = claims.last_separator(trace)
    if separator is None:
        _cannot_tell("There is no list in this sentence: end it like “she bought apples, pears and”.")
        return
    if finding is None:
        _cannot_tell("The list begins with the first token, where heads rest. Type a word or two before the list.")
        return
    sentence = (
        f"From the list's commas and conjunctions {head_name(_head(finding))} puts **{finding.number:.0%}** of its "
        "attention on the earlier items."
    )
    _verdict(finding, sentence if finding.holds else f"{sentence} No head does more, and it is less than half.")
    looks, guesses = st.columns(2, gap="large")
    with looks:
        st.markdown(f"**Where {head_name(_head(finding))} looks**")
        _lines("tour_list", trace, _head(finding), hide_first=hiding_switch(), query=separator)
    with guesses:
        st.markdown("**What comes next**")
        if trace.prediction is None:
            st.caption("This recording was made without next-word probabilities.")
        else:
            if trace.text == examples.KITE:
                colour = claims.names_a_colour(trace.prediction)
                _verdict(colour, f"The best guess is “{plain(token_label(trace.prediction.tokens[0]))}”.")
            next_words(trace.prediction, of=origin(trace))
    _look_closer("generate", "Let it write on in Generate", prompt=trace.text)


def a_life_for_any_name() -> None:
    """Claim 6: a biography for a name that comes in pieces."""
    _says(
        "Asked “Who is Jesse Vig?”, GPT-2 writes a biography and makes it up. It reads a rare name in pieces, "
        "<i>V</i> and <i>ig</i>, and has to put them together again, in order, to write about that person."
    )
    from attn_core.encoding import positions_of

    _needs_a_model()
    name = _own_text("Try another name", "tour_name").strip()
    model = language_model()
    trace = trace_of(model, f"Who is {name}?" if name else "")
    offer_trace(trace.to_bytes)
    try:
        written = _biography(model.name, trace.text, heads_off(), replacement(), model)
    except AttnCoreError as error:  # no room left for its tokens
        st.error(plain(str(error)), icon=":material/edit:")
        return
    surname = name.split()[-1]
    end = trace.text.rindex(name) + len(name)
    places, of_surname = (positions_of(model, trace.text, end - len(part), end) for part in (name, surname))
    read = "".join(trace.tokens[place] for place in of_surname).strip() or surname  # some read no capital letters
    again = bool(re.search(rf"(?<!\w){re.escape(read)}(?!\w)", "".join(step.token for step in written.steps)))
    labels = token_labels(trace.tokens)
    pieces = " ".join(f":blue-badge[{plain(labels[place])}]" for place in places)
    whole = len(of_surname) == 1
    does = f"It writes about {plain(name)}." if again else f"It does not come back to the name {plain(surname)}."
    _verdict(
        Finding(again, float(again)),
        f"{does} It read the name as {pieces}{', the last word whole' if whole else ''}.",
    )
    st.html(shaded(written))
    st.caption(
        f"The next {len(written.steps)} tokens, the most probable one each time; the stronger the shade, the "
        "surer. Nothing says that any of it is true."
    )
    _look_closer("generate", "See which heads wrote it in Generate", prompt=trace.text)


def son_or_colleague() -> None:
    """Claim 7: a head looks at the surname for the son and not for the colleague."""
    _says(
        "After “…a preacher named James” comes a surname. If Jesse Vig is the preacher's <i>son</i>, James is a "
        "Vig as well; if he is a <i>colleague</i>, why should he be? The article shows a head that looks at "
        "<i>Vig</i> for the son and ignores it for the colleague."
    )
    _needs_a_model()
    left, right = st.columns(2, gap="large")
    with left:
        text_a = _own_text("A: try your own sentence", "tour_a")
    with right:
        text_b = _own_text("B: with a difference", "tour_b")
    model = language_model()
    a, b = trace_of(model, text_a), trace_of(model, text_b)
    offer_trace(a.to_bytes, label="Save trace A (.npz)", file_name="trace_a.npz")
    offer_trace(b.to_bytes, label="Save trace B (.npz)", file_name="trace_b.npz")
    marked_prompts(a, b)
    moved = compare(a, b)
    of_the_article = (text_a, text_b) == (examples.SON, examples.COLLEAGUE)
    surname = _place_of("Vig", moved) if of_the_article else None
    of_the_article = surname is not None
    index = claims.most_ignored_word(moved) if surname is None else surname
    if index is None:
        if moved.lines_up:
            _cannot_tell("Only the last word is the same in both: type a sentence twice, with one word changed.")
        elif any(word.kind == "equal" for word in aligned_words(a.tokens, b.tokens)):
            _cannot_tell(
                "The only word in both is the first one of a prompt, where heads rest. Type a sentence twice, with "
                "one word changed."
            )
        return
    word, finding = moved.words[index], claims.ignores(moved, index)
    in_a, in_b = (side[(*_head(finding), index)] for side in (moved.attention_a, moved.attention_b))
    sentence = (
        f"From the last word {head_name(_head(finding))} looks at **{plain(word.label)}** with **{in_a:.0%}** of "
        f"its attention in A and **{in_b:.0%}** in B."
    )
    if of_the_article:
        _verdict(finding, sentence if finding.holds else f"{sentence} No head takes more away from it.")
    else:
        _measured(sentence if finding.number else "No head takes attention away from a word.")
    if a.prediction is not None and b.prediction is not None and word.span_a is not None:
        piece = a.tokens[word.span_a[0]]
        after_a, after_b = (side.probability_of(piece) for side in (a.prediction, b.prediction))
        st.markdown(
            f"Next comes “{plain(token_label(piece))}”: **{after_a:.1%}** after A, **{after_b:.1%}** after B."
        )
    head = _found_or_articles(_head(finding), a)
    hide_first = hiding_switch()
    for column, letter, trace in zip(st.columns(2, gap="large"), "AB", (a, b), strict=True):
        with column:
            st.markdown(f"**{letter}: {head_name(head)}**")
            _lines(f"tour_{letter.lower()}", trace, head, hide_first=hide_first, query=trace.n_tokens - 1)
    _look_closer("compare", "See every head that changed in Compare", head, prompt_a=text_a, prompt_b=text_b)


def what_a_name_brings_along() -> None:
    """Claim 8: what is written may differ with the sex or the origin that a name suggests."""
    _says(
        "The lives that GPT-2 makes up seemed to the article's author to differ with the sex or the origin that a "
        "name suggests, and he asks for further study. Here one sentence is tried with many names; whether that is "
        "bias, and where it comes from, such a picture cannot settle."
    )
    _needs_a_model()
    try:
        found = usual_probe(language_model())
    except AttnCoreError as error:  # a tokenizer that knows nothing of a name or of a word
        st.error(plain(str(error)), icon=":material/edit:")
        return
    st.markdown(
        f"After “**{plain(found.template)}**”, with {len(found.names)} names: the word with the largest difference "
        f"is {_largest_difference(found)}"
    )
    name_chart(found)
    name_caution(found)
    _look_closer("names", "Try your own sentence and names in Many names")


def _largest_difference(found: NameProbe) -> str:
    """The word that differs most between the groups, in words, with its interval."""
    largest = found.differences().iloc[0]
    points, low, high = (100 * float(largest[name]) for name in ("difference", "low", "high"))
    word = (
        f"**{plain(str(largest['word']))}**, {abs(points):.2f} percentage points "
        f"{'more' if points > 0 else 'less'} probable after {plain(found.groups[0].lower())}"
    )
    interval = f"95 % interval, for all {len(found.words)} words together: {low:+.2f} to {high:+.2f}"
    if low <= 0 <= high:
        return f"{word}. That may be chance, and other names may turn it round ({interval})."
    return f"{word}. Other names of the same kind would hardly turn it round ({interval})."


def _says(text: str) -> None:
    st.html(f'<p style="font-size:1.2rem;line-height:1.6;max-width:54rem;margin:0">{text}</p>')


def _verdict(finding: Finding, sentence: str) -> None:
    """Whether the claim holds in this model, and the number."""
    badge = (
        ":green-badge[:material/check: It holds here]"
        if finding.holds
        else ":orange-badge[:material/close: It does not hold here]"
    )
    with st.container(border=True):
        st.markdown(f"{badge} {sentence}")


def _measured(sentence: str) -> None:
    """A number of sentences that the claim is not about."""
    with st.container(border=True):
        st.markdown(f":blue-badge[:material/edit: In your sentences] {sentence}")


def _place_of(label: str, moved: Comparison) -> int | None:
    """The index of a word that both texts have, large or small letters alike; None if they have no such word."""
    labels = [word.label.casefold() if word.kind == "equal" else None for word in moved.words]
    return labels.index(label.casefold()) if label.casefold() in labels else None


def _cannot_tell(sentence: str) -> None:
    """Why the text cannot show the claim, and what to do."""
    st.info(sentence, icon=":material/edit:")


def _head(finding: Finding) -> Head:
    return cast(Head, finding.head)


def _named(finding: Finding) -> str:
    return head_name(_head(finding)).capitalize()


def _sentence(name: str) -> AttentionTrace:
    """The open recording, or else the trace of the sentence that is tried in this step."""
    if st.session_state.recording is not None:
        recording_line()
        trace = cast(AttentionTrace, st.session_state.recording)
    else:
        text = _own_text("Try your own sentence", name)
        trace = trace_of(language_model(), text)
    offer_trace(trace.to_bytes)
    return trace


def _needs_a_model() -> None:
    if st.session_state.recording is not None:
        st.caption("A recording is open on other pages. This step needs a model, so it uses the text below.")


def _own_text(label: str, name: str) -> str:
    text = prompt_box(label, name=name)
    place = st.empty()  # always, so that what follows keeps its place on the page
    if text != TOUR_TEXTS[name]:
        place.button(
            "Back to the article's words",
            on_click=_restore,
            args=(name,),
            key=f"restore_{name}",
            icon=":material/undo:",
        )
    return text


def _restore(name: str) -> None:
    st.session_state[name] = TOUR_TEXTS[name]


def _found_or_articles(found: Head, trace: AttentionTrace) -> Head:
    """The head to draw: the one found here, or for GPT-2 small the one that the article shows."""
    articles = examples.article_head(trace.model, trace.text)
    if articles is None or articles == found:
        return found
    options = {f"found here: {head_name(found)}": found, f"the article's: {head_name(articles)}": articles}
    chosen = st.segmented_control(
        "Head", list(options), default=next(iter(options)), required=True, label_visibility="collapsed"
    )
    return options[str(chosen)]


def _lines(name: str, whole: AttentionTrace, head: Head, *, hide_first: bool, query: int) -> None:
    """A head's lines from a token of the whole text, until somebody chooses another."""
    how = View(hide_first=hide_first)
    view = how.of(whole)
    chosen = query_picker(view, key=f"{name}_query", default=query - whole.n_tokens + view.n_tokens)
    lines(view, *head, query=chosen, of=origin(whole, how=how), key=f"{name}_query")
    nothing_left_note(view, *head)
    word_piece_note(view)


def _grid_and_lines(trace: AttentionTrace, suggested: Head, *, heads: list[Head] | None = None) -> None:
    """All heads, of which some stand out, and the lines of one, until somebody clicks another."""
    if st.session_state.get("tour_head_of") != (trace.model, trace.tokens):
        st.session_state.tour_head_of, st.session_state.tour_head = (trace.model, trace.tokens), None
    layer, head = st.session_state.tour_head or suggested
    how = View(hide_first=hiding_switch())
    view, of = how.of(trace), origin(trace, how=how)
    overview, one_head = st.columns([5, 4], gap="medium")
    with overview:
        grid(
            view,
            (layer, head),
            of=of,
            key=f"tour_grid_{st.session_state.step}_{layer}_{head}",
            on_choose=_choose_in_tour,
            labels=head_scores_of(trace)["label"].tolist(),
            evidence=label_evidence_of(trace),
            heads=heads,
        )
    with one_head:
        st.subheader(f"Layer {layer}, head {head}")
        st.markdown(head_deed(trace, layer, head))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            head_boxes(trace.attention, (layer, head), on_change=_choose_in_tour, key="tour_")
            query = query_picker(view, key="tour_all")
        lines(view, layer, head, query=query, of=of, key="tour_all")
        nothing_left_note(view, layer, head)
        word_piece_note(view)
    _look_closer("head_grid", "Find heads in Head grid", (layer, head), prompt=trace.text)


def _choose_in_tour(layer: int, head: int) -> None:
    st.session_state.tour_head = (layer, head)


def _heads_labelled(trace: AttentionTrace, score: str) -> list[Head]:
    """The heads that have their label from this score, the clearest first."""
    scores = head_scores_of(trace)
    found = scores[scores["label"] == LABELS[score]].sort_values(score, ascending=False, kind="stable")
    return [(int(layer), int(head)) for layer, head in found[["layer", "head"]].to_numpy()]


def _look_closer(page: str, label: str, head: Head | None = None, **texts: str) -> None:
    """A button that takes the step's text and head to another page."""
    if st.button(label, icon=":material/search:"):
        if st.session_state.recording is None:
            for name, text in texts.items():
                st.session_state[name] = text
        if head is not None:
            choose_head(*head)
        st.switch_page(f"pages/{page}.py")


@st.cache_resource(max_entries=16, show_spinner="Writing…")
def _biography(
    name: str, prompt: str, off: frozenset[Head], by: Replacement, _model: LanguageModel
) -> GeneratedText:
    from attn_core.generation import generate, unwritten

    text = unwritten(_model, prompt, ablate=off, replacement=by)
    for step in generate(_model, prompt, max_new_tokens=BIOGRAPHY, ablate=off, replacement=by):
        text = text.with_step(step)
    return text
