"""Which models there are, loading one, and what went wrong if it cannot be had.

Neither torch nor transformers is imported before a model is loaded.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from attn_core.errors import ModelUnavailable, UnsupportedArchitecture
from attn_core.hub import Report, check_memory, find_snapshot
from attn_core.model_config import (
    build_config,
    check_kind,
    is_causal_type,
    is_multimodal_type,
    load_generation_config,
    needs_more_than_text,
    quantized,
    read_config,
    reason,
    unusable_config,
)
from attn_core.model_folder import (
    SUFFIXES_OF_WEIGHTS,
    Unusable,
    bytes_in_memory,
    check_folder,
    is_model_folder,
    is_quantized,
    read_headers,
)
from attn_core.model_tokenizer import load_tokenizer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from attn_core.anatomy import Anatomy, OutputMatrices

__all__ = ["LanguageModel", "ModelUnavailable", "load_model"]

Source = Literal["hub", "cache", "bundled", "folder"]

# Threads that load at once break each other: transformers finds its names lazily and sets global state meanwhile.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model whose attention can be recorded.

    Attributes:
        name: the name it was asked for by.
        source: where its files were.
        network: the transformers module, float32 and in eval mode.
        tokenizer: its tokenizer.
    """

    name: str
    source: Source
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def n_layers(self) -> int:
        """How many layers of attention it has."""
        return self._size[0]

    @property
    def n_heads(self) -> int:
        """How many heads a layer has; with grouped queries, the heads that ask."""
        return self._size[1]

    @cached_property
    def max_tokens(self) -> int:
        """How many tokens it can read at once."""
        from attn_core.positions import max_tokens_of

        return max_tokens_of(self.network)

    @cached_property
    def n_vocabulary(self) -> int:
        """How many tokens its network tells apart; some have more than their tokenizer makes."""
        return int(self.next_logits([[0]]).shape[-1])

    @cached_property
    def longest_token(self) -> int:
        """Characters of the longest entry of its vocabulary: a text has at least so many times fewer tokens."""
        return max(map(len, self.tokenizer.get_vocab()))

    @cached_property
    def output_matrices(self) -> OutputMatrices:
        """The matrices through which its heads write; `UnsupportedArchitecture` when they can't be found."""
        from attn_core.inspection import find_output_matrices

        return find_output_matrices(self.network)

    @cached_property
    def anatomy(self) -> Anatomy:
        """The parts that write into its residual stream; `UnsupportedArchitecture` when they can't be found."""
        from attn_core.anatomy import Anatomy

        return Anatomy.of(self.network, self.output_matrices)

    @cached_property
    def has_cache(self) -> bool:
        """Whether each pass that writes a token goes on from what the last one kept.

        Raises `UnsupportedArchitecture` if text can't be written with it.
        """
        from attn_core.inspection import has_cache

        return has_cache(self.network)

    def next_logits(self, ids: Tensor | Sequence[Sequence[int]]) -> Tensor:
        """Run the network once and return the logits of the next token, float32 (n_rows, n_vocabulary).

        Args:
            ids: int64 (n_rows, n_tokens).

        Raises:
            UnsupportedArchitecture: the network fails on these tokens.
        """
        import torch

        from attn_core.forward import run_network

        with torch.inference_mode():
            return run_network(self.network, torch.as_tensor(ids, dtype=torch.long)).logits[:, -1].float()

    @cached_property
    def _size(self) -> tuple[int, int]:
        from attn_core.inspection import decoder_size

        return decoder_size(self.network)


def load_model(name: str = "gpt2", *, on_progress: Report | None = None) -> LanguageModel:
    """Load a model: from a folder, from the Hub's local cache without asking the network, or from the Hub.

    Args:
        name: "gpt2", "distilgpt2" or another id of the Hugging Face Hub, "mini" for the bundled model, or a
            local folder in transformers' format.
        on_progress: called on the caller's thread with a message and a fraction in [0, 1], None if unknown.

    Raises:
        ModelUnavailable: the model can't be had; says what failed, why, and what to do next.
    """
    report = on_progress or (lambda message, fraction: None)
    name = name.strip()
    folder, source = _find(name, report)
    report(f"Loading {name}", None)
    with _one_at_a_time:
        return _load(name, source, folder)


def _find(name: str, report: Report) -> tuple[Path, Source]:
    if name == "mini":
        from attn_core.mini import FOLDER

        return FOLDER, "bundled"
    if _is_path(name):
        return Path(os.path.expanduser(name)), "folder"
    snapshot = find_snapshot(name, report)
    return snapshot.folder, snapshot.source


def _is_path(name: str) -> bool:
    """Whether a name means a folder: it looks like a path, or a model lies there."""
    if name.startswith((".", "/", "~", os.sep)) or re.match(r"[A-Za-z]:[\\/]", name):
        return True
    # os.path takes any string; Path raises for one that is too long
    if os.sep in name or name.endswith(SUFFIXES_OF_WEIGHTS):
        return os.path.exists(name)
    return name != "" and is_model_folder(name)


def _load(name: str, source: Source, folder: Path) -> LanguageModel:
    """Load from a folder, without the network."""
    try:
        check_folder(folder)
        if source != "bundled":  # small, and what is left when all else is refused
            check_memory(name, bytes_in_memory(folder))
        network = _load_network(folder)
        tokenizer = load_tokenizer(folder, network)
    except Unusable as reason:
        subject, remedy = _WORDS[source]
        raise ModelUnavailable(
            name,
            reason.sentence(subject.format(name=name)),
            "",
            reason.remedy or remedy.format(folder=folder),
            cause=reason.cause,
        ) from reason
    model = LanguageModel(name, source, network, tokenizer)
    _inspect(model)
    return model


def _inspect(model: LanguageModel) -> None:
    """Find out what the model can do before anybody runs it: the trials hook its network."""
    for part in ("anatomy", "has_cache", "n_vocabulary"):
        with suppress(UnsupportedArchitecture):  # its attention can be seen all the same
            getattr(model, part)


# How a model of each source is named in a sentence, and what to do where nothing more is known.
_WORDS: dict[Source, tuple[str, str]] = {
    "folder": (
        "{name}",
        "Use a folder that save_pretrained wrote, with network and tokenizer, or choose mini.",
    ),
    "bundled": (
        "The bundled model mini",
        "Get a fresh copy of this project, or choose another model.",
    ),
    "cache": (
        "{name} in the local cache",
        "If it loaded before, delete {folder} and press Try again, or choose mini.",
    ),
    "hub": (
        "{name}",
        "Choose another model or mini.",
    ),
}


_CHOOSE_ANOTHER = "Choose another model or mini."
_FRESH_COPY = "Get a fresh copy, or choose mini."
_FITTING = "Add the config.json it was saved with, or copy or download the whole model again."
_MISFIT = "weights don't fit"
_OTHER_HEAD = re.compile(r"(score|classifier|classification_head|qa_outputs|reward_head|regression_head)\.")
"""Names of weights that a classifier, a reward model or the like has where a language model reads its logits."""


def _load_network(folder: Path) -> PreTrainedModel:
    """The network in float32 and eval mode, checked, its attention ready to be recorded."""
    from attn_core.inspection import use_recording_attention
    from attn_core.multimodal import text_part

    settings = read_config(folder)
    check_kind(settings)
    if is_quantized(read_headers(folder)):
        raise quantized(settings, str(folder))
    config = build_config(settings, folder)
    fuse_activation(config)
    network, info = _build_network(settings, config, folder)
    network.eval()
    _check_weights(network, info)
    whole = network
    try:
        network = text_part(whole)
        use_recording_attention(network)
    except UnsupportedArchitecture as error:
        has_failed = error.__cause__ is not None  # on text alone, as networks do that want a picture, too
        if has_failed and network is whole and is_multimodal_type(settings["model_type"]):
            raise needs_more_than_text(settings["model_type"]) from error
        remedy = _FRESH_COPY if error.cause == "invalid weights" else _CHOOSE_ANOTHER
        raise Unusable(str(error), remedy, cause=error.cause) from error
    except Exception as error:  # a stranger's network may lack whatever the trials ask it for
        why = reason(error).rstrip(".")
        raise Unusable(f"Its attention can't be recorded ({why}).", _CHOOSE_ANOTHER) from error
    return network


def _build_network(
    settings: dict[str, Any], config: PreTrainedConfig, folder: Path
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The network, and what transformers says of how its weights fit."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMultimodalLM

    factory = AutoModelForCausalLM if is_causal_type(config.model_type) else AutoModelForMultimodalLM
    try:
        return cast(
            "tuple[PreTrainedModel, dict[str, Any]]",
            factory.from_pretrained(
                folder,
                config=config,
                generation_config=load_generation_config(settings, folder),
                dtype=torch.float32,
                attn_implementation="eager",  # networks outside the registry of attention keep it
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, in words
            ),
        )
    except Exception as error:  # a stranger's config.json makes transformers raise almost anything
        raise unusable_config(settings, error) from error


def fuse_activation(config: PreTrainedConfig) -> None:
    """Let torch compute GPT-2's activation in one step instead of eight: the same formula, equal up to rounding.

    On a long text that takes a seventh off the time of the whole network.
    """
    for name in ("activation_function", "hidden_act"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")


def _check_weights(network: PreTrainedModel, info: dict[str, Any]) -> None:
    """Refuse weights that leave a part of the network random, and layers that the network has no place for."""
    misfit = "Its weights do not fit its config.json"
    if info["mismatched_keys"]:
        name, stored, wanted = sorted(info["mismatched_keys"])[0]
        sizes = [" × ".join(map(str, shape)) for shape in (stored, wanted)]
        raise Unusable(f"{misfit}: {name} is {sizes[0]}, not {sizes[1]}.", _FITTING, cause=_MISFIT)
    head = next((key for key in sorted(info["unexpected_keys"]) if _OTHER_HEAD.match(key)), None)
    if head is not None:
        raise Unusable(
            f"Its weights end in another task's head ({head}), so it does not predict the next token.",
            "Choose the language model it was made from, or mini.",
            cause="not a causal model",
        )
    if info["missing_keys"]:
        raise Unusable(f"{misfit}: {sorted(info['missing_keys'])[0]} is missing.", _FITTING, cause=_MISFIT)
    n_layers = getattr(network.config.get_text_config(decoder=True), "num_hidden_layers", math.inf)
    for key in sorted(info["unexpected_keys"]):
        layer = re.search(r"\.(?:h|layers)\.(\d+)\.", f".{key}")
        if layer and int(layer[1]) >= n_layers and not re.search(r"vision|visual|image|audio", key):
            raise Unusable(f"{misfit}, which has no layer for {key}.", _FITTING, cause=_MISFIT)
