"""Everyday sentences, as people type first, with the small words that the other forms lack."""

from random import Random

from attn_core.mini import words
from attn_core.mini.phrases import capitalised, draw_thing, maybe, noun_phrase, two_names, with_article

_CONJUNCTIONS = ("when", "while", "until", "before", "after", "because", "so", "as", "but", "and")
_QUESTIONS = ("why", "how", "when", "where", "if")


def clauses(rng: Random) -> str:
    """Return two clauses about different people, as in "When Ana fell, Omar laughed"."""
    (first, second), conjunction = two_names(rng), rng.choice(_CONJUNCTIONS)
    one = f"{rng.choice((first, f'the {rng.choice(words.PLURAL_BEINGS)}'))} {rng.choice(words.DEEDS)}"
    other = f"{second} {rng.choice(words.DEEDS)}"
    if conjunction in ("so", "but", "and") or rng.random() < 0.5:
        return capitalised(f"{one}{maybe(rng, 0.5, ',')} {conjunction} {other}.")
    return capitalised(f"{conjunction} {one}, {other}.")


def not_known(rng: Random) -> str:
    """Return an indirect question, as in "Nobody knew why Ana left. Only Omar knew"."""
    first, second = two_names(rng)
    asked = f"{rng.choice(_QUESTIONS)} {first} {rng.choice(words.DEEDS)}"
    thief = f"who {rng.choice(words.PAST_VERBS)} {noun_phrase(rng)}"
    what = rng.choice((asked, asked, thief, f"which {draw_thing(rng)} was {rng.choice(words.ADJECTIVES)}"))
    return rng.choice(
        (
            f"Nobody knew {what}. Only {second} knew.",
            f"I do not know {what}.",
            f"Do you know {what}? No, I don't know.",
            f"{second} said that {first} {rng.choice(words.DEEDS)}.",
            f"{second} asked {what}.",
            f"The {rng.choice(words.SINGULAR_PEOPLE)} {thief} {rng.choice(words.DEEDS)}.",
        )
    )


def likings(rng: Random) -> str:
    """Return a contrast in the present tense, as in "Ana likes chess, but Omar hates it"."""
    first, second = two_names(rng)
    thing = rng.choice((rng.choice(words.SPORTS + words.SUBJECT_MATTERS), f"the {rng.choice(words.IDEAS)}"))
    verb, other = rng.sample(words.PRESENT_VERBS, 2)
    return rng.choice(
        (
            f"{first} {verb} {thing}, but {second} {other} it.",
            f"{first} {verb} {second}, and {second} {verb} {first} too.",
            f"{first} {verb} {rng.choice(words.FRUITS)} because {second} {verb} them.",
            f"Most people {rng.choice(('like', 'love', 'need', 'hate', 'want'))} {thing}.",
            f"Does {first} {rng.choice(words.BASE_VERBS)} {noun_phrase(rng)}? {rng.choice(('Yes', 'No'))}.",
            f"If you {rng.choice(words.BASE_VERBS)} {noun_phrase(rng)}, I will {rng.choice(words.BASE_VERBS)} it.",
        )
    )


def ideas(rng: Random) -> str:
    """Return a statement about an abstract thing, as in "The end of the war was near"."""
    one, other = rng.sample(words.IDEAS, 2)
    adjective, time = rng.choice(words.ADJECTIVES), rng.choice(words.TIMES)
    return rng.choice(
        (
            f"The {one} is {adjective}.",
            f"The {one} of the {other} is {adjective}.",
            f"There is no {one} without {other}.",
            f"This is the {adjective} {one} of {two_names(rng)[0]}.",
            f"It was the {rng.choice(('best', 'worst', 'first', 'last', 'most beautiful'))} {one} of the world.",
            f"Their {one} was {adjective}, and so was our {other}.",
            f"Is it true or false that the {one} is {adjective}? It is {rng.choice(('true', 'false'))}.",
            f"During the {one}, {two_names(rng)[0]} {rng.choice(words.DEEDS)}.",
            f"Tomorrow the weather will be {adjective} in {rng.choice(words.CITIES + words.COUNTRIES)}.",
            f"{capitalised(rng.choice(words.QUANTITIES))} {rng.choice(words.PLURAL_BEINGS)}"
            f" {rng.choice(words.DEEDS)} {time}.",
        )
    )


def greetings(rng: Random) -> str:
    """Return greetings, as in "Hello, Ana. How are you? I am fine, thank you"."""
    first, second = two_names(rng)
    greeting = rng.choice(("Hello", "Hi", "Good morning", "Good night"))
    feeling = rng.choice(words.FEELINGS)
    return rng.choice(
        (
            f"{greeting}, how are you? I am {feeling}, thank you.",
            f"{greeting}, {first}! How are you, {first}? I am {feeling}.",
            f"{greeting}, {first}. Thank you for the {draw_thing(rng)}, {first}.",
            f'"{greeting}, {first}," said {second}. "Please come here now." "Yes, {second}, okay," said {first}.',
            f"What is your name? My name is {first}. Hi, {first}, my name is {second}.",
        )
    )


def where_it_is(rng: Random) -> str:
    """Return a question about a place, as in "Is the key on the table? Yes, it is"."""
    item, other, third = rng.sample(words.THINGS + words.TOYS, 3)
    preposition = rng.choice(("on", "in", "under", "near", "behind"))
    asked = f"Is the {item} {preposition} the {other}?"
    return rng.choice(
        (
            f"{asked} {rng.choice(('Yes, it is', 'No, it is not'))}.",
            f"{asked} No, it is {preposition} the {third}.",
            f"The {item} is between the {other} and the {third}.",
            f"Here is {with_article(item)}. Put it {preposition} the {other}.",
            f"First, {rng.choice(words.BASE_VERBS)} the {item}. Then {rng.choice(words.BASE_VERBS)} the {other}.",
        )
    )
