"""Use a loaded language model: tokens in, logits out.

Neither torch nor transformers is imported before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from attn_core.trace import Prediction

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from transformers.cache_utils import Cache

    from attn_core.models.components import Components, OutputMatrices
    from attn_core.models.encoding import Text
    from attn_core.models.forward import ForwardPass

Source = Literal["hub", "cache", "bundled", "folder"]


@dataclass(frozen=True, eq=False, repr=False)
class LanguageModel:
    """A causal language model whose attention can be recorded.

    Attributes:
        name: the name it was requested by.
        source: where its files were found.
        network: the transformers module, float32 and in eval mode.
        tokenizer: its tokenizer.
        slot: returns a context that is entered for each forward pass, such as a place in a queue. A forward pass
            never enters it twice.

    >>> model = load_model("mini")
    >>> model
    LanguageModel('mini', 12 layers x 12 heads, bundled)
    >>> model.n_layers, model.n_heads
    (12, 12)
    >>> model.encode("The dog ran").shape
    torch.Size([1, 3])
    """

    name: str
    source: Source
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    slot: Callable[[], AbstractContextManager[object]] = nullcontext

    def __repr__(self) -> str:
        return f"LanguageModel({self.name!r}, {self.n_layers} layers x {self.n_heads} heads, {self.source})"

    @property
    def n_layers(self) -> int:
        """The number of attention layers."""
        return self._size[0]

    @property
    def n_heads(self) -> int:
        """The number of heads in each layer; with grouped queries, the number of query heads."""
        return self._size[1]

    @cached_property
    def max_tokens(self) -> int:
        """The number of tokens that it can read at once."""
        from attn_core.models.positions import max_tokens_of

        return max_tokens_of(self.network)

    @cached_property
    def n_vocabulary(self) -> int:
        """The number of logits for a position; some networks have more than their tokenizer has tokens."""
        return int(self.next_logits([[0]]).shape[-1])

    @cached_property
    def longest_token(self) -> int:
        """The length of its longest token in characters, which gives a lower bound on the tokens of a text."""
        return max(map(len, self.tokenizer.get_vocab()))

    @cached_property
    def output_matrices(self) -> OutputMatrices:
        """The matrices through which its heads write; raises `UnsupportedArchitecture` if they can't be found."""
        from attn_core.models.inspection import find_output_matrices

        return find_output_matrices(self.network)

    @cached_property
    def components(self) -> Components:
        """The parts that write to its residual stream; raises `UnsupportedArchitecture` if they can't be found."""
        from attn_core.models.components import Components

        return Components.find(self.network, self.output_matrices)

    @cached_property
    def has_cache(self) -> bool:
        """Whether generation continues each pass from the cache of the last one.

        Raises:
            UnsupportedArchitecture: the model can't generate text.
        """
        from attn_core.models.inspection import has_cache

        return has_cache(self.network)

    def encode(self, text: Text, *, new_tokens: int = 0, max_tokens: int | None = None) -> Tensor:
        """Return the token ids of a prompt, int64 (1, n_tokens); see `attn_core.models.encoding.encode`.

        Raises:
            PromptError: the prompt cannot be run.
        """
        from attn_core.models.encoding import encode

        return encode(self, text, new_tokens=new_tokens, max_tokens=max_tokens)

    def token_id(self, token: str | int, text: Text | None = None) -> int:
        """Return the id of a token; see `attn_core.models.encoding.find_token_id`.

        Raises:
            ValueError: there is no such token.
        """
        from attn_core.models.encoding import find_token_id

        return find_token_id(self, token, text)

    def run(
        self,
        ids: Tensor | Sequence[Sequence[int]],
        *,
        cache: Cache | None = None,
        keep_cache: bool = False,
    ) -> ForwardPass:
        """Run the network once, as soon as there is a slot; only the logits of the last position are computed.

        Args:
            ids: int64 (n_rows, n_tokens).
            cache: the cache of an earlier pass, which the tokens continue.
            keep_cache: return a cache for later passes.

        Raises:
            UnsupportedArchitecture: the network fails on these tokens.
        """
        import torch

        from attn_core.models.forward import run_network

        with self.slot(), torch.inference_mode():
            return run_network(
                self.network, torch.as_tensor(ids, dtype=torch.long), cache=cache, keep_cache=keep_cache
            )

    def next_logits(self, ids: Tensor | Sequence[Sequence[int]]) -> Tensor:
        """Run the network once and return the logits of the next token, float32 (n_rows, n_vocabulary).

        Args:
            ids: int64 (n_rows, n_tokens).

        Raises:
            UnsupportedArchitecture: the network fails on these tokens.
        """
        return self.run(ids).logits[:, -1].float()

    def rank_tokens(self, probabilities: Tensor, n: int) -> Prediction:
        """Return the `n` most probable tokens of a distribution, float32 (n_vocabulary,)."""
        from attn_core.models.decoding import continuation_texts

        best = probabilities.topk(min(n, len(probabilities)))
        ids = best.indices.tolist()
        tokens = continuation_texts(self.tokenizer, ids)
        return Prediction(tokens, best.values.numpy().astype(np.float32), tuple(ids))

    @cached_property
    def _size(self) -> tuple[int, int]:
        """The number of layers and of heads in each layer."""
        from attn_core.models.inspection import decoder_size

        return decoder_size(self.network)
