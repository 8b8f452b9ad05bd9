"""Compare two prompts side by side: what differs, and which heads shift their attention."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from attn_core import charts
from attn_core.analysis import examples
from attn_core.analysis.comparison import AlignedWord, Comparison, align_traces, align_words, compare
from attn_core.analysis.tables import change_table, table_without_formulas
from attn_core.charts.formatting import format_weight
from attn_core.charts.style import colors
from attn_core.heads import Head, head_label
from attn_core.trace import AttentionTrace
from attn_core.ui.drawing import draw
from attn_core.ui.figures import (
    describe_hidden_links,
    describe_prediction,
    describe_strongest_link,
    pick_from_heads,
    show_head_map,
    show_lines,
    show_swatches,
)
from attn_core.ui.heads import pick_head, resolve_head, suggest_head
from attn_core.ui.layout import notes, panel, panels, reserve_in_toolbar, show_note, toolbar
from attn_core.ui.links import was_in_link
from attn_core.ui.saving import Source, describe_source, show_figure_download
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, get_theme, show_notice
from attn_core.ui.views import ViewOptions, describe_figure, pick_query, pick_view_options, reset_changed_positions

LAST = -1  # in place of the index of an aligned word
SMALLEST_CHANGE = 0.005  # the least change that is listed
N_RANKED = 10  # heads that are listed


def describe_difference(a: AttentionTrace, b: AttentionTrace) -> str:
    """Return a hint if the two prompts have the same words, or none in common; else nothing."""
    words = align_words(a.tokens, b.tokens)
    if a.tokens == b.tokens:
        where = "" if a.text == b.text else " for this model, whose tokenizer cuts them alike"
        return f"The prompts are the same{where}. Change a word in one of them."
    if all(word.kind == "equal" for word in words):
        return "Same words; only spaces or tokens differ."
    if not any(word.kind == "equal" for word in words):
        return (
            "The prompts share no words, so words are paired by order and the distances mean little. Change a few "
            "words at a time."
        )
    return ""


def get_side_color(letter: str) -> str:
    """Return the color of prompt A or B, as in the chart of next tokens."""
    return colors(get_theme()).categories["AB".index(letter)]


def find_changed_tokens(
    a: AttentionTrace, b: AttentionTrace, view: ViewOptions
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the tokens whose words differ, for each trace with the view options applied.

    Args:
        a, b: the original traces.
        view: the view options.

    Returns:
        For A and for B, positions with "changed" or "only here".
    """
    words = align_words(view.arrange(a).tokens, view.arrange(b).tokens)
    marks: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for word in words:
        if word.kind == "equal":
            continue
        kind = "changed" if word.kind == "replaced" else "only here"
        for side, span in zip(marks, (word.span_a, word.span_b), strict=True):
            if span is not None:
                side.update(dict.fromkeys(range(*span), kind))
    return marks


def align_rows(a: AttentionTrace, b: AttentionTrace, view: ViewOptions) -> tuple[list[int], list[int], int]:
    """Return the rows in which the tokens of both traces line up word by word.

    A word takes as many rows as it has tokens in the trace where it has more.

    Returns:
        The row of each token of A and of B, with the view options applied, and the number of rows.
    """
    rows: tuple[list[int], list[int]] = ([], [])
    n_rows = 0
    for word in align_words(view.arrange(a).tokens, view.arrange(b).tokens):
        spans = [span if span is not None else (0, 0) for span in (word.span_a, word.span_b)]
        for side, (start, end) in zip(rows, spans, strict=True):
            side.extend(n_rows + offset for offset in range(end - start))
        n_rows += max(end - start for start, end in spans)
    return *rows, n_rows


def pick_comparison(a: AttentionTrace, b: AttentionTrace) -> Comparison:
    """Draw the choice of the query word in both traces, and return the comparison."""
    words = align_traces(a, b)
    shared = [index for index, word in enumerate(words) if _is_shared(word)]
    reset_changed_positions([word.label for word in words], "compare_query", "rank_by")
    if session.compare_query not in shared:
        _show_link_notice("compare_query")
        session.compare_query = LAST
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


def _show_link_notice(key: str) -> None:
    if session.get(key, LAST) != LAST and was_in_link(key):
        show_notice("Ignored a word in the link that is not in both prompts.")


def _is_shared(word: AlignedWord) -> bool:
    return word.span_a is not None and word.span_b is not None


def pick_ranking(comparison: Comparison) -> int | None:
    """Draw the choice of the word that heads are ranked by, and return its index; None means all words."""
    options = [LAST, *range(len(comparison.words))]
    if session.rank_by not in options:
        _show_link_notice("rank_by")
        session.rank_by = LAST
    chosen = st.selectbox(
        "Rank by",
        options,
        format_func=lambda index: "all words" if index == LAST else f"{comparison.words[index].label}  ({index})",
        key="rank_by",
        persist_state="session",
        width=220,
        help="Total attention shifted, or the change on one word.",
    )
    return None if chosen == LAST else int(chosen)


def find_most_shifted_head(a: AttentionTrace, comparison: Comparison, word: int | None) -> Head:
    """Return the article's head for its prompts on GPT-2 small, else the one that shifted most."""
    article_head = examples.article_head(a.model, a.text)
    return article_head or comparison.rank_heads(1, word=word)[0]


def show_shift(comparison: Comparison, word: int | None, selected: Head, *, source: Source) -> None:
    """Draw how far each head shifted, or how much more it attends to one word in B."""
    if word is None:
        show_head_map(
            comparison.change,
            selected,
            title="**Which heads shifted?** Stronger color: more attention on other words.",
            quantity="attention shifted (0 to 1)",
            source=source,
            key="moved",
            signed=False,
        )
    else:
        label = comparison.words[word].label
        show_head_map(
            comparison.difference[:, :, word],
            selected,
            title=f"**Which heads shifted?** Green: more on {escape_markdown(label)} in B. Purple: less.",
            quantity=f"weight on “{label}”: B − A",
            source=source,
            key="moved_on_word",
        )


def pick_shifted_head(comparison: Comparison, word: int | None, selected: Head) -> None:
    """Draw the choice of the heads that shifted most, each with its largest change."""
    sentences = {
        head: _describe_shift(comparison, head, word)
        for head in comparison.rank_heads(N_RANKED, word=word)
        if abs(comparison.change[head] if word is None else comparison.difference[(*head, word)]) >= SMALLEST_CHANGE
    }
    if sentences:
        pick_from_heads("Heads that shifted most", sentences, selected)
    else:
        st.markdown("No head shifts by 0.005 or more from this word.")


def _describe_shift(comparison: Comparison, head: Head, word: int | None) -> str:
    def describe_change(index: int) -> str:
        a, b = (float(side[(*head, index)]) for side in (comparison.attention_a, comparison.attention_b))
        return f"“{escape_markdown(comparison.words[index].label)}” {format_weight(a)} → {format_weight(b)}"

    if word is not None:
        return f"**{head_label(head)}**: {describe_change(word)}"
    largest = int(abs(comparison.difference[head]).argmax())
    return f"**{head_label(head)}** **{format_weight(float(comparison.change[head]))}**: {describe_change(largest)}"


def show_side(
    comparison: Comparison,
    letter: str,
    original: AttentionTrace,
    head: Head,
    *,
    view: ViewOptions,
    query: int,
    marks: dict[int, str],
    rows: Sequence[int],
    n_rows: int,
) -> None:
    """Draw one head's lines in one of the prompts; a click on a word makes it the query in both."""
    trace = view.apply(original)
    link = describe_strongest_link(trace, *head, query, view=view)
    show_lines(
        trace,
        *head,
        title=f"**{letter}** · {link}{_describe_next_word(original)}",
        query=query,
        source=describe_source(original, view_options=view),
        key=f"compare_{letter}",
        panel_name=letter,
        on_click=lambda position: _choose_query(comparison, letter, position),
        marks=marks,
        mark_color=get_side_color(letter),
        rows=rows,
        n_rows=n_rows,
    )


def _describe_next_word(original: AttentionTrace) -> str:
    return f" Next: {describe_prediction(original.prediction)}." if original.prediction is not None else ""


def _choose_query(comparison: Comparison, letter: str, position: int) -> None:
    for index, word in enumerate(comparison.words):
        span = word.span_a if letter == "A" else word.span_b
        if span is not None and span[0] <= position < span[1]:
            if _is_shared(word):
                session.compare_query = LAST if session.compare_query == index else index
            else:
                st.toast(f"“{escape_markdown(word.label)}” is only in {letter}. Choose a word in both prompts.")


def show_weights_of_both(comparison: Comparison, head: Head) -> None:
    """Draw a table of one head's weights on every word in both prompts."""
    table = change_table(comparison, *head)
    table["difference"] = table["difference"].round(2) + 0.0  # so that there is no -0.00
    weight = st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0)
    with panel("numbers", f"**{head_label(head)} in numbers**"):
        st.dataframe(
            table_without_formulas(table),
            hide_index=True,
            height=min(38 + 35 * len(comparison.words), 460),
            column_config={
                "word": st.column_config.TextColumn(width=220),
                "kind": None,
                "A": weight,
                "B": weight,
                "difference": st.column_config.NumberColumn("B − A", format="%+.2f"),
            },
        )


def show_paired_next_tokens(a: AttentionTrace, b: AttentionTrace) -> None:
    """Draw the next tokens whose probability differs most between both prompts, if it was recorded."""
    if a.prediction is None or b.prediction is None:
        show_note("This recording has no next-token probabilities.")
        return
    figure = charts.paired_probabilities(a.prediction, b.prediction, theme=get_theme())
    with panel("pairs", "**Largest differences in next-token probability**") as icons:
        show_swatches({letter: get_side_color(letter) for letter in "AB"})
        draw(figure, key="pairs", min_height=figure.min_height)
    with icons:
        show_figure_download(figure, "next tokens", describe_source(a, b), key="next_words")


def show_first_recording(original: AttentionTrace) -> None:
    """Draw a head's lines in the first recording, until a second one is opened to compare."""
    head = resolve_head(original.attention, suggest_head(original))
    with toolbar("one"):
        pick_head(original.attention, head)
        query_container = reserve_in_toolbar("query")
        view = pick_view_options(original)
        trace = view.apply(original)
        with query_container:
            query = pick_query(trace, key="query", default=trace.n_tokens - 1)
    (column,) = panels([1])
    described_query = trace.n_tokens - 1 if query is None else query
    link = describe_strongest_link(trace, *head, described_query, view=view)
    with column:
        show_lines(
            trace,
            *head,
            title=f"Open a second recording to compare. {link}",
            query=query,
            source=describe_source(original, view_options=view),
            key="query",
        )
    with notes():
        show_note(describe_figure(trace, *head))
        show_note(describe_hidden_links(trace, [head], query))
