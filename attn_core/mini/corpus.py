"""The grammar that `mini` is trained on: one small function a sentence form, all drawn from one generator.

`documents(seed)` is endless and the same for the same seed. No document holds a held-out surname or one of
the article's own sentences, so the model cannot know those by heart.

`python -m attn_core.mini.corpus` prints a sample.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from attn_core.mini import words

HELD_OUT_PHRASES = (
    "The dog on the ship ran",
    "On the string of one kite",
    "gown with the dots that are pink, white",
)
"""Pieces of the article's sentences that no training document holds."""

_HELD_OUT = re.compile("|".join([rf"\b{name}" for name in words.HELD_OUT_SURNAMES] + list(HELD_OUT_PHRASES)))

_ONSETS = (
    "B", "Br", "C", "Ch", "Cl", "Cr", "D", "Dr", "F", "Fl", "Fr", "G", "Gl", "Gr", "H", "J", "K", "Kl", "Kr",
    "L", "M", "N", "P", "Pl", "Pr", "Qu", "R", "S", "Sch", "Sh", "Sk", "Sl", "Sp", "St", "T", "Th", "Tr", "V",
    "Vl", "W", "X", "Y", "Z", "", "", "V", "Z",
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
    """Somebody of a document: a first name, a surname and the pronoun that goes with both."""

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


# Words and phrases


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def with_article(phrase: str) -> str:
    """ "an old dog", "a dog": the article that the next letter asks for."""
    return f"{'an' if phrase[0] in 'aeiouAEIO' else 'a'} {phrase}"


def _determined(rng: Random, determiners: tuple[str, ...], phrase: str) -> str:
    determiner = rng.choice(determiners)
    return with_article(phrase) if determiner == "a" else f"{determiner} {phrase}"


def joined(items: list[str], conjunction: str, oxford: bool) -> str:
    """ "a, b, and c", or "a, b and c" without the `oxford` comma."""
    comma = "," if oxford and len(items) > 2 else ""
    return f"{', '.join(items[:-1])}{comma} {conjunction} {items[-1]}"


def _maybe(rng: Random, probability: float, text: str) -> str:
    return text if rng.random() < probability else ""


def invented_surname(rng: Random) -> str:
    """A surname nobody has: syllables mostly, plain letters now and then. Never one that is held out."""
    while True:
        if rng.random() < 0.15:
            surname = "".join(rng.choices(_LETTERS, k=rng.randint(3, 7))).capitalize()
        else:
            syllables = "".join(
                rng.choice(_ONSETS).lower() + rng.choice(_VOWELS) + rng.choice(_CODAS)
                for _ in range(rng.choice((1, 1, 1, 2)))
            )
            surname = (syllables + _maybe(rng, 0.5, rng.choice(_ENDINGS))).capitalize()
        if len(surname) > 2 and not _HELD_OUT.match(surname):
            return surname


def _surname(rng: Random, other_than: str = "") -> str:
    while True:
        surname = rng.choice(words.KNOWN_SURNAMES) if rng.random() < 0.35 else invented_surname(rng)
        if surname != other_than:
            return surname


def _first_name(rng: Random, pronoun: str) -> str:
    draw = rng.random()
    if draw < 0.05:
        return invented_surname(rng)
    if draw < 0.25:
        return rng.choice(words.EITHER_NAMES)
    return rng.choice(words.SHE_NAMES if pronoun == "she" else words.HE_NAMES)


def _person(rng: Random, surname: str | None = None) -> Person:
    pronoun = rng.choice(("he", "she"))
    return Person(_first_name(rng, pronoun), surname or _surname(rng), pronoun)


def _other_person(rng: Random, person: Person, related: bool) -> Person:
    while True:
        other = _person(rng, person.surname if related else _surname(rng, other_than=person.surname))
        if other.first != person.first:
            return other


def _two_names(rng: Random) -> tuple[str, str]:
    first, second = rng.sample(words.SHE_NAMES + words.HE_NAMES + words.EITHER_NAMES, 2)
    return first, second


def _role(rng: Random) -> str:
    return f"{_maybe(rng, 0.6, rng.choice(words.TRAITS) + ' ')}{rng.choice(words.JOBS)}"


def _thing(rng: Random) -> str:
    return rng.choice(words.THINGS + words.GARMENTS + words.TOYS)


def _described(rng: Random, noun: str) -> str:
    if rng.random() < 0.6:
        return noun
    return f"{rng.choice(words.ADJECTIVES + words.COLOURS)} {noun}"


def _noun_phrase(rng: Random) -> str:
    noun = _described(rng, _thing(rng) if rng.random() < 0.7 else rng.choice(rng.choice(words.KINDS).nouns))
    return rng.choice((f"the {noun}", f"the {noun}", with_article(noun), f"my {noun}", f"the {noun}"))


def _prepositional_phrase(rng: Random) -> str:
    preposition = rng.choice(words.PREPOSITIONS)
    if preposition == "with":
        garment = f"{rng.choice(words.COLOURS)} {rng.choice(words.GARMENTS)}"
        return f"with {_determined(rng, ('the', 'a'), garment)}"
    nouns = rng.choices((words.PLACES, words.THINGS, rng.choice(words.KINDS).nouns), weights=(6, 2, 3))[0]
    return f"{preposition} {_determined(rng, ('the', 'the', 'the', 'a'), rng.choice(nouns))}"


def _phrases(rng: Random, least: int = 1, most: int = 3) -> str:
    return " ".join(_prepositional_phrase(rng) for _ in range(rng.randint(least, most)))


# Subjects and their verbs


def far_verb(rng: Random) -> str:
    """A subject, one to three phrases, then the verb: the way it goes depends on the subject only."""
    kind = rng.choice(words.KINDS)
    determiners = ("the", "the", "the", "a", "one", "this", "my", "our")
    subject = _determined(rng, determiners, _described(rng, rng.choice(kind.nouns)))
    between = " " + (_phrases(rng) if rng.random() < 0.85 else f"that {_two_names(rng)[0]} saw")
    verb = f"{rng.choice(words.MOVES)} {kind.way} {rng.choice(kind.goals)}"
    if rng.random() < 0.3:
        verb = rng.choice(kind.acts)
    time, then = f" {rng.choice(words.TIMES)}", f", and then {kind.pronoun} {rng.choice(kind.acts)}"
    ending = rng.choice(("", "", time, then))
    return capitalised(f"{subject}{_maybe(rng, 0.85, between)} {verb}{ending}.")


def agreement(rng: Random) -> str:
    """ "The keys to the cabinet are on the table.": the verb's number is that of a noun further back."""
    plural = rng.random() < 0.5
    noun = rng.choice(words.PLURAL_NOUNS if plural else words.SINGULAR_NOUNS)
    distractor = rng.choice(words.PLURAL_NOUNS + words.SINGULAR_NOUNS)
    preposition = rng.choice(("near", "beside", "behind", "with", "to", "by", "next to", "of"))
    verb = rng.choice((("is", "are"), ("was", "were"), ("has been", "have been")))[plural]
    state = rng.choice((rng.choice(words.ADJECTIVES), rng.choice(words.FEELINGS), _prepositional_phrase(rng)))
    return f"The {noun} {preposition} the {distractor} {verb} {state}."


def because(rng: Random) -> str:
    """A pronoun and what it stands for, as in "did not cross the street because it was too tired"."""
    if rng.random() < 0.5:
        small, big = _thing(rng), rng.choice(("suitcase", "box", "bag", "cabinet", "basket"))
        size = rng.choice(("big", "small", "long", "heavy"))
        return f"The {small} did not fit in the {big} because it was too {size}."
    kind = rng.choice(words.KINDS)
    reason = rng.choice(words.FEELINGS)
    stopped = rng.choice(("did not", "didn't", "could not", "would not"))
    was = "was" if kind.pronoun == "it" else "were"
    action = f"{rng.choice(('cross', 'leave', 'find', 'see', 'reach'))} the {rng.choice(words.PLACES)}"
    return f"The {rng.choice(kind.nouns)} {stopped} {action} because {kind.pronoun} {was} too {reason}."


# Lists


def _list_of(rng: Random, items: tuple[str, ...]) -> str:
    chosen = rng.sample(items, rng.choice((2, 3, 3, 4, 4, 5)))
    return joined(chosen, rng.choice(("and", "and", "and", "or")), oxford=rng.random() < 0.5)


def shopping(rng: Random) -> str:
    """ "At the store, she bought apples, oranges, and bananas.": a list that keeps to one group."""
    goods = rng.choice((words.FRUITS, words.FRUITS, words.FRUITS, words.VEGETABLES, words.FOODS, words.TOOLS))
    buyer = rng.choice(("she", "he", "I", "we", "they", _two_names(rng)[0]))
    verb = rng.choice(("bought", "sold", "found", "wanted", "took", "saw"))
    place = rng.choice(("store", "market", "farm", "house", "school"))
    listed = _list_of(rng, goods)
    if rng.random() < 0.6:
        return f"At the {place}, {buyer} {verb} {listed}."
    return capitalised(f"{buyer} {verb} {listed} at the {place}.")


def colours(rng: Random) -> str:
    """ "Her gown with the dots that are pink, white and blue is new.": colours and what has them."""
    owner = rng.choice(("Her", "His", "My", "The", "Our", "Mother's", "Your", "Their"))
    item = rng.choice(words.GARMENTS + words.TOYS + ("flag", "car", "house", "picture", "box"))
    listed = _list_of(rng, words.COLOURS)
    pattern = rng.choice(words.PATTERNS)
    return rng.choice(
        (
            f"{owner} {item} with the {pattern} that are {listed} is {rng.choice(words.ADJECTIVES)}.",
            f"{owner} {item} has {pattern} that are {listed}.",
            f"{owner} {item} is {listed}.",
            f"The {rng.choice(('colors', 'colours'))} of the {item} are {listed}.",
            f"She painted the {item} {listed}.",
        )
    )


def gown(rng: Random) -> str:
    """Two sentences about one garment, the second with a list of colours."""
    garment, owner = rng.choice(words.GARMENTS), rng.choice(("Mother", "Father", "Sister", *_two_names(rng)))
    possessive = "His" if owner == "Father" or owner in words.HE_NAMES else "Her"
    number = rng.choice(("one", "the", "a"))
    place = f"On the {rng.choice(words.PARTS)} of {number} {rng.choice(words.TOYS)}"
    first = f"{place} we saw {owner}'s new {garment}"
    second = f"{possessive} {garment} with the {rng.choice(words.PATTERNS)} that are"
    return f"{first}{rng.choice('!!.')} {second} {_list_of(rng, words.COLOURS)}{rng.choice('!.')}"


def other_list(rng: Random) -> str:
    """Lists of places, animals, subjects, instruments, games and people."""
    return rng.choice(
        (
            f"We went to {_list_of(rng, words.CITIES)}.",
            f"They lived in {_list_of(rng, words.COUNTRIES)} for {rng.choice(words.NUMBERS)} years.",
            f"On the farm there were {_list_of(rng, words.ANIMALS)}.",
            f"He studied {_list_of(rng, words.SUBJECT_MATTERS)}.",
            f"She plays the {_list_of(rng, words.INSTRUMENTS)}.",
            f"They played {_list_of(rng, words.SPORTS)} {rng.choice(words.TIMES)}.",
            f"{_list_of(rng, words.SHE_NAMES + words.HE_NAMES)} went to the {rng.choice(words.PLACES)}.",
            f"My favorite fruits are {_list_of(rng, words.FRUITS)}.",
            f"I was {_list_of(rng, words.FEELINGS)}.",
        )
    )


def in_order(rng: Random) -> str:
    """Days, months or numbers in their order, from anywhere in it."""
    row = rng.choice((words.DAYS, words.MONTHS, words.NUMBERS))
    start = rng.randrange(len(row) - 3)
    return capitalised(", ".join(row[start : start + rng.randint(4, len(row))])) + "."


# People


def _relation_word(rng: Random, person: Person, related: bool) -> str:
    if not related:
        return rng.choice(words.NON_RELATIVES)
    return rng.choice(words.RELATIVES_HE if person.pronoun == "he" else words.RELATIVES_SHE)


def relation(rng: Random, person: Person, opening: str) -> tuple[str, Person]:
    """One person told by another: a relative has the same surname, anybody else has a different one.

    `opening` stands for the person, "Jesse Vig" or "She". Returns the sentence and the other person.
    """
    related = rng.random() < 0.55
    other = _other_person(rng, person, related)
    # "Jesse is the son of ..." tells Jesse's sex, "Jesse's father is ..." the other one's.
    own, theirs = _relation_word(rng, person, related), _relation_word(rng, other, related)
    naming = rng.choice(("named", "named", "named", "called"))
    role = with_article(_role(rng))
    owner = person.possessive.capitalize() if opening in ("He", "She") else f"{opening}'s"
    city = rng.choice(words.CITIES)
    sentence = rng.choices(
        (
            f"{opening} is the {own} of {role} {naming} {other.name}",
            f"{opening} is the {own} of {other.name}, {role} from {city}",
            f"{opening} is {with_article(own)} of {role} from {city} {naming} {other.name}",
            f"{owner} {theirs} is {role} {naming} {other.name}",
            f"{owner} {theirs} {other.name} is {role} from {city}",
            f"{opening} was the {own} of {role} {naming} {other.name}",
        ),
        weights=(10, 2, 2, 3, 2, 2),
    )[0]
    return sentence, other


def relatives(rng: Random) -> str:
    """One or two relations of one person, then a sentence that needs the surnames again."""
    person = _person(rng)
    sentence, other = relation(rng, person, person.name)
    if rng.random() < 0.25:
        second, other = relation(rng, person, person.pronoun.capitalize())
        sentence = f"{sentence}. {second}"
    follow = rng.choice(
        (
            "",
            "",
            f" {person.name} and {other.name} live in {rng.choice(words.CITIES)}.",
            f" {other.first} {other.surname} lives in {rng.choice(words.CITIES)}.",
            f" {capitalised(person.pronoun)} loves {rng.choice(words.SUBJECT_MATTERS)}.",
            f" {person.first} wrote to {other.first} {rng.choice(words.TIMES)}.",
        )
    )
    return f"{sentence}.{follow}"


def biography(rng: Random) -> str:
    """ "Who is Jesse Vig? Jesse Vig is ..." and what follows: work, birth, family, friends."""
    person = _person(rng)
    name, surname, pronoun = person.name, person.surname, person.pronoun.capitalize()
    year = rng.randint(1900, 1999)
    question = rng.choice((f"Who is {name}? ", f"Who is {name}?\n\n", f"Who was {name}? ", ""))
    facts = [
        f"{pronoun} was born in {rng.choice(words.CITIES)} in {year}",
        f"{surname} was born in {year} in {rng.choice(words.CITIES)}, {rng.choice(words.COUNTRIES)}",
        f"{pronoun} lives in {rng.choice(words.CITIES)} with"
        f" {person.possessive} {rng.choice(('dog', 'cat', 'family'))}",
        f"{pronoun} studied {rng.choice(words.SUBJECT_MATTERS)} in {rng.choice(words.CITIES)}",
        f"{surname} has written {rng.choice(words.NUMBERS)} books about {rng.choice(words.SUBJECT_MATTERS)}",
        f"{name} is known for {person.possessive} {rng.choice(words.ADJECTIVES)} work",
        f"In {year + rng.randint(20, 60)}, {surname} moved to {rng.choice(words.COUNTRIES)}",
        relation(rng, person, pronoun)[0],
        relation(rng, person, name)[0],
    ]
    chosen = rng.sample(facts, rng.randint(1, 4))
    start = f"{name} {rng.choice(('is', 'is', 'was'))} {with_article(_role(rng))}"
    return f"{question}{start}{_maybe(rng, 0.5, f' from {rng.choice(words.CITIES)}')}. {'. '.join(chosen)}."


def gift(rng: Random) -> str:
    """ "When Ana and Omar went to the store, Omar gave a drink to Ana.": the name not yet said again."""
    first, second = _two_names(rng)
    giver, taker = rng.choice(((first, second), (second, first)))
    place, item = rng.choice(words.PLACES), _thing(rng)
    verb = rng.choice(("gave", "sold", "showed", "brought", "handed"))
    opening = rng.choice(("When", "After", "While")) + f" {first} and {second}"
    arrival = rng.choice(("went to", "were at", "came to"))
    return f"{opening} {arrival} the {place}, {giver} {verb} {with_article(item)} to {taker}."


# Repetition


def _random_words(rng: Random, number: int) -> list[str]:
    pool = words.THINGS + words.PLACES + words.ADJECTIVES + words.PAST_VERBS + words.COLOURS + words.FRUITS
    return [rng.choice(pool) if rng.random() < 0.75 else invented_surname(rng) for _ in range(number)]


def repeated_words(rng: Random) -> str:
    """Words with no sense, said two or three times over: only looking back tells what comes next."""
    row = _random_words(rng, rng.randint(3, 12))
    return capitalised(rng.choice((" ", " ", ", ")).join(row * rng.choice((2, 2, 3)))) + "."


def repeated_sentence(rng: Random) -> str:
    """A sentence of any other form, twice, and sometimes a further one in between."""
    sentence = rng.choice((far_verb, simple, gift, shopping, colours))(rng)
    between = _maybe(rng, 0.4, f" {simple(rng)}")
    return f"{sentence}{between} {sentence}"


def quoted(rng: Random) -> str:
    """One says something, the other says it again."""
    first, second = _two_names(rng)
    sentence = rng.choice((simple, far_verb, shopping))(rng).rstrip(".!?")
    verb, echo = rng.choices(words.SAYINGS, k=2)
    return rng.choice(
        (
            f'"{sentence}," {verb} {first}. "{sentence}," {echo} {second}.',
            f'{first} {verb}, "{sentence}." Then {second} {echo}, "{sentence}."',
            f'"{sentence}," {verb} {first}.',
        )
    )


def facts_and_question(rng: Random) -> str:
    """Facts, then a question that one of them answers."""
    items = rng.sample(words.TOYS + words.GARMENTS + words.THINGS, rng.randint(2, 4))
    facts = [(item, rng.choice(words.COLOURS)) for item in items]
    asked, answer = rng.choice(facts)
    told = " ".join(f"The {item} is {colour}." for item, colour in facts)
    word = rng.choice(("color", "colour"))
    return f"{told} What {word} is the {asked}? The {asked} is {answer}."


# Plain sentences


def simple(rng: Random) -> str:
    """A short plain sentence, so that a visitor's own words and forms are no surprise."""
    pronouns = ("I", "we", "you", "they", "she", "he")
    who = rng.choice((*pronouns, *_two_names(rng), _noun_phrase(rng), "my mother"))
    be = {"I": "am", "we": "are", "you": "are", "they": "are"}.get(who, "is")
    was = "were" if be == "are" else "was"
    verb, base = rng.choice(words.PAST_VERBS), rng.choice(words.BASE_VERBS)
    time, item = rng.choice(words.TIMES), _noun_phrase(rng)
    city, adjective = rng.choice(words.CITIES), rng.choice(words.ADJECTIVES + words.FEELINGS)
    sentence = rng.choice(
        (
            f"{who} {verb} {item} {_maybe(rng, 0.5, _prepositional_phrase(rng))}",
            f"{who} {rng.choice(words.MODALS)} {base} {item}",
            f"{who} {be} {adjective}",
            f"{who} {was} very {adjective} {time}",
            f"{who} {rng.choice(words.ADVERBS)} {verb} {item}",
            f"{time}, {who} {verb} {item}",
            f"there {rng.choice(('is', 'was'))} {with_article(_described(rng, _thing(rng)))} {_phrases(rng, 1, 2)}",
            f"{who} {verb} {item}, but {_two_names(rng)[0]} {verb} {_noun_phrase(rng)}",
            f"{who} {was} going to {base} {item}",
            f"it is not {adjective} in {city}",
            f"this is {item}",
            f"if {who} {verb} {item}, I would {base} it",
            f"the {_thing(rng)} is {rng.choice(('more', 'less'))} {adjective} than {item}",
            f"{who} {verb} {rng.choice(words.NUMBERS)} {rng.choice(words.PLURAL_NOUNS)}",
            f"{who} went to {rng.choice((city, f'the {rng.choice(words.PLACES)}'))} to {base} {item}",
            f"I think that {who} {was} {adjective}",
            "once upon a time there was"
            f" {with_article(_described(rng, rng.choice(rng.choice(words.KINDS).nouns)))}",
            f"I love {rng.choice(('you', item, rng.choice(words.SUBJECT_MATTERS), rng.choice(words.SPORTS)))}",
            f"my name is {_two_names(rng)[0]} and I am from {city}",
        )
    )
    return " ".join(capitalised(sentence).split()) + rng.choice("....!")


def question(rng: Random) -> str:
    """A question, with or without its answer."""
    item, name = _noun_phrase(rng), _two_names(rng)[0]
    base, place = rng.choice(words.BASE_VERBS), rng.choice(words.PLACES)
    return rng.choice(
        (
            f"Where is {item}? It is {_prepositional_phrase(rng)}.",
            f"Did {name} {base} {item}? Yes, {name} did.",
            f"Did {name} {base} {item}? No, {name} did not.",
            f"Why did {name} go to the {place}? To {base} {item}.",
            f"What is in the {_thing(rng)}? There is {with_article(_thing(rng))}.",
            f"Who {rng.choice(words.PAST_VERBS)} {item}? {name} did.",
            f"How are you, {name}? I am {rng.choice(words.FEELINGS)}.",
        )
    )


FORMS: tuple[tuple[Callable[[Random], str], float], ...] = (
    (far_verb, 13),
    (agreement, 4),
    (because, 3),
    (shopping, 6),
    (colours, 5),
    (gown, 5),
    (other_list, 6),
    (in_order, 1),
    (relatives, 18),
    (biography, 13),
    (gift, 3),
    (repeated_words, 8),
    (repeated_sentence, 3),
    (quoted, 3),
    (facts_and_question, 3),
    (simple, 12),
    (question, 4),
)
"""Every sentence form with its share of the documents, in percent or near it."""


def document(rng: Random) -> str:
    """One training text: one to three forms one after the other, nothing of it held out."""
    functions, weights = zip(*FORMS, strict=True)
    while True:
        forms = rng.choices(functions, weights, k=rng.choice((1, 1, 1, 2, 3)))
        text = " ".join(form(rng) for form in forms)
        if not _HELD_OUT.search(text):
            return text


def documents(seed: int) -> Iterator[str]:
    """Training texts without end; the same seed gives the same texts."""
    rng = Random(seed)
    while True:
        yield document(rng)


if __name__ == "__main__":
    print("\n\n".join(islice(documents(seed=0), 20)))
