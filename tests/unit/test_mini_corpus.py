"""The grammar: the same seed gives the same texts, and what is held out stays out."""

import re
import subprocess
import sys
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_core.mini import words
from attn_core.mini.corpus import FORMS, documents
from attn_core.mini.evaluate import families, far_verbs
from attn_core.mini.held_out import PHRASES, combination_held_out, combinations_in, held_out
from attn_core.mini.lists import gown
from attn_core.mini.people import relation, relatives
from attn_core.mini.phrases import Person, invented_surname, joined, with_article
from attn_core.mini.sentences import far_verb

pytestmark = pytest.mark.slow  # the training data and evaluation of the bundled model

seeds = st.integers(min_value=0, max_value=2**32)

ARTICLE = (
    "The dog on the ship ran",
    "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and",
    "Who is Jesse Vig?",
    "Jesse Vig is the son of an evangelical preacher named James",
    "Jesse Vig is the colleague of an evangelical preacher named James",
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return list(islice(documents(seed=0), 20_000))


def test_same_seed_same_texts() -> None:
    assert list(islice(documents(7), 200)) == list(islice(documents(7), 200))
    assert list(islice(documents(7), 200)) != list(islice(documents(8), 200))


def test_texts_do_not_depend_on_the_process() -> None:
    """Hash randomisation must not reach the grammar."""
    program = "from attn_core.mini.corpus import documents as d; print(next(d(3)))"
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        assert run.stdout.removesuffix("\n") == next(documents(3))


def test_held_out_surnames_and_sentences_never_appear(texts: list[str]) -> None:
    everything = "\n".join(texts)
    for name in words.HELD_OUT_SURNAMES:
        assert not re.search(rf"\b{name}", everything), name
    for phrase in PHRASES:
        assert phrase not in everything


@given(seeds)
def test_invented_surnames_are_never_held_out(seed: int) -> None:
    surname = invented_surname(Random(seed))
    assert surname[0].isupper()
    assert len(surname) > 2
    assert not surname.startswith(words.HELD_OUT_SURNAMES)


def test_held_out_combinations_never_appear(texts: list[str]) -> None:
    """What the evaluation asks of verbs and their subjects is nothing that the training text holds."""
    seen = {combination for text in texts for combination in combinations_in(text)}
    assert len(seen) > 3000
    assert not any(combination_held_out(*combination) for combination in seen)
    for text, _ in far_verbs(300):
        asked = combinations_in(text)
        assert asked
        assert all(combination_held_out(*combination) for combination in asked)


def test_the_gate_finds_a_combination_wherever_it_stands() -> None:
    text, subject = next(far_verbs(1))
    assert held_out(f"It was late. {text} home.")
    assert held_out(text.replace(f" {subject}", f" old {subject}"))
    assert not held_out("The dog slept.")


def test_surnames_of_the_evaluation_are_held_out() -> None:
    for pair in families(1):
        assert held_out(pair.relative)
        assert held_out(pair.colleague)
        assert pair.relative != pair.colleague


def test_held_out_and_known_surnames_are_apart() -> None:
    assert not set(words.HELD_OUT_SURNAMES) & set(words.KNOWN_SURNAMES)


def test_every_word_of_the_article_is_in_the_grammar(texts: list[str]) -> None:
    known = set(re.findall(r"[\w']+", " ".join(texts)))
    assert set(re.findall(r"[\w']+", " ".join(ARTICLE))) - known == {"Vig"}


@pytest.mark.parametrize("form", [form for form, _ in FORMS], ids=lambda form: form.__name__)
@given(seed=seeds)
def test_every_form_gives_tidy_sentences(form: object, seed: int) -> None:
    assert callable(form)
    text = form(Random(seed))
    assert text == text.strip()
    assert "  " not in text
    assert text[-1] in '.!?"'
    assert not re.search(r"\ba [aeiou]", text)
    assert not re.search(r"\ban [^aeiouAEIOU]", text)


@given(seeds)
def test_only_relatives_share_the_surname(seed: int) -> None:
    person = Person("Jesse", "Vig", "he")
    sentence, other = relation(Random(seed), person, "Jesse Vig")
    told = set(re.findall(r"\w+", sentence))
    relative = told & {*words.RELATIVES_HE, *words.RELATIVES_SHE}
    assert (other.surname == "Vig") == bool(relative)


def test_both_relations_are_common() -> None:
    rng = Random(0)
    person = Person("Jesse", "Vig", "she")
    shared = sum(relation(rng, person, "She")[1].surname == "Vig" for _ in range(1000))
    assert 450 < shared < 650


@given(seeds)
def test_a_far_verb_goes_the_way_of_its_subject(seed: int) -> None:
    text = far_verb(Random(seed))
    subject = next(word for word in re.findall(r"\w+", text) if any(word in k.nouns for k in words.KINDS))
    kind = next(kind for kind in words.KINDS if subject in kind.nouns)
    does = [*kind.acts, *(f"{kind.way} {goal}" for goal in kind.goals)]
    assert any(deed in text for deed in does)


def test_ways_tell_the_kinds_apart() -> None:
    firsts = [kind.way for kind in words.KINDS]
    assert len(set(firsts)) == len(firsts)


@given(seeds)
def test_a_gown_ends_in_a_list_of_different_colours(seed: int) -> None:
    listed = re.findall(r"\w+", gown(Random(seed)).split(" that are ")[1])
    named = [word for word in listed if word not in ("and", "or")]
    assert len(named) >= 2
    assert set(named) <= set(words.COLOURS)
    assert len(set(named)) == len(named)


def test_jobs_do_not_depend_on_names() -> None:
    """Each job goes to women and men about equally often."""
    rng = Random(0)
    counts = {job: [0, 0] for job in words.JOBS}
    for _ in range(100_000):
        text = relatives(rng)
        first = text.split()[0]
        job = next((job for job in words.JOBS if f" {job} named" in text), None)
        if job is None or "the teacher of" in text:
            continue
        counts[job][0] += first in words.SHE_NAMES
        counts[job][1] += first in words.HE_NAMES
    for she, he in counts.values():
        assert 0.65 < she / he < 1.55


def test_names_are_balanced() -> None:
    assert len(words.SHE_NAMES) == len(words.HE_NAMES)
    assert not set(words.SHE_NAMES) & set(words.HE_NAMES)


def test_lists_and_articles_are_written_as_in_english() -> None:
    assert joined(["a", "b"], "and", oxford=True) == "a and b"
    assert joined(["a", "b", "c"], "and", oxford=True) == "a, b, and c"
    assert joined(["a", "b", "c"], "or", oxford=False) == "a, b or c"
    assert with_article("old dog") == "an old dog"
    assert with_article("dog") == "a dog"
