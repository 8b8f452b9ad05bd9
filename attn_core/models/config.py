"""Read a model's config.json: find the kind of model, and drop settings that don't matter here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_core.compat import (
    causal_types,
    config_class,
    encoder_decoder_types,
    is_known_type,
    masked_types,
    multimodal_types,
)
from attn_core.errors import Remedy, UnusableModel
from attn_core.models.folder import python_line

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedConfig

# Settings for how a model was run or trained elsewhere; here they have no effect, or may even be refused.
_IRRELEVANT = re.compile(
    r"_?(attn|experts)_implementation(_internal|_autoset)?|_?output_attentions|output_hidden_states|(use_)?return_dict"
    r"|torchscript|use_cache|gradient_checkpointing|(torch_)?dtype|pruned_heads|chunk_size_feed_forward"
    r"|add_cross_attention|auto_map|transformers_version|quantization_config|compression_config|quantization"
    r"|id2label|label2id|num_labels|problem_type|task_specific_params|_name_or_path"
)
_LANGUAGE_MODELS = re.compile(
    r"ForCausalLM|LMHeadModel|DoubleHeadsModel|GenerationDecoder|ModelWithLMHead|ForConditionalGeneration|Vision\w*2Text"
)
_OTHER_HEADS = {
    "Reward": "scores whole texts",
    "ForSequenceClassification": "labels or scores a whole text",
    "ForTokenClassification": "labels each token",
    "ForQuestionAnswering": "marks the answer to a question in a text",
    "ForMultipleChoice": "chooses one of several answers",
    "ForNextSentencePrediction": "judges whether two sentences follow each other",
    "ForMaskedLM": "fills in masked tokens from both sides",
    "For": "is made for another task",
}
_FULL_PRECISION = {
    "fp8": "FineGrainedFP8Config(dequantize=True)",
    "mxfp4": "Mxfp4Config(dequantize=True)",
    "compressed-tensors": "CompressedTensorsConfig(run_compressed=False)",
}
_QUANTIZATION = ("quantization_config", "compression_config")
_CHOOSE_BASE = Remedy("Choose the language model it was made from", has_alternative=True)
_CHOOSE_ANOTHER = Remedy(has_alternative=True)
_NOT_CAUSAL = "not a causal model"


def read_config(folder: Path) -> dict[str, Any]:
    """Return a folder's config.json, with a `model_type` even if only its architecture implies it.

    Raises:
        UnusableModel: it can't be read, does not contain settings, or has no type of model.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"), object_hook=_special_float)
    except (OSError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise UnusableModel(
            "Its config.json is damaged.",
            Remedy("Copy or download it again", has_alternative=True),
            cause="damaged files",
        )
    if not isinstance(config.get("model_type"), str) or not config["model_type"]:
        type_by_architecture = {name: kind for kind, name in reversed(list(causal_types().items()))}
        if (kind := type_by_architecture.get(_architecture(config))) is None:
            raise UnusableModel(
                "Its config.json names no model_type.",
                'Add its type, such as  "model_type": "gpt2",  to that file.',
                cause="no model type",
            )
        config["model_type"] = kind
    return config


def _special_float(settings: dict[str, Any]) -> Any:
    """Read infinity and NaN, which JSON lacks and transformers writes as an object."""
    return float(settings["__float__"]) if settings.keys() == {"__float__"} else settings


def _architecture(config: dict[str, Any]) -> str:
    """Return the class that the model was saved as, or an empty string."""
    names = config.get("architectures")
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""


def check_kind(config: dict[str, Any]) -> None:
    """Raise `UnusableModel` if a configuration is clearly not that of a causal language model."""
    model_type, architecture = config["model_type"], _architecture(config)
    if not _LANGUAGE_MODELS.search(architecture):
        for ending, task in _OTHER_HEADS.items():
            if ending in architecture:
                raise UnusableModel(
                    f"It is a {architecture}, which {task} and does not predict the next token.",
                    _CHOOSE_BASE,
                    cause=_NOT_CAUSAL,
                )
    if _is_encoder_decoder(config):
        raise UnusableModel(
            f"It is an encoder-decoder ({architecture or model_type}), which reads one text and writes another.",
            Remedy("Choose a decoder-only model, such as GPT-2 or Llama", has_alternative=True),
            cause=_NOT_CAUSAL,
        )
    if not (is_causal_type(model_type) or is_multimodal_type(model_type)):
        raise _unsupported_type(config)


def is_causal_type(model_type: str) -> bool:
    """Return whether transformers has a causal language model of this type."""
    return model_type in causal_types()


def is_multimodal_type(model_type: str) -> bool:
    """Return whether transformers has a model of this type that reads images or sound besides text."""
    return model_type in multimodal_types()


def _is_encoder_decoder(config: dict[str, Any]) -> bool:
    """Return whether a model reads one text, or speech, and writes another text."""
    model_type, architecture = config["model_type"], _architecture(config)
    if architecture.endswith(("ForCausalLM", "LMHeadModel", "Decoder")):
        return False
    if config.get("is_encoder_decoder") is True:
        return True
    mappings = encoder_decoder_types()
    if is_multimodal_type(model_type):
        return False
    if is_causal_type(model_type):
        return any(architecture in mapping.values() for mapping in mappings) and architecture != ""
    return any(model_type in mapping for mapping in mappings)


def _unsupported_type(config: dict[str, Any]) -> UnusableModel:
    """Return the error for a type that is not a causal language model."""
    from transformers import __version__

    model_type = config["model_type"]
    if not is_known_type(model_type):
        if config.get("auto_map"):
            return UnusableModel(
                f"It is of type {model_type!r}, which needs custom Python code, and custom code is never run here.",
                Remedy("Choose a model whose type is part of transformers", has_alternative=True),
                cause="needs custom code",
            )
        if upgrade := _upgrade(config):
            return UnusableModel(
                f"It is of type {model_type!r}, which transformers {__version__} does not know.",
                upgrade,
                cause="unknown type",
            )
    elif model_type in masked_types():
        task = _OTHER_HEADS["ForMaskedLM"]
        return UnusableModel(
            f"It is of type {model_type!r}, which {task} and does not predict the next token.",
            _CHOOSE_ANOTHER,
            cause=_NOT_CAUSAL,
        )
    return UnusableModel(
        f"It is of type {model_type!r}, not a causal language model that transformers supports.",
        _CHOOSE_ANOTHER,
        cause=_NOT_CAUSAL,
    )


def _upgrade(config: dict[str, Any]) -> str | None:
    """Return the remedy for a model saved by a newer transformers, or None if it was not."""
    from packaging.version import InvalidVersion, Version
    from transformers import __version__

    try:
        newer = Version(str(config.get("transformers_version"))) > Version(__version__)
    except InvalidVersion:
        return None
    if not newer:
        return None
    return (
        f"Run  pip install --upgrade transformers  (it was saved by {config['transformers_version']}, this is "
        f"{__version__}) and restart, or choose another model."
    )


def needs_more_than_text(model_type: str) -> UnusableModel:
    """Return the error for a model of text with images or sound that does not run on text alone."""
    return UnusableModel(
        f"It reads text with images or sound ({model_type}) and does not run on text alone.",
        _CHOOSE_BASE,
        cause="not text only",
    )


def quantized(config: dict[str, Any], place: str) -> UnusableModel:
    """Return the error for quantized weights, with the way back to full-precision ones."""
    settings = [found for key in _QUANTIZATION if isinstance(found := config.get(key), dict)]
    method = (settings or [{}])[0].get("quant_method") or (
        "MLX" if config.get("quantization") else "an unknown method"
    )
    remedy = "Choose the model it was made from, with weights in float16, bfloat16 or float32"
    if (expression := _dequantize(str(method), place)) is not None:
        code = (
            "from transformers import *; M, T = AutoModelForCausalLM, AutoTokenizer; "
            f"q = {expression}; q.config.__dict__.pop('quantization_config', None); "
            "m = M.from_config(q.config, dtype=q.dtype); m.load_state_dict(q.state_dict()); "
            f"m.save_pretrained('full'); T.from_pretrained({place!r}).save_pretrained('full')"
        )
        remedy += f"; or write full weights once with  {python_line(code)}  and use the folder full"
    return UnusableModel(
        f"Its weights are quantized ({method}); only full-precision ones can be used.",
        f"{remedy}.",
        cause="quantized weights",
    )


def _dequantize(method: str, place: str) -> str | None:
    """Return the expression that loads quantized weights in full precision, or None if transformers can't."""
    if method in ("bitsandbytes", "bitsandbytes_4bit", "bitsandbytes_8bit"):
        return f"M.from_pretrained({place!r}).dequantize()"
    if method not in _FULL_PRECISION:
        return None
    return f"M.from_pretrained({place!r}, quantization_config={_FULL_PRECISION[method]})"


def tidy(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings, at every depth, without those for how a model was run or trained elsewhere."""
    return {
        key: tidy(value) if isinstance(value, dict) and key.endswith(("config", "decoder", "encoder")) else value
        for key, value in config.items()
        if not _IRRELEVANT.fullmatch(key) and not _is_void(key, value, config.get("vocab_size"))
    }


def _is_void(key: str, value: object, n_vocabulary: object) -> bool:
    """Return whether a setting has no usable value, so that the default of the type is better."""
    if key == "max_position_embeddings":
        return value is None
    if key not in ("pad_token_id", "bos_token_id", "eos_token_id"):
        return False
    beyond = isinstance(value, int) and isinstance(n_vocabulary, int) and value >= n_vocabulary
    return not _are_ids(value) or (key == "pad_token_id" and beyond)


def build_config(config: dict[str, Any], folder: Path) -> PreTrainedConfig:
    """Return the configuration that transformers makes from a config.json; raises `UnusableModel` if it fails."""
    model_type = config["model_type"]
    if model_type == "mistral" and "layer_types" in config:
        model_type = "ministral"  # as transformers reads it
    try:
        built = config_class(model_type).from_dict({**tidy(config), "model_type": model_type})
    except Exception as error:  # validators and constructors of the types raise any kind of error
        raise unusable_config(config, error) from error
    built.name_or_path = str(folder)
    return built


def unusable_config(config: dict[str, Any], error: Exception) -> UnusableModel:
    """Return the error for a configuration from which transformers can't build a network."""
    key = str(error.args[0]) if isinstance(error, KeyError) and error.args else None
    package = re.search(r"pip install ([\w.-]+)", str(error)) if isinstance(error, ImportError) else None
    if package is not None:
        return UnusableModel(
            f"It needs the package {package[1]}.",
            f"Run  pip install {package[1]}  and restart, or choose another model.",
            cause="missing package",
        )
    if key is not None and key in _rope_types(config):
        why = (
            f"Its config.json asks for positions of type {key!r}, which this version of transformers does not have."
        )
    else:
        why = f"It cannot be built from its config.json: {reason(error)}"
    remedy = _upgrade(config) or "Correct its config.json, or copy it again from the original model."
    return UnusableModel(why, remedy, cause="unusable config")


def _rope_types(config: dict[str, Any]) -> set[str]:
    """Return the types of rotary positions named anywhere in a configuration."""
    found: set[str] = set()
    for key, value in config.items():
        if isinstance(value, dict):
            found |= _rope_types(value)
        elif key in ("rope_type", "type") and isinstance(value, str):
            found.add(value)
    return found


def reason(error: Exception) -> str:
    """Return a library's error message as one sentence; of a validation error, only the finding."""
    text = " ".join(str(error).split())
    finding = re.search(r"^(?:Class v|V)alidation error for .*?: *(\w+Error: .*)", text)
    text = f"{type(error).__name__}: {text}" if finding is None else finding[1]
    return f"{text[:200].rstrip('. ')}."


def load_generation_config(config: dict[str, Any], folder: Path) -> GenerationConfig:
    """Return a folder's generation settings, or only its end-of-text token if they can't be read."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(folder, local_files_only=True)
        if _are_ids(found.eos_token_id):
            return found
    except Exception:  # foreign files make transformers raise almost anything
        pass
    text = config.get("text_config")
    ends = [source.get("eos_token_id") for source in (config, text if isinstance(text, dict) else {})]
    return GenerationConfig(eos_token_id=next((end for end in ends if end is not None and _are_ids(end)), None))


def _are_ids(value: object) -> bool:
    """Return whether a value is a token id, a list of them, or None."""
    ids = value if isinstance(value, list) else [value]
    return value is None or all(isinstance(number, int) and not isinstance(number, bool) for number in ids)
