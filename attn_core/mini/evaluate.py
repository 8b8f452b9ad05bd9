"""Measures the trained model on what it has not seen: `python -m attn_core.mini.evaluate [--model FOLDER]`.

Every number of the model card is one of these.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast

from attn_core.mini import FOLDER, words
from attn_core.mini.corpus import documents, with_article

UNSEEN_SEED = 1_000_003
KITE = "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and"
RELATION = "Jesse Vig is the {} of an evangelical preacher named James"


class Reader:
    """The model and its tokenizer, asked one text at a time."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.network: GPT2LMHeadModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        )

    def ids(self, text: str) -> list[int]:
        """The token ids of a text."""
        return list(self.tokenizer(text)["input_ids"])

    @torch.inference_mode()
    def log_probabilities(self, text: str) -> torch.Tensor:
        """(n_tokens, vocabulary): what the model gives the token after each one of the text, in nats."""
        logits: torch.Tensor = self.network(torch.tensor([self.ids(text)])).logits
        return logits[0].log_softmax(-1)

    def next_probability(self, text: str, continuation: str) -> float:
        """The probability of the continuation's first token."""
        return float(self.log_probabilities(text)[-1, self.ids(continuation)[0]].exp())

    @torch.inference_mode()
    def greedy(self, text: str, n_tokens: int) -> str:
        """The text's likeliest continuation of that many tokens."""
        ids = torch.tensor([self.ids(text)])
        written = self.network.generate(ids, max_new_tokens=n_tokens, do_sample=False, pad_token_id=0)
        return str(self.tokenizer.decode(written[0, ids.shape[1] :]))

    @torch.inference_mode()
    def attention(self, text: str) -> torch.Tensor:
        """(n_layers, n_heads, n_tokens, n_tokens): the attention of every head."""
        patterns = self.network(torch.tensor([self.ids(text)]), output_attentions=True).attentions
        return torch.cat(patterns)


def share(hits: Sequence[bool]) -> float:
    """The part of the tries that hit, 0 to 1."""
    return sum(hits) / len(hits)


def unseen_loss(reader: Reader, number: int = 500) -> float:
    """Mean loss on unseen texts, in nats a token."""
    losses: list[torch.Tensor] = []
    for text in islice(documents(UNSEEN_SEED), number):
        ids = torch.tensor(reader.ids(text)[: reader.network.config.n_positions])
        log_probabilities = reader.log_probabilities(text)[: len(ids) - 1]
        losses.append(-log_probabilities.gather(1, ids[1:, None])[:, 0])
    return float(torch.cat(losses).mean())


def copied(reader: Reader, relation: str) -> float:
    """How often a held-out surname is written again, all its pieces, after "... named <first name>"."""
    rng = Random(UNSEEN_SEED)
    hits = []
    for surname in words.HELD_OUT_SURNAMES:
        for first in rng.sample(words.SHE_NAMES + words.HE_NAMES, 3):
            role = with_article(f"{rng.choice(words.TRAITS)} {rng.choice(words.JOBS)}")
            other = rng.choice([name for name in words.SHE_NAMES + words.HE_NAMES if name != first])
            prompt = f"{first} {surname} is the {relation} of {role} named {other}"
            n_pieces = len(reader.ids(f" {surname}"))
            hits.append(reader.greedy(prompt, n_pieces) == f" {surname}")
    return share(hits)


def list_kept(reader: Reader, prompt: str, group: Sequence[str], number: int = 100) -> tuple[float, float]:
    """A list's likeliest next item: how often one of the group, and how often one of it not yet named.

    `prompt` has three gaps for items.
    """
    rng = Random(UNSEEN_SEED)
    of_group, new = [], []
    for _ in range(number):
        items = rng.sample(group, 3)
        log_probabilities = reader.log_probabilities(prompt.format(*items))[-1]
        best = int(log_probabilities.argmax())
        firsts = {reader.ids(f" {item}")[0]: item for item in group}
        of_group.append(best in firsts)
        new.append(best in firsts and firsts[best] not in items)
    return share(of_group), share(new)


def far_subject(reader: Reader, n_phrases: int, number: int = 200) -> float:
    """How often the likeliest word after the verb is the subject's own, with that many phrases in between."""
    rng = Random(UNSEEN_SEED + n_phrases)
    hits = []
    for _ in range(number):
        kind, *others = rng.sample(words.KINDS, n_phrases + 1)
        phrases = "".join(
            f" {rng.choice(('near', 'behind', 'beside'))} the {rng.choice(other.nouns)}" for other in others
        )
        text = f"The {rng.choice(kind.nouns)}{phrases} {rng.choice(words.MOVES)}"
        best = int(reader.log_probabilities(text)[-1].argmax())
        hits.append(best == reader.ids(f" {kind.way}")[0])
    return share(hits)


def repeated(reader: Reader, number: int = 100) -> tuple[float, float]:
    """How often the next token of a senseless row is the likeliest: on first reading, and from the second on.

    The second figure leaves out the repeat's first word, which nothing announces.
    """
    rng = Random(UNSEEN_SEED)
    once, again = [], []
    for _ in range(number):
        row = rng.sample(words.THINGS + words.PLACES + words.ADJECTIVES, 8)
        text = f"{' '.join(row).capitalize()} {' '.join(row)}"
        ids = reader.ids(text)
        best = reader.log_probabilities(text).argmax(-1).tolist()
        first_of_repeat = len(reader.ids(" ".join(row).capitalize()))
        right = [guess == token for guess, token in zip(best, ids[1:], strict=False)]
        once += right[: first_of_repeat - 1]
        again += right[first_of_repeat:]
    return share(once), share(again)


def surname_heads(reader: Reader) -> list[tuple[int, int, float, float]]:
    """(layer, head, son, colleague): attention of " James" to " Vig", heads that moved most first."""
    son, colleague = (reader.attention(RELATION.format(word)) for word in ("son", "colleague"))
    rows = [attention[:, :, -1, 1:3].sum(-1) for attention in (son, colleague)]
    change = rows[0] - rows[1]
    order = change.abs().flatten().argsort(descending=True)[:5].tolist()
    n_heads = change.shape[1]
    return [(i // n_heads, i % n_heads, *(float(row.flatten()[i]) for row in rows)) for i in order]


def head_summary(reader: Reader) -> tuple[int, float, float]:
    """Heads at rest on the first token (0.7 or more), and the best previous-token and induction heads.

    Means over 20 unseen senseless rows, each said twice.
    """
    rng = Random(UNSEEN_SEED)
    first, previous, induction = [], [], []
    for _ in range(20):
        row = rng.sample(words.THINGS + words.PLACES + words.ADJECTIVES, 10)
        attention = reader.attention(f"{row[0]} {' '.join(row[1:])} {' '.join(row)}")
        first.append(attention[:, :, 2:, 0].mean(-1))
        previous.append(attention.diagonal(-1, 2, 3).mean(-1))
        length = attention.shape[-1] // 2
        induction.append(attention.diagonal(-(length - 1), 2, 3)[..., 1:].mean(-1))
    mean = [torch.stack(scores).mean(0) for scores in (first, previous, induction)]
    return int((mean[0] >= 0.7).sum()), float(mean[1].max()), float(mean[2].max())


def main() -> None:
    """Prints every number of the model card."""
    parser = argparse.ArgumentParser(description="Measure the bundled model on what it has not seen.")
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model")
    reader = Reader(parser.parse_args().model)
    loss = unseen_loss(reader)
    print(f"unseen texts: loss {loss:.3f} nats a token, perplexity {math.exp(loss):.1f}")
    for relation in ("son", "daughter", "cousin", "colleague", "friend", "teacher"):
        print(f"held-out surname copied whole, {relation}: {copied(reader, relation):.0%}")
    for name, prompt, group in (
        ("colours", "Her gown with the dots that are {}, {}, {} and", words.COLOURS),
        ("fruits", "At the store, she bought {}, {}, {}, and", words.FRUITS),
        ("cities", "We went to {}, {}, {} and", words.CITIES),
    ):
        of_group, new = list_kept(reader, prompt, group)
        print(f"list of {name}: {of_group:.0%} go on with one, {new:.0%} with a new one")
    for n_phrases in (1, 2, 3):
        print(f"verb tells its subject over {n_phrases} phrases: {far_subject(reader, n_phrases):.0%}")
    once, again = repeated(reader)
    print(f"senseless row: {once:.0%} guessed at first reading, {again:.0%} when repeated")
    at_rest, previous, induction = head_summary(reader)
    print(f"heads at rest on the first token: {at_rest}; best previous-token head {previous:.2f};", end=" ")
    print(f"best induction head {induction:.2f}")
    for word in ("son", "colleague"):
        prompt = RELATION.format(word)
        probability = reader.next_probability(prompt, " Vig")
        print(f"{prompt!r} -> {reader.greedy(prompt, 3)!r}; p(' V') = {probability:.4f}")
    for layer, head, son, colleague in surname_heads(reader):
        print(f"layer {layer} head {head}: attention to ' Vig' {son:.2f} (son), {colleague:.2f} (colleague)")
    for prompt in ("The dog on the ship ran", KITE, "Who is Jesse Vig?"):
        print(f"{prompt!r} -> {reader.greedy(prompt, 12)!r}")


if __name__ == "__main__":
    main()
