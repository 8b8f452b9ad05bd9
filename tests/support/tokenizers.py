"""Small tokenizers of every kind that language models come with, trained on a few sentences."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

SENTENCES = (
    "The dog on the ship ran off, and the dog was found by the crew.",
    "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and blue.",
    "Who is Jesse Vig? Jesse Vig is the son of an evangelical preacher named James Vig.",
    "Maria works as a doctor. Omar works as a nurse. Her colleague is a teacher; the college is far.",
    "At the store, she bought apples, pears and plums.",
) * 3
WORDS = sorted(set(re.findall(r"\w+|[^\w\s]", " ".join(SENTENCES))))
SPECIAL = ("<unk>", "<s>", "</s>", "[UNK]", "[CLS]", "[SEP]", "[PAD]", "<|endoftext|>", "<|begin_of_text|>")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level(*, add_prefix_space: bool = False, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As GPT-2 has it; with a start token as Llama 3 has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|begin_of_text|>"],
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return _wrapped(tokenizer, start, end)


def byte_fallback(*, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As Llama 2 has it: a character that it does not know is read as bytes, and a space begins every text."""
    learned = Tokenizer(models.BPE())
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    learned.normalizer = normalizer
    learned.pre_tokenizer = pre_tokenizers.Split(Regex("(?=▁)"), "isolated")  # to learn words, not whole texts
    learned.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    vocabulary = {piece: n for n, piece in enumerate(["<unk>", "<s>", "</s>", *BYTES, *_by_number(learned)])}
    merges = [tuple(pair) for pair in json.loads(learned.to_str())["model"]["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _wrapped(tokenizer, start, end)


def metaspace_unigram(*, fallback: bool = False, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As T5 and XLNet have it; with `fallback` as newer ones do, that read unknown characters as bytes."""
    letters = sorted(set("".join(SENTENCES)) - set(" VC"))
    pieces = [("▁", -3.0), *((letter, -6.0) for letter in letters), *((f"▁{word}", -8.0) for word in WORDS)]
    further = [(token, 0.0) for token in ("<unk>", "<s>", "</s>")]
    further += [(token, -20.0) for token in BYTES] if fallback else []
    tokenizer = Tokenizer(models.Unigram([*further, *pieces], unk_id=0, byte_fallback=fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = (
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]) if fallback else decoders.Metaspace()
    )
    return _wrapped(tokenizer, start, end)


def word_piece(*, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As BERT has it: no capital letters, and `##` before what goes on with a word."""
    words = sorted({word.lower() for word in WORDS})
    letters = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    vocabulary = dict.fromkeys(["[UNK]", "[CLS]", "[SEP]", "[PAD]", *letters, *words])
    tokenizer = Tokenizer(models.WordPiece({token: n for n, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return _wrapped(tokenizer, start, end)


def end_of_word(*, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As the first GPT and XLM have it: no capital letters, and `</w>` at the end of each word."""
    vocabulary = dict.fromkeys(["<unk>", "<s>", "</s>"])
    vocabulary |= dict.fromkeys(
        letter + suffix for letter in string.ascii_lowercase + ".,?!;'" for suffix in ("", "</w>")
    )
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        *pieces, last = word.lower()
        whole = ""
        for piece in (*pieces, f"{last}</w>"):
            if whole:
                merges[whole, piece] = None
            whole += piece
            vocabulary[whole] = None
    tokenizer = Tokenizer(
        models.BPE(
            {piece: n for n, piece in enumerate(vocabulary)},
            list(merges),
            unk_token="<unk>",
            end_of_word_suffix="</w>",
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return _wrapped(tokenizer, start, end)


def continued_words(*, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """As CTRL has it: `@@` at the end of each piece with which a word does not end."""
    words = ["<unk>", "<s>", "</s>", "hel@@", "lo", "do@@", "g", "the", "dog", "ship", "ran", ".", ","]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse(), decoders.Replace("@@ ", "")]
    )
    return _wrapped(tokenizer, start, end)


def word_level(*, start: str = "", end: str = "") -> PreTrainedTokenizerFast:
    """A word, a token; no decoder."""
    words = ["<unk>", "<s>", "</s>", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _wrapped(tokenizer, start, end)


Maker = Callable[..., PreTrainedTokenizerFast]
KINDS: dict[str, Maker] = {
    "byte-level": byte_level,
    "byte-level, with a space in front": lambda **more: byte_level(add_prefix_space=True, **more),
    "byte fallback": byte_fallback,
    "unigram": metaspace_unigram,
    "unigram with byte fallback": lambda **more: metaspace_unigram(fallback=True, **more),
    "word pieces": word_piece,
    "ends of words": end_of_word,
    "continued words": continued_words,
    "words": word_level,
}
_SPECIAL = dict.fromkeys(KINDS, ("<s>", "</s>")) | {
    "byte-level": ("<|begin_of_text|>", "<|endoftext|>"),
    "byte-level, with a space in front": ("<|begin_of_text|>", "<|endoftext|>"),
    "word pieces": ("[CLS]", "[SEP]"),
}
"""The start and the end token of each kind."""


@cache
def tokenizer_of(kind: str, *, start: bool = False, end: bool = False) -> PreTrainedTokenizerBase:
    """A tokenizer of a kind, which adds a start token in front and an end token behind if it should."""
    first, last = _SPECIAL[kind]
    return KINDS[kind](start=first if start else "", end=last if end else "")


def _by_number(tokenizer: Tokenizer) -> list[str]:
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _wrapped(tokenizer: Tokenizer, start: str, end: str) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers has it, with a template that adds a start and an end token, if given."""
    special = [token for token in SPECIAL if tokenizer.token_to_id(token) is not None]
    tokenizer.add_special_tokens(special)
    if start or end:
        template = " ".join(filter(None, (start, "$A", end)))
        numbers = [(token, tokenizer.token_to_id(token)) for token in (start, end) if token]
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=numbers)
    unknown = next((token for token in ("<unk>", "[UNK]") if tokenizer.token_to_id(token) is not None), None)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, bos_token=start or None, eos_token=end or None
    )
