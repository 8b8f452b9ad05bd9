"""Read and write links, which hold every choice that differs from its default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from attn_core.analysis import examples
from attn_core.server.settings import get_settings
from attn_core.server.startup import find_problems
from attn_core.ui.recordings import close_recording
from attn_core.ui.session import session
from attn_core.ui.state import ALL_TOKENS, TOUR_STEPS, TOUR_TEXTS, escape_markdown

MAX_TEXT = 2000  # characters; a longer text is left out, since servers would refuse such a link
MAX_QUOTED = 40  # characters of a bad value that a notice quotes
MAX_HEADS = 1000

SAMPLING = {"greedy": "highest probability", "sampled": "sampling"}
VIEWS = {"lines": "Lines", "matrix": "Matrix", "table": "Table"}
SUMMARIES = {
    "head": "this head",
    "layer": "layer mean",
    "heads": "mean of selected heads",
    "rollout": "attention rollout",
}
SEARCHES = {"pattern": "by pattern", "words": "by two tokens"}
EFFECTS = {"added": "direct effect on the logit", "lost": "effect of turning each head off"}
DETAILS = {"layers": "After each layer", "heads": "Strongest heads", "off": "Turn heads off"}
OLD_NAMES = {"deeds": "pattern"}
"""Renamed options, which older links still hold."""


@dataclass(frozen=True)
class Kind:
    """Describe how a link holds values of one kind.

    Attributes:
        expected: what a value must be, in words, for the notice about a bad one.
        read: parses the text in the link; raises ValueError.
        write: returns that text.
    """

    expected: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Choice:
    """Describe one choice that a link holds.

    Attributes:
        kind: the kind of its values.
        default: the value until a visitor chooses another; None if the page suggests one.
    """

    kind: Kind
    default: Any = None


def _whole_number(low: int, high: int) -> Kind:
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
    if len(pairs) > MAX_HEADS:
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
        return ALL_TOKENS
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII):
        raise ValueError(text)
    return int(text)


def _read_labels(text: str) -> list[str]:
    from attn_core.analysis.scores import LABELS, OTHER

    labels = list(dict.fromkeys(OTHER if label == "mixed" else label for label in text.split(",")))
    if not set(labels) <= {*LABELS.values(), OTHER}:  # older links hold "mixed"
        raise ValueError(text)
    return labels


def _read_score(text: str) -> str:
    from attn_core.analysis.scores import SCORES, SHARES

    if text not in (*SCORES, *SHARES.values()):
        raise ValueError(text)
    return text


TEXT = Kind("a text", str)
SWITCH = _one_of({"1": True, "0": False})
HEADS = Kind("heads written like 7.11,5.7", _read_heads, _write_heads)
ONE_HEAD = Kind("a head written like 7.11", lambda text: _read_heads(text)[-1], lambda head: _write_heads([head]))
WORD = Kind(
    "the position of a token, or all",
    _read_word,
    lambda position: "all" if position == ALL_TOKENS else str(position),
)
WORDS = Kind("positions of tokens like 1,4", _read_positions, lambda positions: ",".join(map(str, positions)))
LABELS = Kind("labels of heads with commas between them", _read_labels, ",".join)
SCORE = Kind("the name of a score", _read_score)
POSITION = _whole_number(0, 9999)

CHOICES: dict[str, Choice] = {
    "model": Choice(TEXT, get_settings().default_model),
    "prompt": Choice(TEXT, examples.DOG),
    "prompt_a": Choice(TEXT, examples.SON),
    "prompt_b": Choice(TEXT, examples.COLLEAGUE),
    "layer": Choice(Kind("a whole number", int)),
    "head": Choice(Kind("a whole number", int)),
    "heads_off": Choice(HEADS, ()),
    "replacement": Choice(_one_of({"zero": "zero", "mean": "mean"}), "zero"),
    "step": Choice(_whole_number(1, TOUR_STEPS), 1),
    "presenting": Choice(SWITCH, False),
    # how attention is shown
    "value_weighted": Choice(SWITCH, False),
    "merge_words": Choice(SWITCH, False),
    "hide_first": Choice(SWITCH, False),
    "view": Choice(_one_of(VIEWS), VIEWS["lines"]),
    "summary": Choice(_one_of(SUMMARIES), SUMMARIES["head"]),
    "mean_of": Choice(HEADS, []),
    "more_heads": Choice(HEADS, []),
    # the query tokens
    "home_query": Choice(WORD),
    "query": Choice(WORD, ALL_TOKENS),
    "view_queries": Choice(WORDS, []),
    "compare_query": Choice(POSITION, ALL_TOKENS),
    "rank_by": Choice(POSITION, ALL_TOKENS),
    # the head search
    "find_by": Choice(_one_of(SEARCHES), SEARCHES["pattern"]),
    "kinds": Choice(LABELS, []),
    "sort_by": Choice(SCORE, "position"),
    "link_query": Choice(POSITION),
    "link_key": Choice(POSITION),
    # how text is generated
    "way": Choice(_one_of(SAMPLING), SAMPLING["greedy"]),
    "new_tokens": Choice(_whole_number(1, get_settings().max_new_tokens), min(20, get_settings().max_new_tokens)),
    "temperature": Choice(_number(0.05, 5.0), 1.0),
    "top_k": Choice(_whole_number(1, 1000), 40),
    "top_p": Choice(_number(0.01, 1.0), 1.0),
    "seed": Choice(_whole_number(0, 2**31 - 1), 0),
    "question": Choice(_one_of(EFFECTS), EFFECTS["added"]),
    "details": Choice(_one_of(DETAILS), DETAILS["layers"]),
    "chosen_step": Choice(_whole_number(0, 9999), 0),
    "foil": Choice(_whole_number(0, 10**9)),
    # many names
    "name_template": Choice(TEXT, examples.NAME_TEMPLATE),
    "name_groups": Choice(TEXT, examples.NAME_GROUPS),
    "name_words": Choice(TEXT, examples.NAME_WORDS),
    # the tour
    **{name: Choice(TEXT, text) for name, text in TOUR_TEXTS.items()},
    "tour_head": Choice(ONE_HEAD),
    "tour_all": Choice(WORD, ALL_TOKENS),
    **{
        f"tour_{name}": Choice(WORD)
        for name in ("subject_query", "subject_key", "list_query", "a_query", "b_query")
    },
}
"""All choices, by their names in the session."""
_LINK_NAMES = {
    "value_weighted": "weighed",
    "merge_words": "words",
    "heads_off": "off",
    "presenting": "present",
    "chosen_step": "token",
}
"""Names in the link, where they differ from the names in the session."""

RETURN = "return"  # marks an address to which somebody returned by the browser's Back or Forward
ALL_ON = "all-on"  # in place of a list of heads that were off


def restore_from_url() -> None:
    """Read the link in the first run of a session, and when somebody returns to it; then write the choices into it.

    The page stops if a setting in the environment is not usable.
    """
    problems = find_problems()
    for problem in problems:
        st.error(escape_markdown(f"{problem} Fix it and restart."), icon=":material/error:")
    if problems:
        st.stop()
    if not session.is_restored:
        session.is_restored = True
        session.notices = []
        session.table_version = 0
        _read_recording()
        _read_choices()
        _read_actions()
    elif RETURN in st.query_params:
        if session.playlist != st.query_params.get("recording"):
            close_recording()
            _read_recording()
        _read_choices()
    _write_link()


def _read_recording() -> None:
    """Open the recording of the playlist that the link names."""
    session.playlist = None
    name = st.query_params.get("recording")
    if name is None:
        return
    from attn_core.ui.playlist import open_by_name

    if not open_by_name(name):
        session.notices.append(
            f"The link's recording “{name[:MAX_QUOTED]}” is not in this playlist. Choose another one."
        )


def _read_choices() -> None:
    link = st.query_params.to_dict()
    values = {}
    for name, choice in CHOICES.items():
        link_name = _LINK_NAMES.get(name, name)
        text = link.get(link_name)
        if text is not None:
            try:
                values[name] = choice.kind.read(text)
            except ValueError:
                _report_bad_value(link_name, text, choice.kind)
        if name in values or choice.default is not None:
            session[name] = values.get(name, choice.default)
    session.is_new = not values.keys() - {"model", "presenting"} and "recording" not in link
    session.head_is_chosen = not values.keys().isdisjoint(("layer", "head"))
    session.from_link = set(values)


def _report_bad_value(name: str, text: str, kind: Kind) -> None:
    session.notices.append(f"Ignored {name}={text[:MAX_QUOTED]} in the link. Expected {kind.expected}.")


def _read_actions() -> None:
    """Store which buttons had been pressed when the link was copied; their pages press them again."""
    link = st.query_params
    session.pending_actions = {name: True for name in ("write_again", "ask", "scan") if link.get(name) == "1"}
    if (heads := link.get("written")) is not None:
        try:
            session.pending_actions["write"] = frozenset(() if heads == ALL_ON else _read_heads(heads))
        except ValueError:
            _report_bad_value("written", heads, HEADS)


def consume_action(name: str) -> Any:
    """Return an action that the link asks for, and remove it, so that it runs only once; else return None."""
    return session.pending_actions.pop(name, None)


def was_in_link(name: str) -> bool:
    """Return whether an unusable value came from the link; return True only once, so that one notice is shown."""
    if name not in session.from_link:
        return False
    session.from_link.remove(name)
    return True


def _write_link() -> None:
    parameters = {}
    state = session.to_dict()
    for name, choice in CHOICES.items():
        text = _write_choice(name, choice, state)
        if text is not None:
            parameters[_LINK_NAMES.get(name, name)] = text
    if session.playlist is not None:
        parameters["recording"] = session.playlist
    parameters |= _list_actions()
    if st.query_params.to_dict() != parameters:
        st.query_params.from_dict(parameters)


def _write_choice(name: str, choice: Choice, state: Mapping[str, Any]) -> str | None:
    """Return the text of a choice in the link; None if the dashboard would choose the same without it."""
    value = state.get(name)
    if value is None or value in (choice.default, state.get(f"{name}_default")):
        return None
    if name in ("layer", "head") and not state["head_is_chosen"]:
        return None
    if choice.kind is TEXT and not fits_in_link(value):
        return None
    return choice.kind.write(value)


def fits_in_link(text: str) -> bool:
    """Return whether a text is short enough for a link and can be encoded in it."""
    return len(text) <= MAX_TEXT and not any("\ud800" <= character <= "\udfff" for character in text)


def _list_actions() -> dict[str, str]:
    """Return the buttons that were pressed and whose results still match the current choices."""
    actions = {}
    first, second = session.generated, session.generated_again
    if first is not None and session.generated_with == list_text_choices() and _has_same_replacement(first):
        is_opening = first is session.opening_text
        if not is_opening or first.ablated != frozenset(session.heads_off):
            actions["written"] = _write_heads(sorted(first.ablated)) or ALL_ON
        if second is not None and second.ablated == frozenset(session.heads_off) and _has_same_replacement(second):
            actions["write_again"] = "1"
        if is_scan_shown(first, session.chosen_step):
            actions["scan"] = "1"
    if session.name_probe is not None and session.probed_with == list_probe_choices():
        actions["ask"] = "1"
    return actions


def is_scan_shown(text: Any, index: int) -> bool:
    """Return whether the page shows the scan of all heads for this token of this text."""
    shown = session.scan_shown
    return shown is not None and shown[0] is text and shown[1] == index


def _has_same_replacement(text: Any) -> bool:
    return not text.ablated or text.replacement == session.replacement


def list_text_choices() -> dict[str, Any]:
    """Return the choices that a generated text depends on, besides the heads that are off."""
    names = ("model", "prompt", "way", "new_tokens", "temperature", "top_k", "top_p", "seed")
    return {name: session[name] for name in names}


def list_probe_choices() -> dict[str, Any]:
    """Return the choices that the result for many names depends on."""
    names = ("model", "heads_off", "replacement", "name_template", "name_groups", "name_words")
    return {name: session[name] for name in names}
