"""Generate the training texts of `mini` from sentence forms, each with its frequency.

`documents(seed)` is endless and the same for the same seed. No document contains what `held_out` lists, so
the model cannot have memorized it.

`python -m attn_core.mini.corpus` prints a sample.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from attn_core.mini.everyday import clauses, greetings, ideas, likings, not_known, where_it_is
from attn_core.mini.held_out import held_out
from attn_core.mini.lists import (
    choice,
    colours,
    counted,
    figures,
    gown,
    in_order,
    kinds_of_things,
    other_list,
    shopping,
)
from attn_core.mini.people import asked_and_told, biography, gift, own_words, relatives, they_met
from attn_core.mini.repetition import quoted, refrain, repeated_passage, repeated_sentence, repeated_words
from attn_core.mini.sentences import (
    agreement,
    because,
    compared,
    facts_and_question,
    far_verb,
    question,
    refers_back,
    relative_clause,
    simple,
)

FORMS: tuple[tuple[Callable[[Random], str], float], ...] = (
    (far_verb, 12),
    (agreement, 3),
    (relative_clause, 2),
    (refers_back, 2),
    (because, 2),
    (compared, 1),
    (shopping, 5),
    (colours, 4),
    (gown, 4),
    (other_list, 5),
    (choice, 2),
    (kinds_of_things, 2),
    (counted, 2),
    (figures, 1),
    (in_order, 1),
    (relatives, 17),
    (biography, 12),
    (gift, 2),
    (they_met, 2),
    (own_words, 2),
    (asked_and_told, 2),
    (repeated_words, 10),
    (repeated_sentence, 2),
    (repeated_passage, 1),
    (refrain, 1),
    (quoted, 2),
    (facts_and_question, 2),
    (simple, 8),
    (question, 3),
    (clauses, 2),
    (not_known, 2),
    (likings, 1),
    (ideas, 2),
    (greetings, 1),
    (where_it_is, 1),
)
"""Every sentence form with its weight in the draw."""


def document(rng: Random) -> str:
    """Return a training text: one to three forms in sequence, with nothing that is held out."""
    functions, weights = zip(*FORMS, strict=True)
    while True:
        forms = rng.choices(functions, weights, k=rng.choice((1, 1, 1, 2, 3)))
        text = " ".join(form(rng) for form in forms)
        if not held_out(text):
            return text


def documents(seed: int) -> Iterator[str]:
    """Yield training texts endlessly; the same seed gives the same texts."""
    rng = Random(seed)
    while True:
        yield document(rng)


if __name__ == "__main__":
    print("\n\n".join(islice(documents(seed=0), 20)))
