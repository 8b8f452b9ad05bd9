"""Measure a trained model on sentences that it has not seen: `python -m attn_core.mini.evaluate`.

It prints one line for each of the article's claims, with the bound that the bundled weights must reach. The heads
are found by the dashboard's own scores, not by their numbers.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from attn_core.analysis.scores import OTHER, head_scores, mean_scores
from attn_core.heads import head_label
from attn_core.mini import words
from attn_core.mini.corpus import documents
from attn_core.mini.held_out import combination_held_out
from attn_core.mini.phrases import draw_role, with_article
from attn_core.models.encoding import encode, encode_continuation, find_positions, ids_with_start_tokens
from attn_core.models.loading import load_model
from attn_core.models.model import LanguageModel
from attn_core.runs.capturing import capture

UNSEEN_SEED = 1_000_003
KITE = "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and"
RELATION = "Jesse Vig is the {} of an evangelical preacher named James"
LISTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Her gown with the dots that are", words.COLOURS),
    ("At the store, she bought", words.FRUITS),
    ("At the market, we found", words.VEGETABLES),
    ("On the farm there were", words.ANIMALS),
    ("We went to", words.CITIES),
    ("He studied", words.SUBJECT_MATTERS),
)
"""How a list begins, and the group that its items come from."""


@dataclass(frozen=True)
class Measure:
    """A line of the table: a measured value, its bounds, and its head."""

    claim: str
    what: str
    value: float
    at_least: float
    at_most: float = math.inf
    head: tuple[int, int] | None = None

    @property
    def reached(self) -> bool:
        """True if the value is within its bounds."""
        return self.at_least <= self.value <= self.at_most


@dataclass(frozen=True)
class Family:
    """Two prompts that differ in one word: the surname is repeated after the first and not after the second."""

    surname: str
    relative: str
    colleague: str


def far_verbs(number: int) -> Iterator[tuple[str, str]]:
    """Yield (text, subject) pairs: the text ends in a verb, one to three phrases after its subject.

    The training texts never combine that subject with any of these phrases' nouns and that verb.
    """
    rng = Random(UNSEEN_SEED)
    for index in range(number):
        kind = rng.choice(words.KINDS)
        subject, verb = rng.choice(kind.nouns), rng.choice(words.MOVES)
        nouns = [noun for noun in words.PLACES + words.THINGS if combination_held_out(subject, noun, verb)]
        phrases = [
            f"{rng.choice(('on', 'near', 'behind', 'beside', 'by', 'in front of'))} the {noun}"
            for noun in rng.sample(nouns, 1 + index % 3)
        ]
        yield f"The {subject} {' '.join(phrases)} {verb}", subject


def lists(number: int) -> Iterator[tuple[str, list[str], tuple[str, ...]]]:
    """Yield (text, items, group): the text lists two or three items of the group and ends in "and"."""
    rng = Random(UNSEEN_SEED)
    for index in range(number):
        start, group = LISTS[index % len(LISTS)]
        items = rng.sample(group, rng.choice((2, 3)))
        yield f"{start} {', '.join(items)}{rng.choice(('', ','))} and", items, group


def families(per_surname: int) -> Iterator[Family]:
    """Yield pairs of prompts for each of the held-out surnames."""
    rng = Random(UNSEEN_SEED)
    for surname in words.HELD_OUT_SURNAMES:
        for _ in range(per_surname):
            (first, other), role = rng.sample(words.SHE_NAMES + words.HE_NAMES, 2), with_article(draw_role(rng))
            relatives = words.RELATIVES_SHE if first in words.SHE_NAMES else words.RELATIVES_HE
            relative, colleague = rng.choice(relatives), rng.choice(words.NON_RELATIVES)
            told = f"{first} {surname} is the {{}} of {role} named {other}"
            yield Family(surname, told.format(relative), told.format(colleague))


def repeated_rows(number: int) -> Iterator[str]:
    """Yield texts of a sequence of random words, repeated once."""
    rng = Random(UNSEEN_SEED)
    pool = words.THINGS + words.PLACES + words.ADJECTIVES + words.PAST_VERBS + words.FRUITS
    for _ in range(number):
        row = rng.sample(pool, rng.randint(8, 14))
        yield " ".join(row).capitalize() + " " + " ".join(row)


@torch.inference_mode()
def log_probabilities(model: LanguageModel, text: str) -> torch.Tensor:
    """Return the log-probabilities of the token after each token of a text, in nats, (n_tokens, n_vocabulary)."""
    logits: torch.Tensor = model.network(encode(model, text)).logits
    return logits[0].log_softmax(-1)


def token_ids(model: LanguageModel, text: str) -> list[int]:
    """Return the token ids of a text, as the model reads it."""
    ids, _ = ids_with_start_tokens(model.tokenizer, text)
    return ids


def unseen_loss(model: LanguageModel, number: int = 300) -> float:
    """Return the mean loss on unseen documents, in nats per token."""
    losses: list[torch.Tensor] = []
    for text in islice(documents(UNSEEN_SEED), number):
        ids = torch.tensor(token_ids(model, text))
        if len(ids) <= model.max_tokens:
            losses.append(-log_probabilities(model, text)[:-1].gather(1, ids[1:, None])[:, 0])
    return float(torch.cat(losses).mean())


def verb_to_subject(model: LanguageModel, number: int = 150) -> NDArray[np.float64]:
    """Return each head's mean attention from the verb to its subject's noun, (n_layers, n_heads)."""
    rows = []
    for text, subject in far_verbs(number):
        start = len("The ")
        keys = find_positions(model, text, start, start + len(subject))
        rows.append(capture(model, text).attention[:, :, -1, keys].sum(-1, dtype=np.float64))
    return np.mean(rows, axis=0)


def unseen_scores(model: LanguageModel, number: int = 60) -> pd.DataFrame:
    """Return `head_scores` as means over unseen documents."""
    texts = (text for text in documents(UNSEEN_SEED) if 4 <= len(token_ids(model, text)) <= model.max_tokens)
    return mean_scores([head_scores(capture(model, text)) for text in islice(texts, number)])


def repeated_scores(model: LanguageModel, number: int = 30) -> pd.DataFrame:
    """Return `head_scores` as means over repeated sequences of random words."""
    return mean_scores([head_scores(capture(model, text)) for text in repeated_rows(number)])


def list_goes_on(model: LanguageModel, number: int = 180) -> float:
    """Return how often the most probable word after "and" belongs to the list's group, 0 to 1."""
    hits = []
    for text, _, group in lists(number):
        firsts = {encode_continuation(model, text, f" {item}")[0] for item in group}
        hits.append(int(log_probabilities(model, text)[-1].argmax()) in firsts)
    return float(np.mean(hits))


def and_to_items(model: LanguageModel, number: int = 120) -> NDArray[np.float64]:
    """Return each head's mean attention from "and" to all tokens of the items before it, (n_layers, n_heads)."""
    rows = []
    for text, items, _ in lists(number):
        trace = capture(model, text)
        keys = _positions(model, text, items)
        rows.append(trace.attention[:, :, -1, keys].sum(-1, dtype=np.float64))
    return np.mean(rows, axis=0)


def _positions(model: LanguageModel, text: str, items: Sequence[str]) -> list[int]:
    """Return the positions of the items' tokens, each item at its last occurrence as a whole word."""
    starts = [text.rindex(f" {item}") + 1 for item in items]
    return [
        position
        for item, start in zip(items, starts, strict=True)
        for position in find_positions(model, text, start, start + len(item))
    ]


def surname_copied(model: LanguageModel, prompts: Sequence[tuple[str, str]]) -> float:
    """Return how often greedy decoding continues a prompt with the whole surname, 0 to 1."""
    hits = []
    for prompt, surname in prompts:
        pieces = encode_continuation(model, prompt, f" {surname}")
        best = log_probabilities(model, prompt + f" {surname}").argmax(-1).tolist()
        hits.append(best[-len(pieces) - 1 : -1] == pieces)
    return float(np.mean(hits))


def surname_ratio(model: LanguageModel, pairs: Sequence[Family]) -> float:
    """Return the geometric mean of the ratio of the surname's first-token probability, relative to colleague."""
    logs = []
    for pair in pairs:
        relative, colleague = (
            log_probabilities(model, text)[-1, encode_continuation(model, text, f" {pair.surname}")[0]]
            for text in (pair.relative, pair.colleague)
        )
        logs.append(float(relative - colleague))
    return math.exp(np.mean(logs))


def first_name_to_surname(model: LanguageModel, pairs: Sequence[Family]) -> NDArray[np.float64]:
    """Return each head's mean attention from the other's first name to the surname, relative less colleague."""
    changes = []
    for pair in pairs:
        rows = []
        for text in (pair.relative, pair.colleague):
            trace = capture(model, text)
            keys = _positions(model, text, [pair.surname])
            rows.append(trace.attention[:, :, -1, keys].sum(-1, dtype=np.float64))
        changes.append(rows[0] - rows[1])
    return np.mean(changes, axis=0)


def best_head(claim: str, what: str, values: NDArray[np.float64], at_least: float) -> Measure:
    """Return the head with the highest of the values, (n_layers, n_heads)."""
    layer, head = divmod(int(values.argmax()), values.shape[1])
    return Measure(claim, what, float(values[layer, head]), at_least, head=(layer, head))


def table(model: LanguageModel) -> list[Measure]:
    """Return every measure with its bounds."""
    shape = (model.n_layers, model.n_heads)
    pairs = list(families(per_surname=3))
    scores, repeated = unseen_scores(model), repeated_scores(model)
    previous = scores["previous_token"].to_numpy().reshape(shape)
    induction = repeated["induction"].to_numpy().reshape(shape)
    copied = surname_copied(model, [(pair.relative, pair.surname) for pair in pairs])
    n_labels = len({*scores["label"], *repeated["label"]} - {OTHER})
    return [
        best_head("1", "attention from a verb to its subject's noun", verb_to_subject(model), 0.6),
        best_head("3", "previous_token score", previous, 0.9),
        Measure("4", "heads labeled null, of 144", int((scores["label"] == "null").sum()), 10, 110),
        Measure("5", "next word after a list and 'and' is of its kind", list_goes_on(model), 0.95),
        best_head("5", "attention from 'and' to the items", and_to_items(model), 0.6),
        Measure("7", "whole surname is greedy after a relative's first name", copied, 0.9),
        Measure("7", "surname's first piece, relative over colleague", surname_ratio(model, pairs), 50),
        best_head("7", "first name to surname, relative minus colleague", first_name_to_surname(model, pairs), 0.4),
        best_head("", "induction score on repeated random words", induction, 0.7),
        Measure("", "distinct labels among the heads", n_labels, 5),
    ]


def formatted(measures: Sequence[Measure]) -> str:
    """Return the table as text, one measure per line."""
    lines = [f"{'claim':5}  {'measure':53}  {'best head':9}  {'value':>6}  bounds"]
    for measure in measures:
        head = "" if measure.head is None else head_label(measure.head)
        bounds = f"at least {measure.at_least:g}"
        if measure.at_most < math.inf:
            bounds += f", at most {measure.at_most:g}"
        reached = "" if measure.reached else "  not reached"
        lines.append(f"{measure.claim:5}  {measure.what:53}  {head:9}  {measure.value:6.2f}  {bounds}{reached}")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure the bundled model on what it has not seen.")
    parser.add_argument("--model", type=Path, help="a folder with another model of this grammar")
    folder = parser.parse_args().model
    model = load_model("mini" if folder is None else str(folder.resolve()))
    print(formatted(table(model)))
    print(f"loss on unseen documents: {unseen_loss(model):.3f} nats a token")


if __name__ == "__main__":
    main()
