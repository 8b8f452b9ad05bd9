"""Measure how probable words are after a sentence with different names, for groups of names (name probe)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.analysis.notebook import html_table
from attn_core.errors import NameProbeError

if TYPE_CHECKING:
    from attn_core.heads import Head
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement

BLANK = "{name}"
MAX_NAMES, MAX_GROUPS, MAX_WORDS = 200, 8, 20
MAX_TEMPLATE, MAX_NAME = 1000, 80  # characters
CONFIDENCE = 0.95  # of each interval
MIN_NAMES = 5  # in a group, for an interval


@dataclass(frozen=True, eq=False, repr=False)
class NameProbe:
    """The probabilities of words after a sentence, for each of many names.

    Attributes:
        template: the sentence, with `{name}` in place of the name.
        words: the n_words words.
        names: the n_names names.
        groups: the group of each name.
        pieces: int64 (n_names,): how many tokens each name is split into.
        probabilities: float64 (n_names, n_words): the probability that the sentence continues with all tokens of the
            word. It includes longer words that begin with them ("nursery" for "nurse").
        model: the model's name.
        ablated: the heads that were switched off.
        replacement: what their outputs were replaced with.

    >>> groups = {"A": ["Ana", "Mary"], "B": ["Omar"]}
    >>> probe = name_probe(load_model("mini"), "{name} works as a", groups, ["doctor", "nurse"])
    >>> probe.probabilities.shape
    (3, 2)
    >>> probe.table().columns.tolist()
    ['group', 'name', 'pieces', 'P(doctor)', 'P(nurse)']
    """

    template: str
    words: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    pieces: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    model: str
    ablated: frozenset[Head] = frozenset()
    replacement: Replacement = "zero"

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.names), len(self.words)):
            raise ValueError(f"{self.probabilities.shape} numbers do not fit the names and words.")
        if len(self.groups) != len(self.names) or self.pieces.shape != (len(self.names),):
            raise ValueError("Every name has one group and one number of tokens.")
        self.pieces.flags.writeable = False
        self.probabilities.flags.writeable = False

    def __repr__(self) -> str:
        n_groups = len(set(self.groups))
        return (
            f"NameProbe({self.template!r}, {len(self.names)} names in {n_groups} groups, {len(self.words)} words)"
        )

    def _repr_html_(self) -> str:
        means = self.means()
        return html_table(repr(self), means, n_rows=len(means))

    def table(self) -> pd.DataFrame:
        """Return a table with one row for each name.

        Columns: `group`, `name`, `pieces`, and for each word its probability as `P(word)`.
        """
        numbers = pd.DataFrame(self.probabilities, columns=[f"P({word})" for word in self.words])
        columns = {"group": self.groups, "name": self.names, "pieces": self.pieces}
        return pd.concat([pd.DataFrame(columns), numbers], axis=1)

    def means(self) -> pd.DataFrame:
        """Return the mean probability of each word over each group's names, with a 95% interval.

        The interval is Student's t over names: how much the mean would vary with other names of the same kind. It
        does not cover other sentences or models. A group of fewer than 5 names has none (NaN). Where a few names are
        far more probable than the rest, its coverage is lower: about 88% for SmolLM2 and 5 names.

        Returns:
            One row for each word and group: `word`, `group`, `names` (their number), `mean`, `low`, `high`.
        """
        from scipy.stats import ttest_1samp  # takes half a second

        rows = []
        for group, values in self._values():
            low = high = np.full(len(self.words), np.nan)
            if len(values) >= MIN_NAMES:
                low, high = np.clip(np.array(ttest_1samp(values, 0).confidence_interval(CONFIDENCE)), 0, 1)
            columns = zip(self.words, values.mean(axis=0), low, high, strict=True)
            rows += [(word, group, len(values), *numbers) for word, *numbers in columns]
        return pd.DataFrame(rows, columns=["word", "group", "names", "mean", "low", "high"])

    def differences(self) -> pd.DataFrame:
        """Return how much more probable each word is in the first group than in each other group, the largest first.

        The intervals are Welch's t with a Bonferroni correction, so that all of them hold together with 95%
        confidence: the largest difference was selected from many.

        Returns:
            One row for each word and other group: `word`, `group` (the other group), `difference` (the first group's
            mean less the other's), `low`, `high` (NaN if one of the groups has fewer than 5 names).
        """
        from scipy.stats import ttest_ind  # takes half a second

        (_, first), *others = self._values()
        level = 1 - (1 - CONFIDENCE) / (len(others) * len(self.words))
        rows = []
        for group, values in others:
            low = high = np.full(len(self.words), np.nan)
            if min(len(first), len(values)) >= MIN_NAMES:
                low, high = np.array(ttest_ind(first, values, equal_var=False).confidence_interval(level))
            difference = first.mean(axis=0) - values.mean(axis=0)
            columns = zip(self.words, difference, low, high, strict=True)
            rows += [(word, group, *numbers) for word, *numbers in columns]
        table = pd.DataFrame(rows, columns=["word", "group", "difference", "low", "high"])
        return table.sort_values("difference", key=lambda column: -column.abs(), kind="stable", ignore_index=True)

    def _values(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Return each group with its names' probabilities, (names of the group, n_words)."""
        groups = np.array(self.groups)
        return [(group, self.probabilities[groups == group]) for group in dict.fromkeys(self.groups)]


def name_probe(
    model: LanguageModel,
    template: str,
    groups: Mapping[str, Sequence[str]],
    words: Sequence[str],
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
    on_progress: Callable[[float], None] | None = None,
) -> NameProbe:
    """Put each name into a sentence and measure how probable words are as its continuation.

    The probability of a word is the product of the probabilities of its tokens, each given the sentence and the
    tokens before it. A space separates the sentence and the word. Words of one token need a single forward pass
    together.

    Args:
        model: the model to run.
        template: a sentence with `{name}` in it.
        groups: at least two groups of names, with at most 200 names together.
        words: at most 20 words.
        ablate: (layer, head) pairs to switch off.
        replacement: what their outputs are replaced with (see `attn_core.runs.ablation`).
        on_progress: called with the fraction of the work done, in [0, 1]; an exception from it stops the work.

    Raises:
        NameProbeError: template, names or words cannot be used, or the tokenizer cannot encode one of them.
        PromptError: a sentence does not fit the model.

    >>> groups = {"A": ["Ana", "Mary"], "B": ["Omar"]}
    >>> probe = name_probe(load_model("mini"), "{name} works as a", groups, ["doctor", "nurse"])
    >>> probe.means()[["word", "group", "names"]].values.tolist()
    [['doctor', 'A', 2], ['nurse', 'A', 2], ['doctor', 'B', 1], ['nurse', 'B', 1]]
    """
    check_name_probe(template, groups, words)
    sentence = template.rstrip(" ")
    names = [(group, name) for group, members in groups.items() for name in members]
    probabilities = np.empty((len(names), len(words)))
    pieces = np.empty(len(names), dtype=np.int64)
    for row, (_, name) in enumerate(names):
        pieces[row] = _count_pieces(model, sentence, name)
        text = sentence.replace(BLANK, name)
        word_ids = [_word_ids(model, text, word) for word in words]
        probabilities[row] = _word_probabilities(model, text, word_ids, ablate, replacement)
        if on_progress is not None:
            on_progress((row + 1) / len(names))
    return NameProbe(
        template=template,
        words=tuple(words),
        names=tuple(name for _, name in names),
        groups=tuple(group for group, _ in names),
        pieces=pieces,
        probabilities=probabilities,
        model=model.name,
        ablated=frozenset(ablate),
        replacement=replacement if ablate else "zero",
    )


def _word_probabilities(
    model: LanguageModel,
    text: str,
    word_ids: Sequence[Sequence[int]],
    ablate: Collection[Head],
    replacement: Replacement,
) -> list[float]:
    """Return the probability that the text continues with each word, given as token ids."""
    import torch

    from attn_core.models.attention import replacing
    from attn_core.runs.ablation import HeadAblation

    longest = max(map(len, word_ids))
    prompt = model.encode(text, new_tokens=longest)
    ablation = HeadAblation(model, ablate, replacement)  # runs first on the text alone, over which it takes means
    next_tokens: dict[tuple[int, ...], torch.Tensor] = {}

    def after(prefix: tuple[int, ...]) -> torch.Tensor:
        if prefix not in next_tokens:
            ids = torch.cat([prompt, torch.tensor([prefix], dtype=torch.long)], dim=1)
            with replacing(ablation):
                logits = model.next_logits(ids)[0]
            next_tokens[prefix] = logits.double().softmax(-1)
        return next_tokens[prefix]

    after(())
    return [
        float(np.prod([float(after(tuple(ids[:position]))[token_id]) for position, token_id in enumerate(ids)]))
        for ids in word_ids
    ]


def _count_pieces(model: LanguageModel, sentence: str, name: str) -> int:
    """Return how many tokens the name's first occurrence in the sentence is split into."""
    from attn_core.models.encoding import find_positions, is_unknown

    start, text = sentence.index(BLANK), sentence.replace(BLANK, name)
    positions = find_positions(model, text, start, start + len(name))
    ids = model.encode(text)[0, positions].tolist()
    if not ids or is_unknown(model, ids, name):
        raise NameProbeError(f"{model.name} cannot read the name “{name}”. Remove it.")
    return len(ids)


def _word_ids(model: LanguageModel, text: str, word: str) -> list[int]:
    """Return the ids of the tokens that continue the text with the word."""
    from attn_core.models.encoding import encode_continuation, is_unknown

    ids = encode_continuation(model, text, f" {word}")
    if not ids or is_unknown(model, ids, word):
        raise NameProbeError(f"{model.name} cannot write the word “{word}”. Remove it.")
    return ids


def check_name_probe(template: str, groups: Mapping[str, Sequence[str]], words: Sequence[str]) -> None:
    """Raise `NameProbeError` if `name_probe` cannot use these arguments."""
    if BLANK not in template:
        raise NameProbeError(f"The sentence has no {BLANK}. Put {BLANK} where the name goes.")
    if len(template) > MAX_TEMPLATE:
        raise NameProbeError(f"The sentence has {len(template):,} characters. Shorten it to {MAX_TEMPLATE:,}.")
    if len(groups) < 2:
        raise NameProbeError("Comparing needs at least two groups. Add a line.")
    if len(groups) > MAX_GROUPS:
        raise NameProbeError(f"There are {len(groups)} groups of names. Keep at most {MAX_GROUPS}.")
    names = [name for members in groups.values() for name in members]
    if len(names) > MAX_NAMES:
        raise NameProbeError(f"There are {len(names)} names. Keep at most {MAX_NAMES}.")
    for group, members in groups.items():
        if not group.strip():
            raise NameProbeError("A group has no name. Write it before the colon.")
        if not members:
            raise NameProbeError(f"The group “{group}” has no names. Write some after the colon.")
        if not all(name.strip() for name in members):
            raise NameProbeError(f"The group “{group}” has an empty name. Fill it in or remove it.")
    if len(names) > len(set(names)):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise NameProbeError(f"“{duplicate}” is listed twice. Remove one.")
    too_long = next((name for name in names if len(name) > MAX_NAME), None)
    if too_long is not None:
        raise NameProbeError(
            f"The name “{too_long[:20]}…” has {len(too_long)} characters. Shorten it to {MAX_NAME}."
        )
    if not words:
        raise NameProbeError("There are no words to measure. Write some, separated by commas.")
    if not all(word.strip() for word in words):
        raise NameProbeError("One of the words to measure is empty. Fill it in or remove it.")
    if len(words) > MAX_WORDS:
        raise NameProbeError(f"There are {len(words)} words. Keep at most {MAX_WORDS}.")
    if len(words) > len(set(words)):
        raise NameProbeError(f"“{next(w for w in words if list(words).count(w) > 1)}” is listed twice. Remove one.")
    if not _can_encode(template, *groups, *names, *words):
        raise NameProbeError(
            "The text contains an invalid character (half a surrogate pair). Delete it and try again."
        )


def parse_groups(text: str) -> dict[str, tuple[str, ...]]:
    """Parse groups of names: one group per line, as its name, a colon, and names separated by commas.

    Raises `NameProbeError` for a line without a colon, and for a group that is listed twice.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        group, colon, names = line.partition(":")
        group = group.strip()
        if not colon or not group:
            raise NameProbeError(f"Line {number} has no group name. Write it like “Sisters: Ann, Eve”.")
        if group in groups:
            raise NameProbeError(f"The group “{group}” is listed twice. Put its names on one line.")
        groups[group] = tuple(filter(None, (name.strip() for name in names.split(","))))
    return groups


def parse_words(text: str) -> tuple[str, ...]:
    """Parse words separated by commas or line breaks; a word that is listed twice is returned once."""
    return tuple(dict.fromkeys(filter(None, (word.strip() for word in re.split(r"[,\r\n]", text)))))


def _can_encode(*texts: str) -> bool:
    """Return whether the texts can be encoded as UTF-8."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
