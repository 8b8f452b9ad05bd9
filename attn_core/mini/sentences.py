"""Plain sentences: subjects and their verbs, pronouns, questions."""

from random import Random

from attn_core.mini import words
from attn_core.mini.phrases import (
    capitalised,
    described,
    determined,
    draw_thing,
    maybe,
    noun_phrase,
    prepositional_phrase,
    prepositional_phrases,
    two_names,
    with_article,
)


def far_verb(rng: Random) -> str:
    """Return a subject, one to three phrases, then a verb whose direction depends only on the subject."""
    kind = rng.choice(words.KINDS)
    determiners = ("the", "the", "the", "a", "one", "this", "my", "our")
    subject = determined(rng, determiners, described(rng, rng.choice(kind.nouns)))
    between = " " + (prepositional_phrases(rng) if rng.random() < 0.85 else f"that {two_names(rng)[0]} saw")
    verb = f"{rng.choice(words.MOVES)} {kind.way} {rng.choice(kind.goals)}"
    if rng.random() < 0.3:
        verb = rng.choice(kind.acts)
    time, then = f" {rng.choice(words.TIMES)}", f", and then {kind.pronoun} {rng.choice(kind.acts)}"
    ending = rng.choice(("", "", time, then))
    return capitalised(f"{subject}{maybe(rng, 0.85, between)} {verb}{ending}.")


def agreement(rng: Random) -> str:
    """Return a verb that agrees with an earlier noun, as in "The keys to the cabinet are on the table"."""
    plural = rng.random() < 0.5
    noun = rng.choice(words.PLURAL_NOUNS if plural else words.SINGULAR_NOUNS)
    distractor = rng.choice(words.PLURAL_NOUNS + words.SINGULAR_NOUNS)
    preposition = rng.choice(("near", "beside", "behind", "with", "to", "by", "next to", "of"))
    verb = rng.choice((("is", "are"), ("was", "were"), ("has been", "have been")))[plural]
    state = rng.choice((rng.choice(words.ADJECTIVES), prepositional_phrase(rng)))
    return f"The {noun} {preposition} the {distractor} {verb} {state}."


def because(rng: Random) -> str:
    """Return a pronoun that refers to a noun, as in "did not cross the street because it was too tired"."""
    if rng.random() < 0.5:
        small, big = draw_thing(rng), rng.choice(("suitcase", "box", "bag", "cabinet", "basket"))
        size = rng.choice(("big", "small", "long", "heavy"))
        return f"The {small} did not fit in the {big} because it was too {size}."
    kind = rng.choice(words.KINDS)
    reason = rng.choice(words.FEELINGS)
    stopped = rng.choice(("did not", "didn't", "could not", "would not"))
    was = "was" if kind.pronoun == "it" else "were"
    action = f"{rng.choice(('cross', 'leave', 'find', 'see', 'reach'))} the {rng.choice(words.PLACES)}"
    return f"The {rng.choice(kind.nouns)} {stopped} {action} because {kind.pronoun} {was} too {reason}."


def relative_clause(rng: Random) -> str:
    """Return agreement across a clause, as in "The boys who saw the lamp near the door were tired"."""
    plural = rng.random() < 0.5
    noun = rng.choice(words.PLURAL_BEINGS if plural else words.SINGULAR_PEOPLE)
    clause = rng.choice(
        (
            f"that {rng.choice(words.PAST_VERBS)} {noun_phrase(rng)}",
            f"that {two_names(rng)[0]} {rng.choice(words.PAST_VERBS)} {rng.choice(words.TIMES)}",
            f"that the {rng.choice(words.PLURAL_NOUNS)} {rng.choice(words.PAST_VERBS)}",
        )
    )
    verb = rng.choice((("is", "are"), ("was", "were"), ("has been", "have been")))[plural]
    return f"The {noun} {clause} {verb} {rng.choice(words.ADJECTIVES + words.FEELINGS)}."


def refers_back(rng: Random) -> str:
    """Return two sentences, the second about the first one's subject: "it" for one thing, "they" for several."""
    plural = rng.random() < 0.5
    kind = rng.choice(words.KINDS)
    noun = rng.choice(words.PLURAL_BEINGS) if plural else rng.choice(kind.nouns)
    be = ("was", "were")[plural]
    pronoun = "They" if plural or kind.pronoun == "they" else "It"
    state, later = rng.choice(words.FEELINGS), rng.choice(words.ADJECTIVES)
    were = "were" if pronoun == "They" else "was"
    second = rng.choice(
        (
            f"{pronoun} {were} {later} too",
            f"{pronoun} {rng.choice(words.MOVES)} {'home' if plural else f'{kind.way} {rng.choice(kind.goals)}'}",
            f"{pronoun} did not {rng.choice(words.BASE_VERBS)} {noun_phrase(rng)}",
            f"{capitalised(rng.choice(words.TIMES))}, {pronoun.lower()} {were} {rng.choice(words.FEELINGS)} again",
        )
    )
    return f"The {noun} {prepositional_phrase(rng)} {be} {state}. {second}."


def compared(rng: Random) -> str:
    """Return a comparison, as in "The lamp is older than the chair, but the table is older than both"."""
    one, other, third = rng.sample(words.THINGS + words.TOYS, 3)
    more = rng.choice(("older", "smaller", "bigger", "heavier", "cheaper", "longer", "brighter", "newer"))
    return rng.choice(
        (
            f"The {one} is {more} than the {other}, but the {third} is {more} than both.",
            f"The {one} is {more} than the {other}. The {other} is {more} than the {third}."
            f" So the {one} is {more} than the {third}.",
            f"Which is {more}, the {one} or the {other}? The {rng.choice((one, other))} is {more}.",
        )
    )


def simple(rng: Random) -> str:
    """Return a short plain sentence, of the kind that visitors type."""
    pronouns = ("I", "we", "you", "they", "she", "he")
    who = rng.choice((*pronouns, *two_names(rng), noun_phrase(rng), "my mother"))
    be = {"I": "am", "we": "are", "you": "are", "they": "are"}.get(who, "is")
    was = "were" if be == "are" else "was"
    verb, base = rng.choice(words.PAST_VERBS), rng.choice(words.BASE_VERBS)
    time, item = rng.choice(words.TIMES), noun_phrase(rng)
    city, adjective = rng.choice(words.CITIES), rng.choice(words.ADJECTIVES + words.FEELINGS)
    sentence = rng.choice(
        (
            f"{who} {verb} {item} {maybe(rng, 0.5, prepositional_phrase(rng))}",
            f"{who} {rng.choice(words.MODALS)} {base} {item}",
            f"{who} {be} {adjective}",
            f"{who} {was} very {adjective} {time}",
            f"{who} {rng.choice(words.ADVERBS)} {verb} {item}",
            f"{time}, {who} {verb} {item}",
            f"there {rng.choice(('is', 'was'))} {with_article(described(rng, draw_thing(rng)))}"
            f" {prepositional_phrases(rng, 1, 2)}",
            f"{who} {verb} {item}, but {two_names(rng)[0]} {verb} {noun_phrase(rng)}",
            f"{who} {was} going to {base} {item}",
            f"it is not {adjective} in {city}",
            f"this is {item}",
            f"if {who} {verb} {item}, I would {base} it",
            f"the {draw_thing(rng)} is {rng.choice(('more', 'less'))} {adjective} than {item}",
            f"{who} {verb} {rng.choice(words.NUMBERS)} {rng.choice(words.PLURAL_NOUNS)}",
            f"{who} went to {rng.choice((city, f'the {rng.choice(words.PLACES)}'))} to {base} {item}",
            f"I think that {who} {was} {adjective}",
            f"once upon a time there was {with_article(described(rng, rng.choice(rng.choice(words.KINDS).nouns)))}",
            f"I love {rng.choice(('you', item, rng.choice(words.SUBJECT_MATTERS), rng.choice(words.SPORTS)))}",
            f"my name is {two_names(rng)[0]} and I am from {city}",
        )
    )
    return " ".join(capitalised(sentence).split()) + rng.choice("....!")


def question(rng: Random) -> str:
    """Return a question, with or without its answer."""
    item, name = noun_phrase(rng), two_names(rng)[0]
    base, place = rng.choice(words.BASE_VERBS), rng.choice(words.PLACES)
    return rng.choice(
        (
            f"Where is {item}? It is {prepositional_phrase(rng)}.",
            f"Did {name} {base} {item}? Yes, {name} did.",
            f"Did {name} {base} {item}? No, {name} did not.",
            f"Why did {name} go to the {place}? To {base} {item}.",
            f"What is in the {draw_thing(rng)}? There is {with_article(draw_thing(rng))}.",
            f"Who {rng.choice(words.PAST_VERBS)} {item}? {name} did.",
            f"How are you, {name}? I am {rng.choice(words.FEELINGS)}.",
        )
    )


def facts_and_question(rng: Random) -> str:
    """Return facts, then a question that one of them answers."""
    items = rng.sample(words.TOYS + words.GARMENTS + words.THINGS, rng.randint(2, 4))
    facts = [(item, rng.choice(words.COLOURS)) for item in items]
    asked, answer = rng.choice(facts)
    told = " ".join(f"The {item} is {colour}." for item, colour in facts)
    word = rng.choice(("color", "colour"))
    return f"{told} What {word} is the {asked}? The {asked} is {answer}."
