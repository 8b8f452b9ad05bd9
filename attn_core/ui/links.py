"""What a link holds: every choice that is not the one which the dashboard begins with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from attn_core import examples, limits
from attn_core.ui.state import ALL_WORDS, TOUR_STEPS, TOUR_TEXTS, plain

MAX_TEXT = 2000  # characters; a longer text stays out of the link, which servers would refuse
MOST_SHOWN = 40  # characters of a bad value
MOST_HEADS = 1000

WAYS = {"greedy": "highest probability", "sampled": "sampling"}
VIEWS = {"lines": "Lines", "matrix": "Matrix", "table": "Table"}
SUMMARIES = {
    "head": "this head",
    "layer": "layer mean",
    "heads": "mean of selected heads",
    "rollout": "attention rollout",
}
FINDERS = {"pattern": "by pattern", "words": "by two tokens"}
QUESTIONS = {"added": "direct effect on the logit", "lost": "effect of turning each head off"}
DETAILS = {"layers": "After each layer", "heads": "Strongest heads", "off": "Turn heads off"}
OLD_NAMES = {"deeds": "pattern"}
"""Options of links that were made before an option had another name."""


@dataclass(frozen=True)
class Kind:
    """How values of one kind stand in a link.

    Attributes:
        wanted: what a value must be, for the sentence about one that is not.
        read: takes the text of the link; raises ValueError.
        write: makes that text.
    """

    wanted: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Choice:
    """One choice that a link holds.

    Attributes:
        kind: of its values.
        default: the value that stands while nobody chose another; None if the page finds one.
    """

    kind: Kind
    default: Any = None


def _whole(low: int, high: int) -> Kind:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Kind(f"a whole number from {low} to {high}", read)


def _number(low: float, high: float) -> Kind:
    def read(text: str) -> float:
        if not low <= (value := float(text)) <= high:
            raise ValueError(text)
        return value

    return Kind(f"a number from {low:g} to {high:g}", read, lambda value: f"{value:g}")


def _one_of(options: Mapping[str, Any]) -> Kind:
    def read(text: str) -> Any:
        text = OLD_NAMES.get(text, text)
        if text not in options:
            raise ValueError(text)
        return options[text]

    names = {value: name for name, value in options.items()}
    return Kind(f"one of {', '.join(options)}", read, names.__getitem__)


def _read_heads(text: str) -> tuple[tuple[int, int], ...]:
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}(,\d{1,3}\.\d{1,3})*", text, re.ASCII):
        raise ValueError(text)
    pairs = [pair.split(".") for pair in text.split(",")]
    if len(pairs) > MOST_HEADS:
        raise ValueError(text)
    return tuple(sorted({(int(layer), int(head)) for layer, head in pairs}))


def _write_heads(heads: Any) -> str:
    return ",".join(f"{layer}.{head}" for layer, head in heads)


def _read_positions(text: str) -> list[int]:
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", text, re.ASCII):
        raise ValueError(text)
    return sorted({int(position) for position in text.split(",")})


def _read_word(text: str) -> int:
    if text == "all":
        return ALL_WORDS
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII):
        raise ValueError(text)
    return int(text)


def _read_labels(text: str) -> list[str]:
    from attn_core.patterns import LABELS, OTHER

    labels = list(dict.fromkeys(OTHER if label == "mixed" else label for label in text.split(",")))
    if not set(labels) <= {*LABELS.values(), OTHER}:  # "mixed" stands in older links
        raise ValueError(text)
    return labels


def _read_score(text: str) -> str:
    from attn_core.patterns import SCORES, SHARES

    if text not in (*SCORES, *SHARES.values()):
        raise ValueError(text)
    return text


TEXT = Kind("a text", str)
SWITCH = _one_of({"1": True, "0": False})
HEADS = Kind("heads written like 7.11,5.7", _read_heads, _write_heads)
ONE_HEAD = Kind("a head written like 7.11", lambda text: _read_heads(text)[-1], lambda head: _write_heads([head]))
WORD = Kind("the position of a token, or all", _read_word, lambda at: "all" if at == ALL_WORDS else str(at))
WORDS = Kind("positions of tokens like 1,4", _read_positions, lambda positions: ",".join(map(str, positions)))
LABELS = Kind("labels of heads with commas between them", _read_labels, ",".join)
SCORE = Kind("the name of a score", _read_score)
POSITION = _whole(0, 9999)

CHOICES: dict[str, Choice] = {
    "model": Choice(TEXT, limits.DEFAULT_MODEL),
    "prompt": Choice(TEXT, examples.DOG),
    "prompt_a": Choice(TEXT, examples.SON),
    "prompt_b": Choice(TEXT, examples.COLLEAGUE),
    "layer": Choice(Kind("a whole number", int)),
    "head": Choice(Kind("a whole number", int)),
    "heads_off": Choice(HEADS, ()),
    "replacement": Choice(_one_of({"zero": "zero", "mean": "mean"}), "zero"),
    "step": Choice(_whole(1, TOUR_STEPS), 1),
    "presenting": Choice(SWITCH, False),
    # how attention is looked at
    "weighed": Choice(SWITCH, False),
    "words": Choice(SWITCH, False),
    "hide_first": Choice(SWITCH, False),
    "view": Choice(_one_of(VIEWS), VIEWS["lines"]),
    "summary": Choice(_one_of(SUMMARIES), SUMMARIES["head"]),
    "mean_of": Choice(HEADS, []),
    "more_heads": Choice(HEADS, []),
    # from which words
    "home_query": Choice(WORD),
    "query": Choice(WORD, ALL_WORDS),
    "view_queries": Choice(WORDS, []),
    "compare_query": Choice(POSITION, ALL_WORDS),
    "rank_by": Choice(POSITION, ALL_WORDS),
    # which heads are looked for
    "find_by": Choice(_one_of(FINDERS), FINDERS["pattern"]),
    "kinds": Choice(LABELS, []),
    "sort_by": Choice(SCORE, "position"),
    "link_query": Choice(POSITION),
    "link_key": Choice(POSITION),
    # how text is written
    "way": Choice(_one_of(WAYS), WAYS["greedy"]),
    "new_tokens": Choice(_whole(1, limits.NEW_TOKENS), min(20, limits.NEW_TOKENS)),
    "temperature": Choice(_number(0.05, 5.0), 1.0),
    "top_k": Choice(_whole(1, 1000), 40),
    "top_p": Choice(_number(0.01, 1.0), 1.0),
    "seed": Choice(_whole(0, 2**31 - 1), 0),
    "question": Choice(_one_of(QUESTIONS), QUESTIONS["added"]),
    "details": Choice(_one_of(DETAILS), DETAILS["layers"]),
    "chosen_step": Choice(_whole(0, 9999), 0),
    "foil": Choice(_whole(0, 10**9)),
    # many names
    "name_template": Choice(TEXT, examples.NAME_TEMPLATE),
    "name_groups": Choice(TEXT, examples.NAME_GROUPS),
    "name_words": Choice(TEXT, examples.NAME_WORDS),
    # the tour
    **{name: Choice(TEXT, text) for name, text in TOUR_TEXTS.items()},
    "tour_head": Choice(ONE_HEAD),
    "tour_all": Choice(WORD, ALL_WORDS),
    **{
        f"tour_{name}": Choice(WORD)
        for name in ("subject_query", "subject_key", "list_query", "a_query", "b_query")
    },
}
"""By their names in the state of a session."""
_IN_LINK = {"heads_off": "off", "presenting": "present", "chosen_step": "token"}
"""The names in the link of those that are called otherwise there."""

ALL_ON = "all-on"  # instead of the heads that were off


def begin() -> None:
    """Take over the link in the first run of a session; in later ones write into it what is chosen.

    The page stops at a limit of the environment that says nothing usable.
    """
    for problem in limits.PROBLEMS:
        st.error(plain(f"{problem} Fix it and restart."), icon=":material/error:")
    if limits.PROBLEMS:
        st.stop()
    if "begun" not in st.session_state:
        st.session_state.begun = True
        st.session_state.notices = []
        st.session_state.setdefault("recording", None)
        st.session_state.table_version = 0
        _take_recording()
        _take_choices()
        _take_deeds()
    _write()


def _take_recording() -> None:
    """Open the recording of the playlist that the link names."""
    st.session_state.playlist = None
    name = st.query_params.get("recording")
    if name is None:
        return
    from attn_core.ui.playlist import choose

    if not choose(name):
        st.session_state.notices.append(
            f"The link's recording “{name[:MOST_SHOWN]}” is not in this playlist. Choose another one."
        )


def _take_choices() -> None:
    state, link = st.session_state, st.query_params.to_dict()
    brought = {}
    for name, choice in CHOICES.items():
        in_link = _IN_LINK.get(name, name)
        text = link.get(in_link)
        if text is not None:
            try:
                brought[name] = choice.kind.read(text)
            except ValueError:
                _leave_out(in_link, text, choice.kind)
        if name in brought or choice.default is not None:
            state[name] = brought.get(name, choice.default)
    state.is_new = not brought.keys() - {"model", "presenting"} and "recording" not in link
    state.head_is_chosen = not brought.keys().isdisjoint(("layer", "head"))
    state.brought = set(brought)


def _leave_out(name: str, text: str, kind: Kind) -> None:
    st.session_state.notices.append(f"Ignored {name}={text[:MOST_SHOWN]} in the link. Expected {kind.wanted}.")


def _take_deeds() -> None:
    """What a button did for the one who shares the link is done again once its page is seen."""
    state, link = st.session_state, st.query_params
    state.to_write = None
    if (heads := link.get("written")) is not None:
        try:
            state.to_write = frozenset(() if heads == ALL_ON else _read_heads(heads))
        except ValueError:
            _leave_out("written", heads, HEADS)
    for deed in ("write_again", "ask", "scan"):
        state[f"to_{deed}"] = link.get(deed) == "1"


def to_do(deed: str) -> Any:
    """What the link asks to have done again, the first time it is looked for; then None."""
    wanted = st.session_state.get(f"to_{deed}")
    st.session_state[f"to_{deed}"] = None
    return wanted


def fell_back(name: str) -> bool:
    """Whether a value that cannot be used came with the link, so that somebody should be told; once."""
    brought: set[str] = st.session_state.brought
    if name not in brought:
        return False
    brought.remove(name)
    return True


def _write() -> None:
    kept = {}
    state = st.session_state.to_dict()
    for name, choice in CHOICES.items():
        text = _text_of(name, choice, state)
        if text is not None:
            kept[_IN_LINK.get(name, name)] = text
    if st.session_state.playlist is not None:
        kept["recording"] = st.session_state.playlist
    kept |= _deeds_done()
    if st.query_params.to_dict() != kept:
        st.query_params.from_dict(kept)


def _text_of(name: str, choice: Choice, state: Mapping[str, Any]) -> str | None:
    """What the link says of a choice; nothing where it would be chosen without."""
    value = state.get(name)
    if value is None or value in (choice.default, state.get(f"{name}_default")):
        return None
    if name in ("layer", "head") and not state["head_is_chosen"]:
        return None
    if choice.kind is TEXT and not fits_a_link(value):
        return None
    return choice.kind.write(value)


def fits_a_link(text: str) -> bool:
    """Whether a text is short enough for a link and can stand in it."""
    return len(text) <= MAX_TEXT and not any("\ud800" <= character <= "\udfff" for character in text)


def _deeds_done() -> dict[str, str]:
    """The deeds whose results still belong to what is chosen."""
    state = st.session_state
    done = {}
    first, second = state.get("generated"), state.get("generated_again")
    if first is not None and state.written_with == writing_choices() and _replaced_alike(first):
        opening = first is state.get("opening_text")
        if not opening or first.ablated != frozenset(state.heads_off):
            done["written"] = _write_heads(sorted(first.ablated)) or ALL_ON
        if second is not None and second.ablated == frozenset(state.heads_off) and _replaced_alike(second):
            done["write_again"] = "1"
        if scanned(first, state.chosen_step):
            done["scan"] = "1"
    if state.get("name_probe") is not None and state.asked_with == asking_choices():
        done["ask"] = "1"
    return done


def scanned(text: Any, index: int) -> bool:
    """Return whether the scan of all heads that is on show is that of this token of this text."""
    which = st.session_state.get("scan_shown")
    return which is not None and which[0] is text and which[1] == index


def _replaced_alike(text: Any) -> bool:
    return not text.ablated or text.replacement == st.session_state.replacement


def writing_choices() -> dict[str, Any]:
    """What a text depends on besides the heads that are off."""
    names = ("model", "prompt", "way", "new_tokens", "temperature", "top_k", "top_p", "seed")
    return {name: st.session_state[name] for name in names}


def asking_choices() -> dict[str, Any]:
    """What the answer about many names depends on."""
    names = ("model", "heads_off", "replacement", "name_template", "name_groups", "name_words")
    return {name: st.session_state[name] for name in names}
