"""People: their relations, biographies and conversations."""

from random import Random

from attn_core.mini import words
from attn_core.mini.phrases import (
    Person,
    capitalised,
    draw_other_person,
    draw_person,
    draw_role,
    draw_thing,
    maybe,
    noun_phrase,
    prepositional_phrase,
    two_names,
    with_article,
)


def _relation_word(rng: Random, person: Person, related: bool) -> str:
    if not related:
        return rng.choice(words.NON_RELATIVES)
    return rng.choice(words.RELATIVES_HE if person.pronoun == "he" else words.RELATIVES_SHE)


def relation(rng: Random, person: Person, opening: str) -> tuple[str, Person]:
    """Return a relation to another person: a relative has the same surname, others have a different one.

    `opening` refers to the person: "Jesse Vig" or "She". The result is the sentence and the other person.
    """
    related = rng.random() < 0.55
    other = draw_other_person(rng, person, related)
    # "Jesse is the son of ..." tells Jesse's sex, "Jesse's father is ..." the other one's.
    own, theirs = _relation_word(rng, person, related), _relation_word(rng, other, related)
    naming = rng.choice(("named", "named", "named", "called"))
    role = with_article(draw_role(rng))
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
    """Return one or two relations of a person, then a sentence that repeats the surnames."""
    person = draw_person(rng)
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
    """Return a biography, as in "Who is Jesse Vig? Jesse Vig is ...": work, birth, family, friends."""
    person = draw_person(rng)
    name, surname, pronoun = person.name, person.surname, person.pronoun.capitalize()
    year = rng.randint(1900, 1999)
    question = rng.choice((f"Who is {name}? ", f"Who is {name}?\n\n", f"Who was {name}? ", ""))
    facts = [
        f"{rng.choice((pronoun, surname))} was born in {rng.choice(words.CITIES)} in {year}",
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
    start = f"{name} {rng.choice(('is', 'is', 'was'))} {with_article(draw_role(rng))}"
    return f"{question}{start}{maybe(rng, 0.5, f' from {rng.choice(words.CITIES)}')}. {'. '.join(chosen)}."


def gift(rng: Random) -> str:
    """Return a sentence that ends in the name not yet repeated.

    "When Ana and Omar went to the store, Omar gave a drink to Ana."
    """
    first, second = two_names(rng)
    giver, taker = rng.choice(((first, second), (second, first)))
    place, item = rng.choice(words.PLACES), draw_thing(rng)
    verb = rng.choice(("gave", "sold", "showed", "brought", "handed"))
    opening = rng.choice(("When", "After", "While")) + f" {first} and {second}"
    arrival = rng.choice(("went to", "were at", "came to"))
    return f"{opening} {arrival} the {place}, {giver} {verb} {with_article(item)} to {taker}."


def they_met(rng: Random) -> str:
    """Return a meeting with a pronoun for each name, as in "Ana met Omar in Paris. She gave him a coin"."""
    she, he = rng.choice(words.SHE_NAMES), rng.choice(words.HE_NAMES)
    first, second = rng.choice(((she, he), (he, she)))
    forms = {she: ("She", "her"), he: ("He", "him")}
    verb = rng.choice(("met", "saw", "visited", "called", "followed", "found", "thanked"))
    where = rng.choice((f"in {rng.choice(words.CITIES)}", f"at the {rng.choice(words.PLACES)}"))
    actor, other = rng.choice(((first, second), (second, first)))
    subject, item = forms[actor][0], draw_thing(rng)
    deed = rng.choice(
        (
            f"gave {forms[other][1]} {with_article(item)}",
            f"told {forms[other][1]} about the {item}",
            f"asked {forms[other][1]} for {with_article(item)}",
            f"did not {rng.choice(('see', 'know', 'hear', 'remember'))} {forms[other][1]}",
        )
    )
    thanks = maybe(rng, 0.3, f" {other} thanked {actor}.")
    return f"{first} {verb} {second} {where}. {subject} {deed}.{thanks}"


def own_words(rng: Random) -> str:
    """Return a text in which somebody introduces themselves, and is addressed by name."""
    person, speaker = draw_person(rng), two_names(rng)[0]
    role = with_article(draw_role(rng))
    city = rng.choice(words.CITIES)
    return rng.choice(
        (
            f'"My name is {person.name}," said {person.first}. "I am {role} from {city}."',
            f"Hello, my name is {person.name} and I am {role}. I live in {city}.",
            f'"Hello, {person.first}," said {speaker}. "Hello, {speaker}," said {person.first}.',
            f"Dear {person.first},\n\nI {rng.choice(words.PAST_VERBS)} {noun_phrase(rng)}"
            f" {rng.choice(words.TIMES)}.\n\nYours, {speaker}.",
        )
    )


def asked_and_told(rng: Random) -> str:
    """Return a quoted question and its answer.

    "Where is the key?" asked Ana. "The key is in the box," answered Omar.
    """
    first, second = two_names(rng)
    item, where = draw_thing(rng), prepositional_phrase(rng)
    ask, tell = rng.choice(("asked", "cried", "whispered")), rng.choice(("said", "answered", "replied"))
    return rng.choice(
        (
            f'"Where is the {item}?" {ask} {first}. "The {item} is {where}," {tell} {second}.',
            f'"Who has the {item}?" {ask} {first}. "{first}, you have the {item}," {tell} {second}.',
            f"{first} asked {second} about the {item}. {second} did not know where the {item} was.",
        )
    )
