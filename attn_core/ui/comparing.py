"""Two prompts side by side: what differs, and which heads shift their attention."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from attn_core import charts, examples
from attn_core.charts.style import colors
from attn_core.charts.texts import write_weight
from attn_core.comparison import AlignedWord, Comparison, aligned_words, compare, compared_words
from attn_core.heads import Head, head_label
from attn_core.tables import change_table, inert_on_screen
from attn_core.trace import AttentionTrace
from attn_core.ui.drawing import draw
from attn_core.ui.figures import (
    choice_of_heads,
    note_on_links,
    show_head_map,
    show_lines,
    show_swatches,
    strongest_link,
    top_prediction,
)
from attn_core.ui.heads import chosen_head, pick_head, suggested_head
from attn_core.ui.layout import in_toolbar, notes, panel, panels, quiet_note, toolbar
from attn_core.ui.links import fell_back
from attn_core.ui.saving import Origin, offer_figure, origin
from attn_core.ui.state import notice, plain, theme
from attn_core.ui.views import View, forget_other_words, note_on_view, pick_query, pick_view_options

LAST = -1  # instead of an aligned word
SMALLEST_CHANGE = 0.005  # that is said in words
N_RANKED = 10  # heads that are listed


def difference_note(a: AttentionTrace, b: AttentionTrace) -> str:
    """Return what to do where two prompts do not differ in words, or have none in common; else nothing."""
    words = aligned_words(a.tokens, b.tokens)
    if a.tokens == b.tokens:
        to_whom = "" if a.text == b.text else " for this model, whose tokenizer cuts them alike"
        return f"The prompts are the same{to_whom}. Change a word in one of them."
    if all(word.kind == "equal" for word in words):
        return "Same words; only spaces or tokens differ."
    if not any(word.kind == "equal" for word in words):
        return (
            "The prompts share no words, so words are paired by order and the distances mean little. Change a few "
            "words at a time."
        )
    return ""


def color_of_side(letter: str) -> str:
    """Return the color of prompt A or B, as in the chart of next tokens."""
    return colors(theme()).categories["AB".index(letter)]


def marked_tokens(a: AttentionTrace, b: AttentionTrace, view: View) -> tuple[dict[int, str], dict[int, str]]:
    """Return the tokens of each trace, as it is looked at, whose words differ.

    Args:
        a, b: as they were made.
        view: how they are looked at.

    Returns:
        For A and for B, positions with "changed" or "only here".
    """
    words = aligned_words(view.arranged(a).tokens, view.arranged(b).tokens)
    marks: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for word in words:
        if word.kind == "equal":
            continue
        kind = "changed" if word.kind == "replaced" else "only here"
        for side, span in zip(marks, (word.span_a, word.span_b), strict=True):
            if span is not None:
                side.update(dict.fromkeys(range(*span), kind))
    return marks


def shared_rows(a: AttentionTrace, b: AttentionTrace, view: View) -> tuple[list[int], list[int], int]:
    """Return the rows in which the tokens of both traces line up word by word.

    A word takes as many rows as it has tokens in the trace where it has more.

    Returns:
        The row of each token of A and of B, as they are looked at, and the number of rows.
    """
    rows: tuple[list[int], list[int]] = ([], [])
    n_rows = 0
    for word in aligned_words(view.arranged(a).tokens, view.arranged(b).tokens):
        spans = [span if span is not None else (0, 0) for span in (word.span_a, word.span_b)]
        for side, (start, end) in zip(rows, spans, strict=True):
            side.extend(n_rows + offset for offset in range(end - start))
        n_rows += max(end - start for start, end in spans)
    return *rows, n_rows


def pick_comparison(a: AttentionTrace, b: AttentionTrace) -> Comparison:
    """Draw the choice of the word that both traces are compared from, and return the comparison."""
    words = compared_words(a, b)
    shared = [index for index, word in enumerate(words) if _is_in_both(word)]
    forget_other_words([word.label for word in words], "compare_query", "rank_by")
    if st.session_state.get("compare_query") not in shared:
        _tell_of_link("compare_query")
        st.session_state.compare_query = LAST
    chosen = st.selectbox(
        "Query word",
        [LAST, *shared],
        format_func=lambda index: "last word" if index == LAST else f"{words[index].label}  ({index})",
        key="compare_query",
        persist_state="session",
        width=250,
        help="Words in both prompts. The last one's attention feeds the next-word prediction.",
    )
    if chosen == LAST:
        return compare(a, b)
    span_a, span_b = words[chosen].span_a, words[chosen].span_b
    assert span_a is not None
    assert span_b is not None
    return compare(a, b, (span_a[1] - 1, span_b[1] - 1))


def _tell_of_link(key: str) -> None:
    if st.session_state.get(key, LAST) != LAST and fell_back(key):
        notice("Ignored a word in the link that is not in both prompts.")


def _is_in_both(word: AlignedWord) -> bool:
    return word.span_a is not None and word.span_b is not None


def pick_ranking(moved: Comparison) -> int | None:
    """Draw the choice of the word by which heads are ranked, and return its index; None means by all of them."""
    places = [LAST, *range(len(moved.words))]
    if st.session_state.get("rank_by") not in places:
        _tell_of_link("rank_by")
        st.session_state.rank_by = LAST
    chosen = st.selectbox(
        "Rank by",
        places,
        format_func=lambda index: "all words" if index == LAST else f"{moved.words[index].label}  ({index})",
        key="rank_by",
        persist_state="session",
        width=220,
        help="Total attention shifted, or the change on one word.",
    )
    return None if chosen == LAST else int(chosen)


def most_shifted_head(a: AttentionTrace, moved: Comparison, word: int | None) -> Head:
    """Return the article's head for its prompts under GPT-2 small, else the one that shifted most."""
    article_head = examples.article_head(a.model, a.text)
    return article_head or moved.ranked(1, word=word)[0]


def show_shift(moved: Comparison, word: int | None, selected: Head, *, source: Origin) -> None:
    """Draw how far each head shifted, or how much more it attends to one word in B."""
    if word is None:
        show_head_map(
            moved.change,
            selected,
            title="**Which heads shifted?** Stronger color: more attention on other words.",
            quantity="attention shifted (0 to 1)",
            source=source,
            key="moved",
            signed=False,
        )
    else:
        label = moved.words[word].label
        show_head_map(
            moved.difference[:, :, word],
            selected,
            title=f"**Which heads shifted?** Green: more on {plain(label)} in B. Purple: less.",
            quantity=f"weight on “{label}”: B − A",
            source=source,
            key="moved_on_word",
        )


def pick_shifted_head(moved: Comparison, word: int | None, selected: Head) -> None:
    """List the heads that shifted most, each with the words it gained and lost; choosing one shows its lines."""
    sentences = {
        head: _shift_in_words(moved, head, word)
        for head in moved.ranked(N_RANKED, word=word)
        if abs(moved.change[head] if word is None else moved.difference[(*head, word)]) >= SMALLEST_CHANGE
    }
    if sentences:
        choice_of_heads("Heads that shifted most", sentences, selected)
    else:
        st.markdown("No head shifts by 0.005 or more from this word.")


def _shift_in_words(moved: Comparison, head: Head, word: int | None) -> str:
    def on(index: int) -> str:
        a, b = (float(side[(*head, index)]) for side in (moved.attention_a, moved.attention_b))
        return f"“{plain(moved.words[index].label)}” {write_weight(a)} → {write_weight(b)}"

    if word is not None:
        return f"**{head_label(head)}**: {on(word)}"
    largest = int(abs(moved.difference[head]).argmax())
    return f"**{head_label(head)}** **{write_weight(float(moved.change[head]))}**: {on(largest)}"


def show_side(
    moved: Comparison,
    letter: str,
    whole: AttentionTrace,
    head: Head,
    *,
    view: View,
    query: int,
    marks: dict[int, str],
    rows: Sequence[int],
    n_rows: int,
) -> None:
    """Draw one head's lines in one of the prompts; a click on a word looks from there in both."""
    trace = view.of(whole)
    show_lines(
        trace,
        *head,
        title=f"**{letter}** · {strongest_link(trace, *head, query, view=view)}{_next_word(whole)}",
        query=query,
        source=origin(whole, how=view),
        key=f"compare_{letter}",
        panel_name=letter,
        on_click=lambda position: _look_from(moved, letter, position),
        marks=marks,
        mark_color=color_of_side(letter),
        rows=rows,
        n_rows=n_rows,
    )


def _next_word(whole: AttentionTrace) -> str:
    return f" Next: {top_prediction(whole.prediction)}." if whole.prediction is not None else ""


def _look_from(moved: Comparison, name: str, position: int) -> None:
    for index, word in enumerate(moved.words):
        span = word.span_a if name == "A" else word.span_b
        if span is not None and span[0] <= position < span[1]:
            if _is_in_both(word):
                st.session_state.compare_query = LAST if st.session_state.compare_query == index else index
            else:
                st.toast(f"“{plain(word.label)}” is only in {name}. Choose a word in both prompts.")


def show_weights_of_both(moved: Comparison, head: Head) -> None:
    """Draw a table of one head's weights on every word in both prompts."""
    table = change_table(moved, *head)
    table["difference"] = table["difference"].round(2) + 0.0  # so that there is no -0.00
    weight = st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0)
    with panel("numbers", f"**{head_label(head)} in numbers**"):
        st.dataframe(
            inert_on_screen(table),
            hide_index=True,
            height=min(38 + 35 * len(moved.words), 460),
            column_config={
                "word": st.column_config.TextColumn(width=220),
                "kind": None,
                "A": weight,
                "B": weight,
                "difference": st.column_config.NumberColumn("B − A", format="%+.2f"),
            },
        )


def show_paired_next_tokens(a: AttentionTrace, b: AttentionTrace) -> None:
    """Draw the next tokens whose probability differs most between both prompts, where it was recorded."""
    if a.prediction is None or b.prediction is None:
        quiet_note("This recording has no next-token probabilities.")
        return
    figure = charts.paired_figure(a.prediction, b.prediction, theme=theme())
    with panel("pairs", "**Largest differences in next-token probability**") as icons:
        show_swatches({letter: color_of_side(letter) for letter in "AB"})
        draw(figure, key="pairs", min_height=figure.least_height)
    with icons:
        offer_figure(figure, "next tokens", origin(a, b), key="next_words")


def show_one_of_two(whole: AttentionTrace) -> None:
    """Draw a head's lines in the first recording, until a second one is opened to compare."""
    head = chosen_head(whole.attention, suggested_head(whole))
    with toolbar("one"):
        pick_head(whole.attention, head)
        query_place = in_toolbar("query")
        view = pick_view_options(whole)
        trace = view.of(whole)
        with query_place:
            query = pick_query(trace, key="query", default=trace.n_tokens - 1)
    (only,) = panels([1])
    last = trace.n_tokens - 1 if query is None else query
    with only:
        show_lines(
            trace,
            *head,
            title=f"Open a second recording to compare. {strongest_link(trace, *head, last, view=view)}",
            query=query,
            source=origin(whole, how=view),
            key="query",
        )
    with notes():
        quiet_note(note_on_view(trace, *head))
        quiet_note(note_on_links(trace, [head], query))
