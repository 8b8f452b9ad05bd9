"""Which models there are, loading one, and what went wrong if it cannot be had.

Neither torch nor transformers is imported before a model is loaded.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from attn_core.errors import ModelUnavailable
from attn_core.hub import Report, check_memory, find_snapshot, missing_part

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from attn_core.anatomy import Anatomy

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
        return cast(int, self.network.config.num_hidden_layers)

    @property
    def n_heads(self) -> int:
        """How many heads a layer has; with grouped queries, the heads that ask."""
        return cast(int, self.network.config.num_attention_heads)

    @cached_property
    def max_tokens(self) -> int:
        """How many tokens it can read at once."""
        from attn_core.positions import max_tokens_of

        return max_tokens_of(self.network)

    @property
    def n_vocabulary(self) -> int:
        """How many tokens its network tells apart; some have more than their tokenizer makes."""
        return int(self.network.get_output_embeddings().weight.shape[0])

    @cached_property
    def longest_token(self) -> int:
        """Characters of the longest entry of its vocabulary: a text has at least so many times fewer tokens."""
        return max(map(len, self.tokenizer.get_vocab()))

    @cached_property
    def anatomy(self) -> Anatomy:
        """The parts that write into its residual stream; `UnsupportedArchitecture` when they can't be found."""
        from attn_core.anatomy import Anatomy

        return Anatomy.of(self.network)


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
    return (os.sep in name and os.path.isdir(name)) or (name != "" and os.path.isfile(f"{name}/config.json"))


def _load(name: str, source: Source, folder: Path) -> LanguageModel:
    """Load from a folder, without the network."""
    try:
        if not os.path.isdir(folder):
            raise _Unusable("There is no such folder.")
        missing = missing_part(folder)
        if missing is not None:
            raise _Unusable(missing)
        if source != "bundled":  # small, and what is left when all else is refused
            check_memory(name, _bytes_in_memory(folder))
        network = _load_network(folder)
        tokenizer = _load_tokenizer(folder, network)
    except _Unusable as reason:
        what, remedy = _WORDS[source]
        raise ModelUnavailable(
            name, what.format(name=name, folder=folder), str(reason), remedy.format(folder=folder)
        ) from reason
    return LanguageModel(name, source, network, tokenizer)


class _Unusable(Exception):
    """A sentence that says why the files of a folder are not a model that can be used."""


_WORDS: dict[Source, tuple[str, str]] = {
    "folder": (
        "{name} could not be loaded as a model folder.",
        "Give a folder that save_pretrained wrote, with network and tokenizer, or choose the bundled model mini.",
    ),
    "bundled": (
        "The bundled model could not be loaded from {folder}.",
        "Get a fresh copy of this project, or choose another model.",
    ),
    "cache": (
        "{name} could not be loaded from the Hub's local cache.",
        "Choose the bundled model mini; if it loaded before, delete {folder} and press Try again.",
    ),
    "hub": (
        "{name} was downloaded but could not be loaded.",
        "Choose another model, or the bundled model mini.",
    ),
}


def _load_network(folder: Path) -> PreTrainedModel:
    """The network in float32 and eval mode, checked, its attention ready to be recorded."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from attn_core.attention import use_recording_attention

    _check_type(folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        fuse_activation(config)
        network, info = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, in words
        )
    except Exception as error:  # a stranger's config.json makes transformers raise almost anything
        raise _Unusable(_reason(error)) from error
    network.eval()
    _check_weights(network, info)
    if not hasattr(network.config, "num_attention_heads"):
        raise _Unusable(f"A model of type {network.config.model_type!r} has no attention heads.")
    try:
        use_recording_attention(network)
    except ValueError as error:
        raise _Unusable(f"Its attention cannot be recorded: {error}.") from error
    _check_behaviour(network)
    return cast("PreTrainedModel", network)


def fuse_activation(config: PreTrainedConfig) -> None:
    """Let torch compute GPT-2's activation in one step instead of eight: the same formula, equal up to rounding.

    On a long text that takes a seventh off the time of the whole network.
    """
    for name in ("activation_function", "hidden_act"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")


def _check_type(folder: Path) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        model_type = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _Unusable("Its config.json is broken or names no model_type.") from error
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise _Unusable(f"Its model type, {model_type!r}, is no causal language model that transformers knows.")


def _check_weights(network: PreTrainedModel, info: dict[str, Any]) -> None:
    """Refuse weights that leave a part of the network random, and layers that the network has no place for."""
    if info["mismatched_keys"]:
        example = sorted(info["mismatched_keys"])[0][0]
        raise _Unusable(f"Its weights do not fit its config.json: {example} has another size.")
    if info["missing_keys"]:
        example = sorted(info["missing_keys"])[0]
        raise _Unusable(f"Its weights do not fit its config.json: {example} is missing.")
    for key in sorted(info["unexpected_keys"]):
        layer = re.search(r"\.(?:h|layers)\.(\d+)\.", f".{key}")
        if layer and int(layer[1]) >= network.config.num_hidden_layers:
            raise _Unusable(f"Its weights do not fit its config.json, which has no layer for {key}.")


def _check_behaviour(network: PreTrainedModel) -> None:
    """Refuse a network that cannot say its size, gives no numbers, or looks at words that come later."""
    import torch

    for size in ("num_hidden_layers", "num_attention_heads"):
        if not isinstance(getattr(network.config, size, None), int):
            raise _Unusable(f"Its config.json does not say {size}.")
    with torch.inference_mode():
        logits = network(torch.tensor([[0, 0], [0, 1]])).logits[:, 0]  # (2, n_vocabulary)
    if not logits.isfinite().all():
        raise _Unusable("Its weights give no finite numbers.")
    if not torch.allclose(logits[0], logits[1], atol=1e-3):
        raise _Unusable("It is not a causal language model: what it says of a word depends on later words.")


def _bytes_in_memory(folder: Path) -> int:
    """What all weights of a folder take as float32, read from the headers of its files."""
    from safetensors import SafetensorError, safe_open

    n_numbers = 0
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, "numpy") as weights:
                n_numbers += sum(math.prod(weights.get_slice(key).get_shape()) for key in weights.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise _Unusable(f"Its {file.name} is broken or incomplete: {_reason(error)}") from error
    return 4 * n_numbers


def _load_tokenizer(folder: Path, network: PreTrainedModel) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # as above
        raise _Unusable(f"Its tokenizer could not be read: {_reason(error)}") from error
    n_known = network.get_input_embeddings().num_embeddings
    if len(tokenizer) > n_known:
        raise _Unusable(f"Its tokenizer has {len(tokenizer):,} tokens, but its network knows {n_known:,}.")
    return cast("PreTrainedTokenizerBase", tokenizer)


def _reason(error: Exception) -> str:
    """What transformers had to say, as one sentence."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200].rstrip('.')}."
