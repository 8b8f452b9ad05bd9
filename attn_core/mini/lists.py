"""Lists of things of one kind, choices from them, numbers."""

from random import Random

from attn_core.mini import words
from attn_core.mini.phrases import capitalised, joined, list_of, two_names


def shopping(rng: Random) -> str:
    """Return a list of one group, as in "At the store, she bought apples, oranges, and bananas"."""
    goods = rng.choice((words.FRUITS, words.FRUITS, words.FRUITS, words.VEGETABLES, words.FOODS, words.TOOLS))
    buyer = rng.choice(("she", "he", "I", "we", "they", two_names(rng)[0]))
    verb = rng.choice(("bought", "sold", "found", "wanted", "took", "saw"))
    place = rng.choice(("store", "market", "farm", "house", "school"))
    listed = list_of(rng, goods)
    if rng.random() < 0.6:
        return f"At the {place}, {buyer} {verb} {listed}."
    return capitalised(f"{buyer} {verb} {listed} at the {place}.")


def colours(rng: Random) -> str:
    """Return a list of colors, as in "Her gown with the dots that are pink, white and blue is new"."""
    owner = rng.choice(("Her", "His", "My", "The", "Our", "Mother's", "Your", "Their"))
    item = rng.choice(words.GARMENTS + words.TOYS + ("flag", "car", "house", "picture", "box"))
    listed = list_of(rng, words.COLOURS)
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
    """Return two sentences about one garment, the second with a list of colors."""
    garment, owner = rng.choice(words.GARMENTS), rng.choice(("Mother", "Father", "Sister", *two_names(rng)))
    possessive = "His" if owner == "Father" or owner in words.HE_NAMES else "Her"
    number = rng.choice(("one", "the", "a"))
    place = f"On the {rng.choice(words.PARTS)} of {number} {rng.choice(words.TOYS)}"
    first = f"{place} we saw {owner}'s new {garment}"
    second = f"{possessive} {garment} with the {rng.choice(words.PATTERNS)} that are"
    return f"{first}{rng.choice('!!.')} {second} {list_of(rng, words.COLOURS)}{rng.choice('!.')}"


def other_list(rng: Random) -> str:
    """Return a list of places, animals, subjects, instruments, games and people."""
    return rng.choice(
        (
            f"We went to {list_of(rng, words.CITIES)}.",
            f"They lived in {list_of(rng, words.COUNTRIES)} for {rng.choice(words.NUMBERS)} years.",
            f"On the farm there were {list_of(rng, words.ANIMALS)}.",
            f"He studied {list_of(rng, words.SUBJECT_MATTERS)}.",
            f"She plays the {list_of(rng, words.INSTRUMENTS)}.",
            f"They played {list_of(rng, words.SPORTS)} {rng.choice(words.TIMES)}.",
            f"{list_of(rng, words.SHE_NAMES + words.HE_NAMES)} went to the {rng.choice(words.PLACES)}.",
            f"My favorite fruits are {list_of(rng, words.FRUITS)}.",
            f"I was {list_of(rng, words.FEELINGS)}.",
        )
    )


def in_order(rng: Random) -> str:
    """Return days, months or numbers in order, from any start."""
    row = rng.choice((words.DAYS, words.MONTHS, words.NUMBERS))
    start = rng.randrange(len(row) - 3)
    return capitalised(", ".join(row[start : start + rng.randint(4, len(row))])) + "."


def choice(rng: Random) -> str:
    """Return a choice from a list, as in "Would you like tea, milk or coffee? I would like milk, please"."""
    group = rng.choice((words.FOODS, words.FRUITS, words.COLOURS, words.INSTRUMENTS, words.SPORTS))
    items = rng.sample(group, rng.randint(2, 4))
    listed, chosen = joined(items, "or", oxford=rng.random() < 0.5), rng.choice(items)
    name = two_names(rng)[0]
    return rng.choice(
        (
            f"Would you like {listed}? I would like {chosen}, please.",
            f"Do you like {listed}? I like {chosen}.",
            f"{name} could have {listed}. {name} took {chosen}.",
            f"Which is it: {listed}? It is {chosen}.",
        )
    )


def kinds_of_things(rng: Random) -> str:
    """Return a list with the name of its group, as in "Apples, pears and plums are fruits"."""
    group, name = rng.choice(
        (
            (words.FRUITS, "fruits"),
            (words.VEGETABLES, "vegetables"),
            (words.COLOURS, "colors"),
            (words.ANIMALS, "animals"),
            (words.CITIES, "cities"),
            (words.COUNTRIES, "countries"),
            (words.TOOLS, "tools"),
            (words.SPORTS, "games"),
            (words.DAYS, "days"),
            (words.MONTHS, "months"),
        )
    )
    listed = list_of(rng, group, ("and",))
    return rng.choice((f"{capitalised(listed)} are {name}.", f"I know many {name}: {listed}."))


def counted(rng: Random) -> str:
    """Return a question about a number, as in "Ana has three cups and two lamps. How many lamps does Ana have? Two"."""
    name = two_names(rng)[0]
    nouns = rng.sample(words.FRUITS + words.ANIMALS + words.TOOLS, rng.randint(2, 3))
    numbers = rng.sample(words.NUMBERS[1:], len(nouns))
    listed = joined([f"{number} {noun}" for number, noun in zip(numbers, nouns, strict=True)], "and", oxford=False)
    asked = rng.randrange(len(nouns))
    answer = rng.choice((numbers[asked].capitalize(), f"{name} has {numbers[asked]} {nouns[asked]}"))
    return f"{name} has {listed}. How many {nouns[asked]} does {name} have? {answer}."


def figures(rng: Random) -> str:
    """Return sentences with figures: prices, times, years, counting sequences."""
    start, step, item = rng.randint(1, 60), rng.choice((1, 1, 2, 5, 10)), rng.choice(words.THINGS)
    return rng.choice(
        (
            ", ".join(str(start + step * index) for index in range(rng.randint(4, 8))) + ".",
            f"The {item} costs {rng.randint(2, 99)} dollars.",
            f"The train to {rng.choice(words.CITIES)} leaves at {rng.randint(1, 12)}:{rng.randint(10, 59)}.",
            f"In {rng.randint(1900, 2024)} there were {rng.randint(2, 900)} {rng.choice(words.PLURAL_NOUNS)}"
            f" in {rng.choice(words.CITIES)}.",
            f"{two_names(rng)[0]} is {rng.randint(5, 90)} years old and lives at {rng.randint(1, 200)}"
            f" {rng.choice(words.PLACES).capitalize()} Street.",
        )
    )
