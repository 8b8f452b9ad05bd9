"""Find the number of tokens that a network can read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from torch import nn

from attn_core.trace import MAX_TOKENS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# The names of this setting in the configurations of transformers; many map their own name to the first one.
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
    """Return the number of tokens that a network can read at once; `MAX_TOKENS` if nothing limits it.

    A table of learned positions can lower the limit in the configuration: RoBERTa's positions start after that of
    the padding, so a table of 514 allows 512 tokens.
    """
    config = network.config.get_text_config(decoder=True)
    named = [size for name in _NAMES if _is_size(size := getattr(config, name, None))]
    n_ahead = 1 if hasattr(config, "ngram") else 0  # ProphetNet also looks up the position of the next token
    return min([*(named[:1] or [MAX_TOKENS]), *(size - n_ahead for size in _table_sizes(network))])


def _is_size(value: object) -> TypeGuard[int]:
    """Return whether a setting is a number of tokens; XLNet, which has no limit, has -1."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _table_sizes(network: PreTrainedModel) -> list[int]:
    """Return the number of tokens that fit each position table next to the token embedding."""
    tokens = network.get_input_embeddings()
    return [
        _n_usable(table)
        for parent in network.modules()
        if any(child is tokens for child in parent.children())
        for name, table in parent.named_children()
        if isinstance(table, nn.Embedding) and table is not tokens and ("pos" in name or name == "wpe")
    ]


def _n_usable(table: nn.Embedding) -> int:
    """Return the rows of a position table without those before the first token: for padding, or an offset."""
    first = getattr(table, "offset", 0) if table.padding_idx is None else table.padding_idx + 1
    return int(table.num_embeddings) - int(first)
