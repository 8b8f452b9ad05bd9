"""Load a model by its name, and explain what went wrong if that fails."""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attn_core.errors import (
    ModelUnavailable,
    Remedy,
    UnsupportedArchitecture,
    UnusableModel,
    is_out_of_memory,
)
from attn_core.models.config import (
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
from attn_core.models.folder import (
    SUFFIXES_OF_WEIGHTS,
    bytes_in_memory,
    check_folder,
    is_model_folder,
    is_quantized,
    read_headers,
)
from attn_core.models.hub import Report, find_snapshot
from attn_core.models.memory import ROOM_TO_RUN, check_memory, free_memory
from attn_core.models.model import LanguageModel, Source
from attn_core.models.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# Concurrent loads break each other: transformers resolves names lazily and sets global state meanwhile.
_loading_lock = threading.Lock()


BUNDLED = {"mini": Path(__file__).parent.parent / "mini" / "weights"}
"""The folders of the models that come with this package, by their names."""


def load_model(
    name: str = "gpt2",
    *,
    on_progress: Report | None = None,
    slot: Callable[[], AbstractContextManager[object]] = nullcontext,
    free_memory: Callable[[], int] = free_memory,
) -> LanguageModel:
    """Load a model: from a folder, from the Hub's local cache without network access, or from the Hub.

    Args:
        name: "gpt2", "distilgpt2" or another id of the Hugging Face Hub, "mini" for the bundled model, or a
            local folder in transformers' format.
        on_progress: called on the caller's thread with a message and a fraction in [0, 1], None if unknown.
        slot: returns a context that is held during each forward pass (see `LanguageModel`).
        free_memory: returns the bytes that the model may take.

    Raises:
        ModelUnavailable: the model can't be loaded; says what failed, why, and what to do next.

    >>> load_model("mini")
    LanguageModel('mini', 12 layers x 12 heads, bundled)
    """
    report = on_progress or (lambda message, fraction: None)
    name = name.strip()
    folder, source = _find_folder(name, report, free_memory)
    report(f"Loading {name}", None)
    with _loading_lock:
        try:
            return _load(name, source, folder, slot, free_memory)
        except Exception as error:
            if not is_out_of_memory(error) or _wanted_bytes(error) > 2 * (bytes_in_memory(folder) + ROOM_TO_RUN):
                raise  # its config.json asks for more than its weights are
            raise ModelUnavailable(
                name,
                f"There is not enough memory to load {name}.",
                "",
                Remedy("Choose a smaller model", can_retry=True, has_alternative=True),
                cause="too large",
            ) from error


def _wanted_bytes(error: BaseException | None) -> int:
    """Return the bytes that torch says it could not allocate, in an error or its causes; 0 if it does not say."""
    while error is not None:
        if found := re.search(r"allocate (\d+) bytes", str(error)):
            return int(found[1])
        error = error.__cause__ or error.__context__
    return 0


def _find_folder(name: str, report: Report, free_memory: Callable[[], int]) -> tuple[Path, Source]:
    """Return the folder of a model, downloaded if needed, and where it came from."""
    if name in BUNDLED:
        return BUNDLED[name], "bundled"
    if _is_path(name):
        return Path(os.path.expanduser(name)), "folder"
    snapshot = find_snapshot(name, report, free_memory=free_memory)
    return snapshot.folder, snapshot.source


def _is_path(name: str) -> bool:
    """Return whether a name refers to a folder: it looks like a path, or there is a model at it."""
    if name.startswith((".", "/", "~", os.sep)) or re.match(r"[A-Za-z]:[\\/]", name):
        return True
    # os.path accepts any string; Path raises for one that is too long
    if os.sep in name or name.endswith(SUFFIXES_OF_WEIGHTS):
        return os.path.exists(name)
    return name != "" and is_model_folder(name)


def _load(
    name: str,
    source: Source,
    folder: Path,
    slot: Callable[[], AbstractContextManager[object]],
    free_memory: Callable[[], int],
) -> LanguageModel:
    """Load from a folder, without network access."""
    try:
        check_folder(folder)
        if source != "bundled":  # small, and the last resort when all others are refused
            check_memory(name, bytes_in_memory(folder), free_memory())
        network = _load_network(folder)
        tokenizer = load_tokenizer(folder, network)
    except UnusableModel as fault:
        raise ModelUnavailable(
            name,
            fault.sentence(_SUBJECTS[source].format(name=name)),
            "",
            fault.remedy or _remedy(source, folder),
            cause=fault.cause,
        ) from fault
    model = LanguageModel(name, source, network, tokenizer, slot)
    _inspect(model)
    return model


def _inspect(model: LanguageModel) -> None:
    """Find out what the model supports before it is used: the trials hook its network."""
    for part in ("components", "has_cache", "n_vocabulary"):
        with suppress(UnsupportedArchitecture):  # its attention can still be shown
            getattr(model, part)


_SUBJECTS: dict[Source, str] = {
    "folder": "{name}",
    "bundled": "The bundled model mini",
    "cache": "{name} in the local cache",
    "hub": "{name}",
}
"""The subject of a sentence about a model of each source."""


def _remedy(source: Source, folder: Path) -> Remedy | str:
    """Return the remedy for a model of this source if nothing more specific is known."""
    match source:
        case "folder":
            return Remedy(
                "Use a folder that save_pretrained wrote, with network and tokenizer", has_alternative=True
            )
        case "bundled":
            return "Get a fresh copy of this project, or choose another model."
        case "cache":
            return Remedy(f"If it loaded before, delete {folder}", can_retry=True, has_alternative=True)
    return _CHOOSE_ANOTHER


_CHOOSE_ANOTHER = Remedy(has_alternative=True)


_FRESH_COPY = Remedy("Get a fresh copy", has_alternative=True)


_FITTING = "Add the config.json it was saved with, or copy or download the whole model again."


_MISFIT = "weights don't fit"


_OTHER_HEAD = re.compile(r"(score|classifier|classification_head|qa_outputs|reward_head|regression_head)\.")
"""Names of weights that a classifier, a reward model or the like has in place of the unembedding."""


def _load_network(folder: Path) -> PreTrainedModel:
    """Return the network in float32 and eval mode, checked, with recordable attention."""
    from attn_core.models.inspection import use_recording_attention
    from attn_core.models.multimodal import text_part

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
        has_failed = error.__cause__ is not None  # on text alone, such as a network that requires an image
        if has_failed and network is whole and is_multimodal_type(settings["model_type"]):
            raise needs_more_than_text(settings["model_type"]) from error
        remedy = _FRESH_COPY if error.cause == "invalid weights" else _CHOOSE_ANOTHER
        raise UnusableModel(str(error), remedy, cause=error.cause) from error
    except Exception as error:  # a foreign network may lack anything that the trials use
        why = reason(error).rstrip(".")
        raise UnusableModel(f"Its attention can't be recorded ({why}).", _CHOOSE_ANOTHER) from error
    return network


def _build_network(
    settings: dict[str, Any], config: PreTrainedConfig, folder: Path
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Return the network, and transformers' report on how its weights fit."""
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
                attn_implementation="eager",  # kept by networks outside the attention registry
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, in words
            ),
        )
    except Exception as error:  # a foreign config.json makes transformers raise almost anything
        raise unusable_config(settings, error) from error


def fuse_activation(config: PreTrainedConfig) -> None:
    """Let torch compute GPT-2's activation in one step instead of eight: the same formula, equal up to rounding.

    On a long text this saves a seventh of the network's total time.
    """
    for name in ("activation_function", "hidden_act"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")


def _check_weights(network: PreTrainedModel, info: dict[str, Any]) -> None:
    """Raise `UnusableModel` for weights that leave part of the network random, or have layers that it lacks."""
    misfit = "Its weights do not fit its config.json"
    if info["mismatched_keys"]:
        name, stored, wanted = sorted(info["mismatched_keys"])[0]
        sizes = [" × ".join(map(str, shape)) for shape in (stored, wanted)]
        raise UnusableModel(f"{misfit}: {name} is {sizes[0]}, not {sizes[1]}.", _FITTING, cause=_MISFIT)
    head = next((key for key in sorted(info["unexpected_keys"]) if _OTHER_HEAD.match(key)), None)
    if head is not None:
        raise UnusableModel(
            f"Its weights end in another task's head ({head}), so it does not predict the next token.",
            Remedy("Choose the language model it was made from", has_alternative=True),
            cause="not a causal model",
        )
    if info["missing_keys"]:
        raise UnusableModel(f"{misfit}: {sorted(info['missing_keys'])[0]} is missing.", _FITTING, cause=_MISFIT)
    n_layers = getattr(network.config.get_text_config(decoder=True), "num_hidden_layers", math.inf)
    for key in sorted(info["unexpected_keys"]):
        layer = re.search(r"\.(?:h|layers)\.(\d+)\.", f".{key}")
        if layer and int(layer[1]) >= n_layers and not re.search(r"vision|visual|image|audio", key):
            raise UnusableModel(f"{misfit}, which has no layer for {key}.", _FITTING, cause=_MISFIT)
