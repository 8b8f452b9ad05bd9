"""Texts with repetitions, which can be predicted only from the earlier occurrence."""

from random import Random

from attn_core.mini import words
from attn_core.mini.lists import colours, shopping
from attn_core.mini.people import gift
from attn_core.mini.phrases import capitalised, maybe, random_words, two_names
from attn_core.mini.sentences import far_verb, question, simple


def repeated_words(rng: Random) -> str:
    """Return random words, repeated two or three times, which can be predicted only from the first occurrence."""
    row = random_words(rng, rng.randint(3, 12))
    return capitalised(rng.choice((" ", " ", ", ")).join(row * rng.choice((2, 2, 3)))) + "."


def repeated_sentence(rng: Random) -> str:
    """Return a sentence of any other form twice, sometimes with another sentence in between."""
    sentence = rng.choice((far_verb, simple, gift, shopping, colours))(rng)
    between = maybe(rng, 0.4, f" {simple(rng)}")
    return f"{sentence}{between} {sentence}"


def quoted(rng: Random) -> str:
    """Return a statement that one person makes and another repeats."""
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
    """Return a few sentences, repeated after something else."""
    passage = " ".join(rng.choice((far_verb, simple, question, shopping))(rng) for _ in range(2))
    return f"{passage} {simple(rng)} {passage}"


def refrain(rng: Random) -> str:
    """Return lines of a song, each followed by the same refrain."""
    line = simple(rng).rstrip(".!")
    verses = [simple(rng).rstrip(".!") for _ in range(rng.randint(2, 3))]
    return "\n".join(f"{verse},\n{line}!" for verse in verses)
