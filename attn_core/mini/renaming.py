"""Rename the invented people of a text, so that every token of the tokenizer is copied sometimes."""

import re
from random import Random

from transformers import PreTrainedTokenizerFast

from attn_core.mini import words

_CAPITALISED = re.compile(r"\b[A-Z]\w+")
_SPACE = "\u0120"  # as byte-level BPE writes it


class Renamer:
    """A replacement of a text's invented names by names made from the tokenizer's own tokens.

    Without it, tokens that no invented name contains would never be copied.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._words = {word.lower() for word in words.every_word()}
        pieces = sorted(tokenizer.get_vocab())
        first = [piece[1:] for piece in pieces if re.fullmatch(f"{_SPACE}[A-Z][a-z]*", piece)]
        self._first = [piece for piece in first if piece.lower() not in self._words]
        self._later = [piece for piece in pieces if re.fullmatch("[a-z]+", piece)]

    def renamed(self, rng: Random, text: str) -> str:
        """Return the text with each invented name consistently replaced by another."""
        names = dict.fromkeys(name for name in _CAPITALISED.findall(text) if self._is_invented(name))
        others = {name: self._name(rng) for name in names}
        return _CAPITALISED.sub(lambda found: others.get(found[0], found[0]), text)

    def _is_invented(self, name: str) -> bool:
        return name.lower() not in self._words and all(
            len(ids) > 1 for ids in self._tokenizer([name, f" {name}"])["input_ids"]
        )

    def _name(self, rng: Random) -> str:
        return rng.choice(self._first) + "".join(rng.choices(self._later, k=rng.randint(1, 3)))
