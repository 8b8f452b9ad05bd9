"""What a model's config.json says: what kind of model it is, and which of its settings would only be in the way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_core.model_folder import Unusable, python_line

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedConfig

# What says how a model was run or trained elsewhere; here it is run in one way, and its values may even be refused.
_IN_THE_WAY = re.compile(
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
_WHOLE = {
    "fp8": "FineGrainedFP8Config(dequantize=True)",
    "mxfp4": "Mxfp4Config(dequantize=True)",
    "compressed-tensors": "CompressedTensorsConfig(run_compressed=False)",
}
_QUANTIZATION = ("quantization_config", "compression_config")
_FROM_ITS_BASE = "Choose the language model it was made from, or mini."
_CHOOSE_ANOTHER = "Choose another model or mini."
_NOT_CAUSAL = "not a causal model"


def read_config(folder: Path) -> dict[str, Any]:
    """Return a folder's config.json, with a `model_type` even where only its architecture implies it.

    Raises:
        Unusable: it can't be read, is something else than settings, or does not say what type of model it is.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"), object_hook=_special_float)
    except (OSError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise Unusable(
            "Its config.json is damaged.", "Copy or download it again, or choose mini.", cause="damaged files"
        )
    if not isinstance(config.get("model_type"), str) or not config["model_type"]:
        of_architecture = {name: kind for kind, name in reversed(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items())}
        if (kind := of_architecture.get(_architecture(config))) is None:
            raise Unusable(
                "Its config.json names no model_type.",
                'Add its type, such as  "model_type": "gpt2",  to that file.',
                cause="no model type",
            )
        config["model_type"] = kind
    return config


def _special_float(settings: dict[str, Any]) -> Any:
    """Read infinity and NaN, which JSON does not have and transformers writes as an object."""
    return float(settings["__float__"]) if settings.keys() == {"__float__"} else settings


def _architecture(config: dict[str, Any]) -> str:
    """The class that the model was saved as, or nothing."""
    names = config.get("architectures")
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""


def check_kind(config: dict[str, Any]) -> None:
    """Raise `Unusable` if a configuration is plainly not that of a language model that predicts the next word."""
    model_type, architecture = config["model_type"], _architecture(config)
    if not _LANGUAGE_MODELS.search(architecture):
        for ending, does in _OTHER_HEADS.items():
            if ending in architecture:
                raise Unusable(
                    f"It is a {architecture}, which {does} and does not predict the next token.",
                    _FROM_ITS_BASE,
                    cause=_NOT_CAUSAL,
                )
    if _reads_one_text_and_writes_another(config):
        raise Unusable(
            f"It is an encoder-decoder ({architecture or model_type}), which reads one text and writes another.",
            "Choose a decoder-only model, such as GPT-2 or Llama, or mini.",
            cause=_NOT_CAUSAL,
        )
    if not (is_causal_type(model_type) or is_multimodal_type(model_type)):
        raise _of_another_type(config)


def is_causal_type(model_type: str) -> bool:
    """Return whether transformers has a causal language model of this type."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def is_multimodal_type(model_type: str) -> bool:
    """Return whether transformers has a model of this type that reads pictures or sound besides text."""
    from transformers.models.auto import modeling_auto as auto

    return (
        model_type in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
        or model_type in auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
    )


def _reads_one_text_and_writes_another(config: dict[str, Any]) -> bool:
    from transformers.models.auto import modeling_auto as auto

    model_type, architecture = config["model_type"], _architecture(config)
    if architecture.endswith(("ForCausalLM", "LMHeadModel", "Decoder")):
        return False
    if config.get("is_encoder_decoder") is True:
        return True
    mappings = (auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES, auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES)
    if is_multimodal_type(model_type):
        return False
    if is_causal_type(model_type):
        return any(architecture in mapping.values() for mapping in mappings) and architecture != ""
    return any(model_type in mapping for mapping in mappings)


def _of_another_type(config: dict[str, Any]) -> Unusable:
    """Why a type of model is no causal language model."""
    from transformers import __version__
    from transformers.models.auto import modeling_auto as auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    model_type = config["model_type"]
    if model_type not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            return Unusable(
                f"It is of type {model_type!r}, which needs custom Python code, and custom code is never run here.",
                "Choose a model whose type is part of transformers, or mini.",
                cause="needs custom code",
            )
        if upgrade := _upgrade(config):
            return Unusable(
                f"It is of type {model_type!r}, which transformers {__version__} does not know.",
                upgrade,
                cause="unknown type",
            )
    elif model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        does = _OTHER_HEADS["ForMaskedLM"]
        return Unusable(
            f"It is of type {model_type!r}, which {does} and does not predict the next token.",
            _CHOOSE_ANOTHER,
            cause=_NOT_CAUSAL,
        )
    return Unusable(
        f"It is of type {model_type!r}, not a causal language model that transformers supports.",
        _CHOOSE_ANOTHER,
        cause=_NOT_CAUSAL,
    )


def _upgrade(config: dict[str, Any]) -> str | None:
    """What to do where the model was saved by a newer transformers, or None where it was not."""
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


def needs_more_than_text(model_type: str) -> Unusable:
    """Return the refusal of a model for text and pictures or sound whose language model does not run alone."""
    return Unusable(
        f"It reads text with images or sound ({model_type}) and does not run on text alone.",
        _FROM_ITS_BASE,
        cause="not text only",
    )


def quantized(config: dict[str, Any], place: str) -> Unusable:
    """Return the refusal of weights that are stored in fewer bits, with the way back to whole ones."""
    settings = [found for key in _QUANTIZATION if isinstance(found := config.get(key), dict)]
    method = (settings or [{}])[0].get("quant_method") or (
        "MLX" if config.get("quantization") else "an unknown method"
    )
    remedy = "Choose the model it was made from, with weights in float16, bfloat16 or float32"
    if (whole := _whole_weights(str(method), place)) is not None:
        code = (
            "from transformers import *; M, T = AutoModelForCausalLM, AutoTokenizer; "
            f"q = {whole}; q.config.__dict__.pop('quantization_config', None); "
            "m = M.from_config(q.config, dtype=q.dtype); m.load_state_dict(q.state_dict()); "
            f"m.save_pretrained('full'); T.from_pretrained({place!r}).save_pretrained('full')"
        )
        remedy += f"; or write full weights once with  {python_line(code)}  and use the folder full"
    return Unusable(
        f"Its weights are quantized ({method}); only full-precision ones can be used.",
        f"{remedy}.",
        cause="quantized weights",
    )


def _whole_weights(method: str, place: str) -> str | None:
    """The expression that loads quantized weights as whole ones, where transformers can."""
    if method in ("bitsandbytes", "bitsandbytes_4bit", "bitsandbytes_8bit"):
        return f"M.from_pretrained({place!r}).dequantize()"
    if method not in _WHOLE:
        return None
    return f"M.from_pretrained({place!r}, quantization_config={_WHOLE[method]})"


def tidy(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without those that say how a model was run or trained elsewhere, at every depth."""
    return {
        key: tidy(value) if isinstance(value, dict) and key.endswith(("config", "decoder", "encoder")) else value
        for key, value in config.items()
        if not _IN_THE_WAY.fullmatch(key) and not _is_void(key, value, config.get("vocab_size"))
    }


def _is_void(key: str, value: object, n_vocabulary: object) -> bool:
    """Whether a setting says nothing that a network could be built by, and is better left to the type's own."""
    if key == "max_position_embeddings":
        return value is None
    if key not in ("pad_token_id", "bos_token_id", "eos_token_id"):
        return False
    beyond = isinstance(value, int) and isinstance(n_vocabulary, int) and value >= n_vocabulary
    return not _are_ids(value) or (key == "pad_token_id" and beyond)


def build_config(config: dict[str, Any], folder: Path) -> PreTrainedConfig:
    """Return the configuration that transformers makes of a config.json; raises `Unusable` in words."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    model_type = config["model_type"]
    if model_type == "mistral" and "layer_types" in config:
        model_type = "ministral"  # as transformers reads it
    try:
        built = CONFIG_MAPPING[model_type].from_dict({**tidy(config), "model_type": model_type})
    except Exception as error:  # validators and constructors of all types raise what they like
        raise unusable_config(config, error) from error
    built.name_or_path = str(folder)
    return built


def unusable_config(config: dict[str, Any], error: Exception) -> Unusable:
    """Say what transformers had to say of a configuration that it can make no network of."""
    key = str(error.args[0]) if isinstance(error, KeyError) and error.args else None
    package = re.search(r"pip install ([\w.-]+)", str(error)) if isinstance(error, ImportError) else None
    if package is not None:
        return Unusable(
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
    return Unusable(why, remedy, cause="unusable config")


def _rope_types(config: dict[str, Any]) -> set[str]:
    """The types of rotary positions that are named anywhere in a configuration."""
    found: set[str] = set()
    for key, value in config.items():
        if isinstance(value, dict):
            found |= _rope_types(value)
        elif key in ("rope_type", "type") and isinstance(value, str):
            found.add(value)
    return found


def reason(error: Exception) -> str:
    """Return what a library had to say, as one sentence: of a validator's, what it found and not which it is."""
    text = " ".join(str(error).split())
    said = re.search(r"^(?:Class v|V)alidation error for .*?: *(\w+Error: .*)", text)
    text = f"{type(error).__name__}: {text}" if said is None else said[1]
    return f"{text[:200].rstrip('. ')}."


def load_generation_config(config: dict[str, Any], folder: Path) -> GenerationConfig:
    """Return a folder's settings for generating, or only where a text ends if they can't be read."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(folder, local_files_only=True)
        if _are_ids(found.eos_token_id):
            return found
    except Exception:  # a stranger's file makes transformers raise almost anything
        pass
    text = config.get("text_config")
    ends = [source.get("eos_token_id") for source in (config, text if isinstance(text, dict) else {})]
    return GenerationConfig(eos_token_id=next((end for end in ends if end is not None and _are_ids(end)), None))


def _are_ids(value: object) -> bool:
    ids = value if isinstance(value, list) else [value]
    return value is None or all(isinstance(number, int) and not isinstance(number, bool) for number in ids)
