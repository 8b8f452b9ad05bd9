"""Two prompts side by side: what differs, and which heads it moved."""

from __future__ import annotations

import html

import streamlit as st

from attn_core import charts, examples
from attn_core.comparison import AlignedWord, Comparison, aligned_words, compare, compared_words
from attn_core.tables import change_table, inert_on_screen
from attn_core.trace import AttentionTrace
from attn_core.ui.figures import choice_of_heads, draw_chart, draw_lines, head_map, strongest_link
from attn_core.ui.links import fell_back
from attn_core.ui.saving import Origin, offer_figure, origin
from attn_core.ui.state import notice, plain
from attn_core.ui.switches import head_name
from attn_core.ui.views import View, forget_other_words, nothing_left_note, word_piece_note

LAST = -1  # instead of an aligned word
SMALLEST_CHANGE = 0.005  # that is told in words
COLORS = {"A": "#0072b2", "B": "#d55e00"}  # as in the chart of next words


def marked_prompts(a: AttentionTrace, b: AttentionTrace) -> None:
    """Both texts with the words marked that differ."""
    words = aligned_words(a.tokens, b.tokens)
    for column, name, trace in zip(st.columns(2, gap="large"), "AB", (a, b), strict=True):
        column.html(_marked(words, name, trace))
    if a.tokens == b.tokens:
        to_whom = "" if a.text == b.text else " to this model, whose tokenizer cuts them alike"
        st.info(f"Both prompts are the same{to_whom}: change a word in one of them.", icon=":material/edit:")
    elif all(word.kind == "equal" for word in words):
        st.info("Both prompts have the same words: they differ in spaces, or in how words are cut.")
    elif not any(word.kind == "equal" for word in words):
        st.info(
            "No word is the same in both prompts, so nothing lines up: words are only paired by their order, and "
            "how far a head moved says little. Change one prompt into the other a few words at a time.",
            icon=":material/compare:",
        )


def _marked(words: tuple[AlignedWord, ...], name: str, trace: AttentionTrace) -> str:
    spans = []
    for word in words:
        span = word.span_a if name == "A" else word.span_b
        if span is None:
            continue
        text = html.escape("".join(trace.tokens[span[0] : span[1]]))
        if word.kind != "equal":
            said = "replaced" if word.kind == "replaced" else f"only in {name}"
            line = "solid" if word.kind == "replaced" else "dashed"
            text = (
                f'<mark title="{said}" style="color:inherit;font-weight:600;border-radius:4px;'
                f"background:color-mix(in srgb,{COLORS[name]} 25%,transparent);"
                f'border-bottom:3px {line} {COLORS[name]}">{text}</mark>'
            )
        spans.append(text)
    return (
        f'<div style="font-size:1.15rem;line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere">'
        f"{''.join(spans)}</div>"
    )


def comparison(a: AttentionTrace, b: AttentionTrace) -> Comparison:
    """Both traces compared from a word that can be chosen."""
    words = compared_words(a, b)
    shared = [index for index, word in enumerate(words) if _is_in_both(word)]
    forget_other_words([word.label for word in words], "compare_query", "rank_by")
    if st.session_state.get("compare_query") not in shared:
        _tell_of_link("compare_query")
        st.session_state.compare_query = LAST
    chosen = st.selectbox(
        "From the word",
        [LAST, *shared],
        format_func=lambda index: "the last one" if index == LAST else f"{words[index].label}  ({index})",
        key="compare_query",
        persist_state="session",
        width=220,
        help="Words that stand in both prompts. From the last one the next word is guessed.",
    )
    if chosen == LAST:
        return compare(a, b)
    span_a, span_b = words[chosen].span_a, words[chosen].span_b
    assert span_a is not None
    assert span_b is not None
    return compare(a, b, (span_a[1] - 1, span_b[1] - 1))


def _tell_of_link(key: str) -> None:
    if st.session_state.get(key, LAST) != LAST and fell_back(key):
        notice("The link asks for a word that is not in both prompts, so it was left out.")


def _is_in_both(word: AlignedWord) -> bool:
    return word.span_a is not None and word.span_b is not None


def ranking_picker(moved: Comparison) -> int | None:
    """Choose by which word heads are ranked; None means by all of them."""
    places = [LAST, *range(len(moved.words))]
    if st.session_state.get("rank_by") not in places:
        _tell_of_link("rank_by")
        st.session_state.rank_by = LAST
    chosen = st.selectbox(
        "Rank heads by",
        places,
        format_func=lambda index: "all words" if index == LAST else f"{moved.words[index].label}  ({index})",
        key="rank_by",
        persist_state="session",
        width=220,
        help="How far the attention moved on all words together, or how much one word gained or lost.",
    )
    return None if chosen == LAST else int(chosen)


def most_moved_head(a: AttentionTrace, moved: Comparison, word: int | None) -> tuple[int, int]:
    """The article's head for its prompts under GPT-2 small, else the one that moved furthest."""
    article_head = examples.article_head(a.model, a.text)
    return article_head or moved.ranked(1, word=word)[0]


def map_of_change(moved: Comparison, word: int | None, selected: tuple[int, int], *, of: Origin) -> None:
    """How far each head moved, or how much more it looks at one word in B."""
    if word is None:
        title = "part of the attention that moved to other words"
        head_map(moved.change, selected, title=title, of=of, key="moved", signed=False)
    else:
        title = f"attention to “{moved.words[word].label}” in B, less that in A"
        head_map(moved.difference[:, :, word], selected, title=title, of=of, key="moved_on_word")


def heads_that_moved(moved: Comparison, word: int | None, selected: tuple[int, int]) -> None:
    """The heads that moved furthest, in words; choosing one shows its lines."""
    sentences = {
        head: _told(moved, head, word)
        for head in moved.ranked(10, word=word)
        if abs(moved.change[head] if word is None else moved.difference[(*head, word)]) >= SMALLEST_CHANGE
    }
    if sentences:
        choice_of_heads("The heads that moved furthest", sentences, selected)
    else:
        st.markdown("No head looks anywhere else: from this word both prompts look alike.")


def _told(moved: Comparison, head: tuple[int, int], word: int | None) -> str:
    def weights(index: int) -> str:
        a, b = moved.attention_a[(*head, index)], moved.attention_b[(*head, index)]
        return f"“{plain(moved.words[index].label)}” {a:.2f} → {b:.2f}"

    if word is not None:
        return f"{head_name(head)}: {weights(word)}"
    difference = moved.difference[head]
    ends = (int(difference.argmin()), int(difference.argmax()))
    told = [weights(index) for index in ends if abs(difference[index]) >= SMALLEST_CHANGE]
    return f"{head_name(head)} moved **{moved.change[head]:.2f}**{': ' if told else ''}{', '.join(told)}"


def two_line_views(
    moved: Comparison, whole_a: AttentionTrace, whole_b: AttentionTrace, head: tuple[int, int], *, how: View
) -> None:
    """One head's lines in both prompts, side by side; a click on a word looks from there in both."""
    columns = st.columns(2, gap="large")
    for column, name, whole, query in zip(columns, "AB", (whole_a, whole_b), moved.queries, strict=True):
        trace = how.of(whole)

        def look_from(position: int, name: str = name) -> None:
            _look_from(moved, name, position)

        with column:
            st.subheader(f"{name}: layer {head[0]}, head {head[1]}")
            st.markdown(strongest_link(trace, *head, query, how=how))
            of = origin(whole, how=how)
            draw_lines(trace, *head, query=query, of=of, key=f"compare_{name}", on_click=look_from)
            nothing_left_note(trace, *head)
            word_piece_note(trace)


def _look_from(moved: Comparison, name: str, position: int) -> None:
    for index, word in enumerate(moved.words):
        span = word.span_a if name == "A" else word.span_b
        if span is not None and span[0] <= position < span[1]:
            if _is_in_both(word):
                st.session_state.compare_query = LAST if st.session_state.compare_query == index else index
            else:
                other = "B" if name == "A" else "A"
                st.toast(f"“{plain(word.label)}” has no counterpart in {other}. Choose another word.")


def change_numbers(moved: Comparison, head: tuple[int, int]) -> None:
    """One head's weights on every word in both prompts."""
    table = change_table(moved, *head)
    table["difference"] = table["difference"].round(2) + 0.0  # so that there is no -0.00
    st.dataframe(
        inert_on_screen(table),
        hide_index=True,
        height=min(38 + 35 * len(moved.words), 460),
        column_config={
            "word": st.column_config.TextColumn(width=220),
            "A": st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0),
            "B": st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0),
            "difference": st.column_config.NumberColumn("B − A", format="%+.2f"),
        },
    )


def paired_next_words(a: AttentionTrace, b: AttentionTrace) -> None:
    """The next words whose probability differs most between both prompts, where it was recorded."""
    if a.prediction is None or b.prediction is None:
        st.caption("A recording without next-word probabilities is open, so there is nothing to show here.")
        return
    st.markdown("The next words whose probability differs most.")
    chart = charts.paired_probabilities(a.prediction, b.prediction)
    draw_chart(chart)
    offer_figure(chart, "next words", origin(a, b), key="next_words")
