"""How many tokens a network can read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from torch import nn

from attn_core.trace import MAX_TOKENS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# What the configurations of transformers call it; many translate their own name into the first one.
_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "max_sequence_length",
    "max_target_positions",
    "seq_length",
)


def max_tokens_of(network: PreTrainedModel) -> int:
    """Return how many tokens a network can read at once, `MAX_TOKENS` where nothing limits them.

    A table of learned positions counts before the configuration: RoBERTa's positions begin after the padding's,
    so that a table of 514 reads 512 tokens.
    """
    config = network.config.get_text_config(decoder=True)
    named = [size for name in _NAMES if _is_size(size := getattr(config, name, None))]
    n_ahead = 1 if hasattr(config, "ngram") else 0  # ProphetNet looks up the position of the next token, too
    return min([*(named[:1] or [MAX_TOKENS]), *(size - n_ahead for size in _sizes_of_tables(network))])


def _is_size(value: object) -> TypeGuard[int]:
    """Whether it is a number of tokens; XLNet, which has no limit, says -1."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _sizes_of_tables(network: PreTrainedModel) -> list[int]:
    """How many tokens the tables of positions have room for that lie beside that of the tokens."""
    tokens = network.get_input_embeddings()
    return [
        _n_usable(table)
        for holder in network.modules()
        if any(child is tokens for child in holder.children())
        for name, table in holder.named_children()
        if isinstance(table, nn.Embedding) and table is not tokens and ("pos" in name or name == "wpe")
    ]


def _n_usable(table: nn.Embedding) -> int:
    """The rows of a table of positions but those before the first token's: the padding's, or an offset."""
    first = getattr(table, "offset", 0) if table.padding_idx is None else table.padding_idx + 1
    return int(table.num_embeddings) - int(first)
