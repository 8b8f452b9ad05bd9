"""Define the surnames, sentences and combinations that are held out of training for the evaluation."""

import re
from itertools import combinations
from zlib import crc32

from attn_core.mini import words

PHRASES = (
    "The dog on the ship ran",
    "On the string of one kite",
    "gown with the dots that are pink, white",
)
"""Pieces of the article's sentences that no training document holds."""

ONE_COMBINATION_IN = 12
"""This part of all combinations of a subject, a noun of a phrase after it and a verb of motion is held out."""

SURNAME = re.compile("|".join(rf"\b{name}" for name in words.HELD_OUT_SURNAMES))
_PHRASE = re.compile("|".join(PHRASES))
_SUBJECTS = frozenset(noun for kind in words.KINDS for noun in kind.nouns)
_NOUNS = _SUBJECTS | {*words.PLACES, *words.THINGS, *words.GARMENTS}
_MOVES = frozenset(words.MOVES)


def combination_held_out(subject: str, noun: str, verb: str) -> bool:
    """Return whether "The <subject> on the <noun> <verb>" is held out of training."""
    return crc32(f"{subject} {noun} {verb}".encode()) % ONE_COMBINATION_IN == 0


def held_out(text: str) -> bool:
    """Return whether a text contains a surname, a sentence or a combination that is held out of training."""
    if SURNAME.search(text) or _PHRASE.search(text):
        return True
    return any(combination_held_out(*combination) for combination in combinations_in(text))


def combinations_in(text: str) -> set[tuple[str, str, str]]:
    """Return every (subject, later noun, verb of motion after both) of one sentence of the text."""
    found = set()
    for sentence in re.split(r"[.!?\n]", text):
        row = re.findall(r"\w+", sentence.lower())
        for end, verb in enumerate(row):
            if verb in _MOVES:
                nouns = [word for word in row[:end] if word in _NOUNS]
                found |= {(one, other, verb) for one, other in combinations(nouns, 2) if one in _SUBJECTS}
    return found
