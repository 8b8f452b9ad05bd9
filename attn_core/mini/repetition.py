"""Texts that say the same again: only looking back tells what comes next."""

from random import Random

from attn_core.mini import words
from attn_core.mini.lists import colours, shopping
from attn_core.mini.people import gift
from attn_core.mini.phrases import (
    capitalised,
    maybe,
    random_words,
    two_names,
)
from attn_core.mini.sentences import far_verb, question, simple


def repeated_words(rng: Random) -> str:
    """Words with no sense, said two or three times over: only looking back tells what comes next."""
    row = random_words(rng, rng.randint(3, 12))
    return capitalised(rng.choice((" ", " ", ", ")).join(row * rng.choice((2, 2, 3)))) + "."


def repeated_sentence(rng: Random) -> str:
    """A sentence of any other form, twice, and sometimes a further one in between."""
    sentence = rng.choice((far_verb, simple, gift, shopping, colours))(rng)
    between = maybe(rng, 0.4, f" {simple(rng)}")
    return f"{sentence}{between} {sentence}"


def quoted(rng: Random) -> str:
    """One says something, the other says it again."""
    first, second = two_names(rng)
    sentence = rng.choice((simple, far_verb, shopping))(rng).rstrip(".!?")
    verb, echo = rng.choices(words.SAYINGS, k=2)
    return rng.choice(
        (
            f'"{sentence}," {verb} {first}. "{sentence}," {echo} {second}.',
            f'{first} {verb}, "{sentence}." Then {second} {echo}, "{sentence}."',
            f'"{sentence}," {verb} {first}.',
        )
    )


def repeated_passage(rng: Random) -> str:
    """A few sentences, said again after something else."""
    passage = " ".join(rng.choice((far_verb, simple, question, shopping))(rng) for _ in range(2))
    return f"{passage} {simple(rng)} {passage}"


def refrain(rng: Random) -> str:
    """Lines of a song, each followed by the same refrain."""
    line = simple(rng).rstrip(".!")
    verses = [simple(rng).rstrip(".!") for _ in range(rng.randint(2, 3))]
    return "\n".join(f"{verse},\n{line}!" for verse in verses)
