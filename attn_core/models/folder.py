"""Check whether files are a model that can be loaded, and if not, explain why and what to do about it.

Checks of file names apply to a folder and to a listing of the Hub alike. For a folder, the headers of the weights
are read as well.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from attn_core.errors import Remedy, UnusableModel

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
_VOCABULARIES = re.compile(
    r"tokenizer\.json|vocab.*\.(json|txt|bpe)|bpe\.codes|dict\.txt|tekken\.json|[^/]*\.(model|spm|tiktoken|tokenizer)"
)
_BESIDE_VOCABULARIES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
SENTENCEPIECE_FILES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model", "source.spm")
SUFFIXES_OF_WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx")
_LFS_POINTER = b"version https://git-lfs"
_CHOOSE_ANOTHER = Remedy(has_alternative=True)
_COPY_AGAIN = Remedy("Copy or download it again", has_alternative=True)
_SAVE_PRETRAINED = Remedy(
    "Use a folder that save_pretrained wrote, with network and tokenizer", has_alternative=True
)
_NOT_CAUSAL = "not a causal model"
_DAMAGED = "damaged files"

# Prefixes that training adds to the names of weights, and what added them.
_PREFIXES = {
    "base_model.model.": "PEFT's wrapper",
    "module.": "torch's DataParallel",
    "_orig_mod.": "torch.compile",
    "_fsdp_wrapped_module.": "torch's FSDP",
    "_forward_module.": "Lightning",
}
_QUANTIZED_NAMES = re.compile(
    r"\.(qweight|qzeros|g_idx|weight_packed|weight_scale|weight_scale_inv|weight_zero_point|scales|absmax|SCB"
    r"|quant_map|weight\.(absmax|quant_map|quant_state.*|nested_.*)|codebooks|\w+_blocks|\w+_scales|W_q|centroids)$"
)
_INTEGERS = ("I8", "U8", "I16", "I32", "I64", "U16", "U32", "U64")


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as described by the header of its file: its type, such as "F32", and its shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """The place of a model, as used in commands shown to people.

    Attributes:
        name: the path of its folder, or its id on the Hub.
        on_hub: whether `name` is an id, so that a converted copy goes into a new folder.
    """

    name: str
    on_hub: bool = False

    @property
    def target(self) -> str:
        """The folder that a command writes to."""
        return "converted" if self.on_hub else self.name

    @property
    def then(self) -> str:
        """The step after such a command."""
        return "and use the folder converted" if self.on_hub else "and load it again"

    def file(self, name: str) -> str:
        """Return the path of one of its files."""
        return str(PurePosixPath(self.name.replace("\\", "/"), name))

    def save_with_transformers(self, option: str = "") -> str:
        """Return the command that reads it with transformers and saves it as safetensors."""
        code = (
            "from transformers import AutoModelForCausalLM, AutoTokenizer; "
            f"AutoModelForCausalLM.from_pretrained({self.name!r}{option}).save_pretrained({self.target!r})"
        )
        tokenizer = f"; AutoTokenizer.from_pretrained({self.name!r}).save_pretrained({self.target!r})"
        return python_line(code + tokenizer if self.on_hub else code.replace(", AutoTokenizer", ""))


def is_model_folder(path: str) -> bool:
    """Return whether a folder of this name contains any part of a model."""
    folder = Path(path)
    try:
        return any(
            file.name in ("config.json", "adapter_config.json")
            or file.suffix in SUFFIXES_OF_WEIGHTS
            or re.fullmatch(r"checkpoint-\d+|snapshots", file.name)
            for file in folder.iterdir()
        )
    except (OSError, ValueError):  # no folder, or not a valid name for one
        return False


def check_folder(folder: Path, place: Place | None = None) -> None:
    """Raise `UnusableModel` unless a folder has all parts of a model, and weights with names that can be loaded.

    Args:
        folder: the folder with its files.
        place: how commands refer to it, if not by the folder.
    """
    if folder.is_file():
        raise _file_instead_of_folder(folder)
    if not folder.is_dir():
        raise UnusableModel("It does not exist.", cause="no such folder")
    try:
        files = _files_below(folder)
    except OSError as error:
        raise UnusableModel(
            f"It cannot be read ({error.strerror}).", "Give this user permission to read it.", cause="no permission"
        ) from error
    check_files(files, place or Place(str(folder)))
    for name in ("config.json", "tokenizer.json", WEIGHTS_INDEX):
        _check_not_pointer(folder / name)
    for file in weight_files(folder):
        _check_not_pointer(file)
    _check_weight_names(folder, read_headers(folder))


def check_files(files: Collection[str], place: Place) -> None:
    """Raise `UnusableModel` unless files of these names make a model.

    Args:
        files: paths below the model's folder, with "/" between their parts.
        place: how commands refer to the model.
    """
    top = {file for file in files if "/" not in file}
    if not files:
        raise UnusableModel("It is empty.", _SAVE_PRETRAINED, cause="empty folder")
    _check_other_kinds(files, top, place)
    if "config.json" not in top:
        raise _without_configuration(files, top, place)
    if WEIGHTS not in top and WEIGHTS_INDEX not in top:
        raise _without_weights(files, top, place)
    if not has_tokenizer(top):
        raise _without_tokenizer(place)


def _without_tokenizer(place: Place) -> UnusableModel:
    """Return the error for a model without a tokenizer."""
    if place.on_hub:
        return UnusableModel("It has no tokenizer.", _CHOOSE_ANOTHER, cause="no tokenizer")
    code = "from transformers import AutoTokenizer as T; "
    code += f"T.from_pretrained('ID').save_pretrained({place.name!r})"
    return UnusableModel(
        "It has no tokenizer.",
        f"Add the tokenizer of the model it was made from with  {python_line(code)}  where ID is that model.",
        cause="no tokenizer",
    )


def has_tokenizer(files: Collection[str]) -> bool:
    """Return whether one of the files may be a tokenizer's vocabulary."""
    return any(_VOCABULARIES.fullmatch(file) for file in files)


def is_tokenizer_file(file: str) -> bool:
    """Return whether a file of this name may be part of a tokenizer."""
    return file in _BESIDE_VOCABULARIES or _VOCABULARIES.fullmatch(file) is not None


def python_line(code: str) -> str:
    """Return a shell command that runs a line of Python."""
    return f'python -c "{code}"'


# --- checks of file names -------------------------------------------------------------------------------------


def _file_instead_of_folder(file: Path) -> UnusableModel:
    """Return the error for a file in place of a model folder."""
    if file.suffix == ".gguf":
        return _gguf(file.name, Place(str(file.parent)))
    return UnusableModel(
        "It is a file, not a model folder.",
        f"Use the folder that contains it, {file.parent}.",
        cause="not a folder",
    )


def _files_below(folder: Path) -> set[str]:
    """Return the files and folders of a folder, and the configurations up to two levels below."""
    top = {path.name for path in folder.iterdir() if path.is_file()}
    below = {
        path.relative_to(folder).as_posix()
        for pattern in ("*", "*/*")
        for path in folder.glob(f"{pattern}/config.json")
    }
    return top | below | {f"{path.name}/" for path in folder.iterdir() if path.is_dir()}


def _check_other_kinds(files: Collection[str], top: set[str], place: Place) -> None:
    """Raise `UnusableModel` if the files are clearly something other than a single language model."""
    if "model_index.json" in top:
        raise UnusableModel("It is a diffusers pipeline, which makes images.", _CHOOSE_ANOTHER, cause=_NOT_CAUSAL)
    if "modules.json" in top or "config_sentence_transformers.json" in top:
        raise UnusableModel(
            "It is a sentence-transformers model, which turns a text into one vector and predicts no next token.",
            Remedy("Choose the language model it was made from", has_alternative=True),
            cause=_NOT_CAUSAL,
        )
    if "adapter_config.json" in top:
        has_model = "config.json" in top and (WEIGHTS in top or WEIGHTS_INDEX in top)
        raise _adapter_and_model(place) if has_model else _adapter(place)


def _merge_command(place: Place) -> str:
    """Return the command that merges an adapter into its base model, as PEFT documents it."""
    return python_line(
        "from peft import AutoPeftModelForCausalLM as P; from transformers import AutoTokenizer as T; "
        f"m = P.from_pretrained({place.name!r}); "
        "T.from_pretrained(m.peft_config['default'].base_model_name_or_path).save_pretrained('merged'); "
        "m.merge_and_unload().save_pretrained('merged')"
    )


def _adapter(place: Place) -> UnusableModel:
    """Return the error for an adapter without a model."""
    return UnusableModel(
        "It is a PEFT adapter (such as LoRA), which contains only changes to another model.",
        f"Merge it into that model once, where peft is installed, with  {_merge_command(place)}  and use the "
        "folder merged.",
        cause="adapter only",
    )


def _adapter_and_model(place: Place) -> UnusableModel:
    """Return the error for a model together with an adapter."""
    if place.on_hub:
        alone = f"run  hf download {place.name} --exclude 'adapter_*' --local-dir alone  and use the folder alone"
    else:
        alone = "move adapter_config.json and adapter_model.safetensors elsewhere"
    return UnusableModel(
        "It contains both a model and a PEFT adapter.",
        f"For the model alone, {alone}. For both merged, where peft is installed, run  {_merge_command(place)}  and "
        "use the folder merged.",
        cause="model and adapter",
    )


def _without_configuration(files: Collection[str], top: set[str], place: Place) -> UnusableModel:
    """Return the error for files without a config.json, with the most likely reason."""
    below = sorted(
        (str(PurePosixPath(file).parent) for file in files if file.endswith("/config.json")), key=_by_number
    )
    if below:
        others = f" (or {', '.join(below[:-1][-3:])})" if len(below) > 1 else ""
        remedy = f"Use {place.file(below[-1])}{others}."
        if place.on_hub:
            remedy = f"Run  hf download {place.name} --local-dir models  and use models/{below[-1]}{others}."
        return UnusableModel(
            f"It contains no model, but its folder {below[-1]} does.", remedy, cause="model in subfolder"
        )
    if any(file.endswith(".gguf") for file in top):
        return _gguf(next(file for file in sorted(top) if file.endswith(".gguf")), place)
    if "params.json" in top:
        return UnusableModel(
            "It has its makers' own format (params.json) and no config.json.",
            "Choose the same model in transformers' format, often named -hf on the Hub.",
            cause="other format",
        )
    if has_tokenizer(top) and not any(file.endswith(SUFFIXES_OF_WEIGHTS) for file in top):
        return UnusableModel("It has a tokenizer but no network.", _SAVE_PRETRAINED, cause="tokenizer only")
    return UnusableModel("It has no config.json.", _SAVE_PRETRAINED, cause="no config.json")


def _by_number(path: str) -> tuple[int, str]:
    """Return a sort key that puts checkpoint-500 before checkpoint-1000."""
    number = re.search(r"\d+$", path)
    return (int(number[0]) if number else -1, path)


def _gguf(file: str, place: Place) -> UnusableModel:
    """Return the error for a GGUF file in place of a model folder."""
    path = f"gguf/{file}" if place.on_hub else place.file(file)
    code = f"from attn_core.models.fetching import convert_gguf; convert_gguf({path!r}, 'converted')"
    download = f"  hf download {place.name} {file} --local-dir gguf  and" if place.on_hub else ""
    return UnusableModel(
        f"It is a GGUF file ({file}), packed for llama.cpp.",
        f"Choose the original model, or run  pip install gguf accelerate,  then{download}  "
        f"{python_line(code)}  and use the folder converted.",
        cause="GGUF file",
    )


def _without_weights(files: Collection[str], top: set[str], place: Place) -> UnusableModel:
    """Return the error for files without safetensors weights, with the way to convert what is there instead."""

    def files_with(*suffixes: str) -> list[str]:
        return sorted(file for file in top if file.endswith(suffixes))

    shards = [file for file in files_with(".safetensors") if re.search(r"-\d+-of-\d+\.", file)]
    if shards:
        return UnusableModel(
            f"Its weights are in parts and {WEIGHTS_INDEX} is missing.", _COPY_AGAIN, cause="incomplete files"
        )
    if others := files_with(".safetensors"):
        return UnusableModel(
            f"Its weights are named {others[0]}.",
            f"Rename that file to {WEIGHTS} and load it again.",
            cause="weights misnamed",
        )
    if files_with(".gguf"):
        return _gguf(files_with(".gguf")[0], place)
    if files_with(".bin", ".pt", ".pth", ".ckpt"):
        return _pickled(files_with(".bin", ".pt", ".pth", ".ckpt"), place)
    if files_with(".h5", ".msgpack"):
        framework, option = ("TensorFlow", "from_tf") if files_with(".h5") else ("Flax", "from_flax")
        return _other_framework(framework, option, place)
    if files_with(".onnx"):
        return UnusableModel(
            "It is an ONNX export, whose attention cannot be read.",
            "Choose the model it was exported from.",
            cause="ONNX export",
        )
    if not place.on_hub and any(file.endswith("/config.json") for file in files):
        return _without_configuration(files, top, place)
    return UnusableModel("It has no safetensors weights.", _SAVE_PRETRAINED, cause="no weights")


def _other_framework(framework: str, option: str, place: Place) -> UnusableModel:
    """Return the error for weights of a framework that transformers dropped; `option` loads them in version 4."""
    return UnusableModel(
        f"Its weights are for {framework}, which transformers 5 no longer reads.",
        f"Convert them once, where transformers 4 and {framework} are installed, with  "
        f"{place.save_with_transformers(f', {option}=True')}  {place.then}.",
        cause=f"{framework} weights",
    )


def _pickled(files: list[str], place: Place) -> UnusableModel:
    """Return the error for weights that are only there as pickles."""
    why = "It has no safetensors weights, only pickled ones, which can run code."
    if any(file.startswith("pytorch_model") for file in files):
        command = place.save_with_transformers()
    elif place.on_hub:
        return UnusableModel(why, _CHOOSE_ANOTHER, cause="pickled weights")
    else:
        command = python_line(
            "import torch; from transformers import AutoConfig, AutoModelForCausalLM; "
            f"m = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained({place.name!r})); "
            f"m.load_state_dict(torch.load({place.file(files[0])!r}, weights_only=True)); "
            f"m.save_pretrained({place.name!r})"
        )
    return UnusableModel(
        why,
        f"If you trust their source, convert them once with  {command}  {place.then}, or choose another model.",
        cause="pickled weights",
    )


# --- checks of the headers of weights -------------------------------------------------------------------------


def weight_files(folder: Path) -> list[Path]:
    """Return the files with a folder's weights; raises `UnusableModel` if one listed in the index is missing."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    try:
        shards = set(json.loads((folder / WEIGHTS_INDEX).read_text(encoding="utf-8"))["weight_map"].values())
        files = [folder / shard for shard in sorted(shards)]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise UnusableModel(f"Its {WEIGHTS_INDEX} is damaged.", _COPY_AGAIN, cause=_DAMAGED) from None
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise UnusableModel(
            f"Its weights are incomplete: {missing[0]} is missing"
            + (f", and {len(missing) - 1} more." if len(missing) > 1 else "."),
            Remedy("Copy or download the whole folder again, with all its parts", has_alternative=True),
            cause="incomplete files",
        )
    if not files:
        raise UnusableModel(f"Its {WEIGHTS_INDEX} lists no weights.", _COPY_AGAIN, cause=_DAMAGED)
    return files


def read_headers(folder: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a folder's weights by name, from the headers of its files."""
    from safetensors import SafetensorError, safe_open

    found = {}
    for file in weight_files(folder):
        try:
            with safe_open(file, "numpy") as weights:
                for key in weights.keys():  # noqa: SIM118
                    tensor = weights.get_slice(key)
                    found[key] = StoredTensor(str(tensor.get_dtype()), tuple(tensor.get_shape()))
        except (SafetensorError, OSError) as error:
            raise UnusableModel(
                f"Its {file.name} is damaged or incomplete.", _COPY_AGAIN, cause=_DAMAGED
            ) from error
    return found


def bytes_in_memory(folder: Path) -> int:
    """Return the bytes that all weights of a folder take as float32."""
    return 4 * sum(math.prod(tensor.shape) for tensor in read_headers(folder).values())


def is_quantized(tensors: dict[str, StoredTensor]) -> bool:
    """Return whether weights are quantized: stored in fewer bits than they were trained with."""
    return any(
        tensor.dtype.startswith("F8")
        or tensor.dtype.startswith("F4")
        or _QUANTIZED_NAMES.search(f".{name}") is not None
        or (tensor.dtype in _INTEGERS and name.endswith(".weight"))
        for name, tensor in tensors.items()
    )


def _check_not_pointer(file: Path) -> None:
    """Raise `UnusableModel` if a file is only a Git LFS pointer."""
    try:
        with file.open("rb") as stream:
            start = stream.read(len(_LFS_POINTER))
    except OSError:
        return
    if start == _LFS_POINTER:
        raise UnusableModel(
            f"Its {file.name} is only a Git LFS pointer; the file itself was not downloaded.",
            f"Run  git lfs install && git lfs pull  in {file.parent} and load it again.",
            cause="not downloaded",
        )


def _check_weight_names(folder: Path, tensors: dict[str, StoredTensor]) -> None:
    """Raise `UnusableModel` if weights are missing, contain an adapter, or have names with a wrapper's prefix."""
    if not tensors:
        raise UnusableModel("Its weights are empty.", _COPY_AGAIN, cause=_DAMAGED)
    if any(".lora_" in name or "lora_A" in name for name in tensors):
        raise UnusableModel(
            "Its weights contain an adapter (LoRA) that was not merged into the model.",
            "Save it again with peft's  model.merge_and_unload().save_pretrained(folder)  and use that folder.",
            cause="unmerged adapter",
        )
    prefix = next((prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in tensors)), None)
    if prefix is not None:
        pattern = str(folder / "*.safetensors")
        code = (
            "import glob; from safetensors.torch import load_file, save_file; "
            f"[save_file({{k.removeprefix({prefix!r}): v for k, v in load_file(f).items()}}, f, "
            f"{{'format': 'pt'}}) for f in glob.glob({pattern!r})]"
        )
        raise UnusableModel(
            f"The names of its weights begin with {prefix!r}, added by {_PREFIXES[prefix]}.",
            f"Remove that prefix once with  {python_line(code)}  and load it again.",
            cause="weights misnamed",
        )
