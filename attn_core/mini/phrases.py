"""The parts of the grammar's sentences: names, noun phrases, lists."""

from dataclasses import dataclass
from random import Random

from attn_core.mini import words
from attn_core.mini.held_out import SURNAME as HELD_OUT_SURNAME

_ONSETS = (
    "B", "Br", "C", "Ch", "Cl", "Cr", "D", "Dr", "F", "Fl", "Fr", "G", "Gl", "Gr", "H", "J", "K", "Kl", "Kr",
    "L", "M", "N", "P", "Pl", "Pr", "Qu", "R", "S", "Sch", "Sh", "Sk", "Sl", "Sp", "St", "T", "Th", "Tr", "V",
    "W", "X", "Y", "Z", "", "",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "y", "ou", "ei", "é", "ü", "ó", "a", "e", "i", "o", "u")
_CODAS = (
    "b", "ck", "d", "f", "g", "k", "l", "ll", "m", "n", "nd", "ng", "nt", "p", "r", "rd", "rk", "rn", "s",
    "sh", "ss", "st", "t", "th", "v", "x", "z", "lt", "lm", "g", "",
)  # fmt: skip
_ENDINGS = (
    "son", "ski", "er", "man", "ov", "ez", "ini", "a", "o", "ic", "sen", "ton", "ley", "wood", "berg", "is",
    "ak", "in", "u", "well", "el", "en", "ar", "i",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Person:
    """A person of a document: a first name, a surname and their pronoun."""

    first: str
    surname: str
    pronoun: str

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.first} {self.surname}"

    @property
    def possessive(self) -> str:
        """ "his" or "her"."""
        return "his" if self.pronoun == "he" else "her"


def capitalised(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def with_article(phrase: str) -> str:
    """Return a phrase after "a" or "an", by its first letter."""
    return f"{'an' if phrase[0] in 'aeiouAEIO' else 'a'} {phrase}"


def determined(rng: Random, determiners: tuple[str, ...], phrase: str) -> str:
    """Return the phrase after one of the determiners."""
    determiner = rng.choice(determiners)
    return with_article(phrase) if determiner == "a" else f"{determiner} {phrase}"


def joined(items: list[str], conjunction: str, oxford: bool) -> str:
    """Return items as "a, b, and c", or "a, b and c" without the `oxford` comma."""
    comma = "," if oxford and len(items) > 2 else ""
    return f"{', '.join(items[:-1])}{comma} {conjunction} {items[-1]}"


def maybe(rng: Random, probability: float, text: str) -> str:
    """Return the text, or nothing."""
    return text if rng.random() < probability else ""


def invented_surname(rng: Random) -> str:
    """Return an invented surname of syllables, sometimes of plain letters; never a held-out one."""
    while True:
        if rng.random() < 0.15:
            surname = "".join(rng.choices(_LETTERS, k=rng.randint(3, 7))).capitalize()
        else:
            syllables = "".join(
                rng.choice(_ONSETS).lower() + rng.choice(_VOWELS) + rng.choice(_CODAS)
                for _ in range(rng.choice((1, 1, 1, 2)))
            )
            surname = (syllables + maybe(rng, 0.5, rng.choice(_ENDINGS))).capitalize()
        if len(surname) > 2 and not HELD_OUT_SURNAME.match(surname):
            return surname


def draw_surname(rng: Random, other_than: str = "") -> str:
    """Return a surname, known or invented."""
    while True:
        surname = rng.choice(words.KNOWN_SURNAMES) if rng.random() < 0.35 else invented_surname(rng)
        if surname != other_than:
            return surname


def draw_first_name(rng: Random, pronoun: str) -> str:
    """Return a first name for the pronoun, mostly from the start of a list, sometimes invented."""
    draw = rng.random()
    if draw < 0.05:
        return invented_surname(rng)
    if draw < 0.25:
        return rng.choice(words.EITHER_NAMES)
    names = words.SHE_NAMES if pronoun == "she" else words.HE_NAMES
    return names[int(len(names) * rng.random() ** 2)]


def draw_person(rng: Random, surname: str | None = None) -> Person:
    """Return a person, with a given surname if any."""
    pronoun = rng.choice(("he", "she"))
    return Person(draw_first_name(rng, pronoun), surname or draw_surname(rng), pronoun)


def draw_other_person(rng: Random, person: Person, related: bool) -> Person:
    """Return another person, with the same surname if related, else with a different one."""
    while True:
        other = draw_person(rng, person.surname if related else draw_surname(rng, other_than=person.surname))
        if other.first != person.first:
            return other


def two_names(rng: Random) -> tuple[str, str]:
    """Return two different first names."""
    first, second = rng.sample(words.FIRST_NAMES, 2)
    return first, second


def draw_role(rng: Random) -> str:
    """Return a job, often with a trait: "famous doctor"."""
    return f"{maybe(rng, 0.6, rng.choice(words.TRAITS) + ' ')}{rng.choice(words.JOBS)}"


def draw_thing(rng: Random) -> str:
    """Return a thing that people own."""
    return rng.choice(words.THINGS + words.GARMENTS + words.TOYS)


def described(rng: Random, noun: str) -> str:
    """Return the noun, often after an adjective or a color."""
    if rng.random() < 0.6:
        return noun
    return f"{rng.choice(words.ADJECTIVES + words.COLOURS)} {noun}"


def noun_phrase(rng: Random) -> str:
    """Return a noun phrase: "the old box", "a dog", "my blue coat"."""
    noun = described(rng, draw_thing(rng) if rng.random() < 0.7 else rng.choice(rng.choice(words.KINDS).nouns))
    return rng.choice((f"the {noun}", f"the {noun}", with_article(noun), f"my {noun}", f"the {noun}"))


def prepositional_phrase(rng: Random) -> str:
    """Return a prepositional phrase: "on the ship", "with a red coat"."""
    preposition = rng.choice(words.PREPOSITIONS)
    if preposition == "with":
        garment = f"{rng.choice(words.COLOURS)} {rng.choice(words.GARMENTS)}"
        return f"with {determined(rng, ('the', 'a'), garment)}"
    nouns = rng.choices((words.PLACES, words.THINGS, rng.choice(words.KINDS).nouns), weights=(6, 2, 3))[0]
    return f"{preposition} {determined(rng, ('the', 'the', 'the', 'a'), rng.choice(nouns))}"


def prepositional_phrases(rng: Random, least: int = 1, most: int = 3) -> str:
    """Return several prepositional phrases in sequence."""
    return " ".join(prepositional_phrase(rng) for _ in range(rng.randint(least, most)))


def list_of(
    rng: Random, items: tuple[str, ...], conjunctions: tuple[str, ...] = ("and", "and", "and", "or")
) -> str:
    """Return two to five different items of a group, joined by one of the conjunctions."""
    chosen = rng.sample(items, rng.choice((2, 3, 3, 4, 4, 5)))
    return joined(chosen, rng.choice(conjunctions), oxford=rng.random() < 0.5)


def random_words(rng: Random, number: int) -> list[str]:
    """Return a random sequence of words, some of them invented."""
    pool = words.THINGS + words.PLACES + words.ADJECTIVES + words.PAST_VERBS + words.COLOURS + words.FRUITS
    return [rng.choice(pool) if rng.random() < 0.75 else invented_surname(rng) for _ in range(number)]
