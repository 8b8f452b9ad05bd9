"""Folders that hold something else than a model that can be loaded: what is said of each, and what helps."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import PreTrainedConfig, PreTrainedModel

from attn_core import ModelUnavailable, capture, load_model
from attn_core.errors import UnusableModel
from attn_core.models.config import unusable_config
from attn_core.models.folder import Place, check_files
from attn_core.models.multimodal import text_part
from tests.support.small_models import byte_tokenizer, refused, saved, tiny_gpt2, tiny_llama

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 548105171\n"
SMALL = {
    "vocab_size": 256,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return saved(tiny_llama(), tmp_path / "llama")


def set_config(folder: Path, **settings: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def run_command_of(error: ModelUnavailable) -> None:
    """Run the line of Python that a remedy names, as a shell would hand it to Python."""
    found = re.search(r'python (-c ".*?")', str(error.remedy))
    assert found, str(error.remedy)
    _, code = shlex.split(found[1])
    exec(code, {})


# --- adapters --------------------------------------------------------------------------------------------------


def add_adapter(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    settings = {"peft_type": "LORA", "base_model_name_or_path": "gpt2"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    save_file({"base_model.model.lora_A.weight": torch.zeros(2, 2)}, folder / "adapter_model.safetensors")


def test_an_adapter_is_to_be_merged_first(tmp_path: Path) -> None:
    add_adapter(tmp_path / "adapter")
    error = refused(tmp_path / "adapter")
    assert "is a PEFT adapter" in error.what
    assert f"P.from_pretrained('{tmp_path / 'adapter'}')" in str(error.remedy)
    assert "merge_and_unload().save_pretrained('merged')" in str(error.remedy)


def test_a_name_without_slashes_is_the_folder_that_holds_a_part_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_adapter(tmp_path / "adapter")
    monkeypatch.chdir(tmp_path)
    assert "is a PEFT adapter" in refused("adapter").what


def test_an_adapter_beside_a_model_must_be_chosen_or_not(llama: Path) -> None:
    add_adapter(llama)
    error = refused(llama)
    assert "both a model and a PEFT adapter" in error.what
    assert "move adapter_config.json and adapter_model.safetensors" in str(error.remedy)
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        (llama / file).unlink()
    assert load_model(str(llama)).n_layers == 3


def test_an_adapter_beside_the_settings_of_its_model_alone_is_to_be_merged_first(llama: Path) -> None:
    (llama / "model.safetensors").unlink()
    add_adapter(llama)
    assert "is a PEFT adapter" in refused(llama).what


def test_an_adapter_that_was_saved_unmerged_is_said(llama: Path) -> None:
    weights = load_file(llama / "model.safetensors")
    weights["base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"] = torch.zeros(2, 2)
    save_file(weights, llama / "model.safetensors", {"format": "pt"})
    assert "merge_and_unload" in str(refused(llama).remedy)


# --- names of weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["base_model.model.", "module.", "_orig_mod.", "_forward_module."])
@pytest.mark.parametrize("shards", [False, True])
def test_what_a_wrapper_put_before_the_names_is_taken_away_by_one_line(
    tmp_path: Path, prefix: str, shards: bool
) -> None:
    folder = saved(tiny_llama(), tmp_path / "my llama", **({"max_shard_size": "20KB"} if shards else {}))
    for file in folder.glob("*.safetensors"):
        save_file({prefix + name: tensor for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    error = refused(folder)
    assert f"begin with '{prefix}'" in error.what
    run_command_of(error)
    assert load_model(str(folder)).n_layers == 3


# --- other formats of weights ----------------------------------------------------------------------------------


def pickled(folder: Path, name: str = "pytorch_model.bin") -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / name)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "epoch=1.ckpt"])
def test_pickled_weights_are_converted_by_one_line(llama: Path, name: str) -> None:
    pickled(llama, name)
    error = refused(llama)
    assert error.what == f"{llama} has no safetensors weights, only pickled ones, which can run code."
    run_command_of(error)
    assert load_model(str(llama)).n_layers == 3


def test_pickled_weights_in_parts_are_converted_by_one_line(llama: Path) -> None:
    weights = load_file(llama / "model.safetensors")
    (llama / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)}
    for file, keys in parts.items():
        torch.save({key: weights[key] for key in keys}, llama / file)
    index = {
        "metadata": {"total_size": 1},
        "weight_map": {key: file for file, keys in parts.items() for key in keys},
    }
    (llama / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    run_command_of(refused(llama))
    assert load_model(str(llama)).n_layers == 3


@pytest.mark.parametrize(
    ("file", "why", "remedy"),
    [
        ("tf_model.h5", "for TensorFlow", "from_tf=True"),
        ("flax_model.msgpack", "for Flax", "from_flax=True"),
        ("model.onnx", "ONNX", "it was exported from"),
        ("gpt.gguf", "GGUF", "convert_gguf"),
        ("consolidated.safetensors", "named consolidated.safetensors", "Rename"),
        ("model-00001-of-00002.safetensors", "model.safetensors.index.json is missing", "again"),
        ("README.md", "has no safetensors weights", "save_pretrained"),
    ],
)
def test_weights_of_another_format_are_named(llama: Path, file: str, why: str, remedy: str) -> None:
    (llama / "model.safetensors").rename(llama / file)
    error = refused(llama)
    assert why in error.what
    assert remedy in str(error.remedy)


@pytest.mark.parametrize("inside", [False, True])
def test_a_gguf_file_is_converted_by_one_line(tmp_path: Path, inside: bool) -> None:
    (tmp_path / "gguf").mkdir()
    file = tmp_path / "gguf" / "small.gguf"
    file.write_bytes(b"GGUF")
    error = refused(file if inside else file.parent)
    assert "is a GGUF file (small.gguf)" in error.what
    assert "pip install gguf accelerate" in str(error.remedy)
    assert f"convert_gguf('{file}', 'converted')" in str(error.remedy)


def test_truncated_weights_and_those_that_are_no_weights_are_damaged(llama: Path) -> None:
    file = llama / "model.safetensors"
    whole = file.read_bytes()
    for broken in (whole[:-9], whole[:100], b"", b"<html>not found</html>"):
        file.write_bytes(broken)
        error = refused(llama)
        assert "because its model.safetensors is damaged or incomplete." in error.what
        assert error.cause == "damaged files"
        assert "again" in str(error.remedy)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_pointer_of_git_lfs_is_told_from_the_file(llama: Path, file: str) -> None:
    (llama / file).write_text(LFS_POINTER)
    error = refused(llama)
    assert f"its {file} is only a Git LFS pointer" in error.what
    assert "git lfs pull" in str(error.remedy)


@pytest.mark.parametrize("index", ["[]", "{", '{"weight_map": {}}', '{"weight_map": {"a": 1}}'])
def test_a_broken_index_is_said(llama: Path, index: str) -> None:
    (llama / "model.safetensors").unlink()
    (llama / "model.safetensors.index.json").write_text(index)
    assert "model.safetensors.index.json" in refused(llama).what


def test_missing_parts_of_weights_are_counted(tmp_path: Path) -> None:
    folder = saved(tiny_llama(), tmp_path / "llama", max_shard_size="20KB")
    parts = sorted(folder.glob("model-*.safetensors"))
    for part in parts[:2]:
        part.unlink()
    error = refused(folder)
    assert error.what.endswith(f" because its weights are incomplete: {parts[0].name} is missing, and 1 more.")
    assert "all its parts" in str(error.remedy)


def test_weights_of_another_size_are_told_with_both_sizes(llama: Path) -> None:
    set_config(llama, vocab_size=300)
    assert " is 256 × 32, not 300 × 32." in refused(llama).what


@pytest.mark.parametrize("name", ["qweight", "weight_scale_inv"])
@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "fp8", "mxfp4", "compressed-tensors", None])
def test_quantized_weights_are_refused_with_the_way_back(llama: Path, name: str, method: str | None) -> None:
    if method is not None:
        set_config(llama, quantization_config={"quant_method": method, "bits": 4})
    weights = load_file(llama / "model.safetensors")
    weights[f"model.layers.0.mlp.up_proj.{name}"] = torch.zeros(2, dtype=torch.int32)
    save_file(weights, llama / "model.safetensors", {"format": "pt"})
    error = refused(llama)
    assert f"quantized ({method or 'an unknown method'})" in error.what
    assert "float16, bfloat16 or float32" in str(error.remedy)
    assert ("save_pretrained('full')" in str(error.remedy)) == (method not in ("gptq", "awq", None))


@pytest.mark.slow
def test_weights_of_eight_bits_are_made_whole_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = SMALL | {"hidden_size": 128, "intermediate_size": 128}
    torch.manual_seed(0)
    folder = saved(transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)), tmp_path / "eight bits")
    whole = load_file(folder / "model.safetensors")
    weights = dict(whole)
    for name in [name for name in whole if "proj" in name]:
        scale = whole[name].abs().max() / 448
        weights[name] = (whole[name] / scale).to(torch.float8_e4m3fn)
        weights[f"{name}_scale_inv"] = scale.reshape(1, 1)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    set_config(folder, quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})
    monkeypatch.chdir(tmp_path)
    run_command_of(refused(folder))
    network = load_model(str(tmp_path / "full")).network
    name = "model.layers.0.mlp.up_proj.weight"
    torch.testing.assert_close(network.state_dict()[name], whole[name], atol=5e-3, rtol=0.1)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8, torch.uint8])
def test_weights_in_eight_bits_are_quantized(llama: Path, dtype: torch.dtype) -> None:
    weights = load_file(llama / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"].to(dtype)
    save_file(weights, llama / "model.safetensors", {"format": "pt"})
    assert "quantized" in refused(llama).what


# --- folders that hold no model, or hold it elsewhere ----------------------------------------------------------


def test_an_empty_folder_and_a_tokenizer_alone_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = refused(tmp_path / "empty")
    assert (error.what, error.cause) == (f"{tmp_path / 'empty'} is empty.", "empty folder")
    byte_tokenizer().save_pretrained(tmp_path / "tokenizer")
    error = refused(tmp_path / "tokenizer")
    assert error.what == f"{tmp_path / 'tokenizer'} has a tokenizer but no network."
    assert error.cause == "tokenizer only"


@pytest.mark.parametrize("below", [("checkpoint-500", "checkpoint-1000"), ("snapshots/0a1b",), ("model",)])
def test_a_model_further_down_is_named(llama: Path, tmp_path: Path, below: tuple[str, ...]) -> None:
    for name in below:
        shutil.copytree(llama, tmp_path / "run" / name)
    error = refused(tmp_path / "run")
    assert f"contains no model, but its folder {below[-1]} does." in error.what
    assert f"Use {tmp_path}/run/{below[-1]}" in str(error.remedy)
    assert all(name in str(error.remedy) for name in below)
    assert load_model(str(tmp_path / "run" / below[-1])).n_layers == 3


def test_a_model_further_down_is_named_beside_a_configuration_too(llama: Path, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path / "run" / "checkpoint-20")
    shutil.copy(llama / "config.json", tmp_path / "run")
    assert "its folder checkpoint-20 does" in refused(tmp_path / "run").what


def test_a_package_that_a_type_of_model_needs_is_named() -> None:
    error = ImportError(
        "TimmWrapperModel requires the timm library. You can install it with pip: `pip install timm`."
    )
    assert unusable_config({}, error).sentence("It") == "It needs the package timm."


def test_a_folder_that_cannot_be_read_is_said(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    unavailable = refused(llama)
    assert unavailable.what == f"{llama} cannot be read (Permission denied)."
    assert unavailable.cause == "no permission"


def test_a_file_in_place_of_a_folder_is_said(llama: Path) -> None:
    error = refused(llama / "model.safetensors")
    assert error.what == f"{llama / 'model.safetensors'} is a file, not a model folder."
    assert str(error.remedy) == f"Use the folder that contains it, {llama}."


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("model_index.json", "diffusers"),
        ("modules.json", "sentence-transformers"),
        ("config_sentence_transformers.json", "sentence-transformers"),
    ],
)
def test_what_other_libraries_saved_is_named(llama: Path, file: str, why: str) -> None:
    (llama / file).write_text("{}")
    assert why in refused(llama).what


def test_a_model_in_its_makers_own_format_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    folder.mkdir()
    for file in ("params.json", "consolidated.00.pth", "tokenizer.model"):
        (folder / file).write_bytes(b"{}")
    assert "its makers' own format" in refused(folder).what


# --- other kinds of models -------------------------------------------------------------------------------------


def classifier(name: str) -> Callable[[], PreTrainedModel]:
    def make() -> PreTrainedModel:
        network_class = getattr(transformers, name)
        # tied, so that a language model would find all of its weights
        config = network_class.config_class(**SMALL, pad_token_id=0, bos_token_id=0, eos_token_id=0)
        config.tie_word_embeddings = True
        return network_class(config)

    make.__name__ = name
    return make


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("GPT2ForSequenceClassification", "labels or scores"),
        ("GPT2ForTokenClassification", "labels each token"),
        ("GPT2ForQuestionAnswering", "marks the answer"),
        ("LlamaForSequenceClassification", "labels or scores"),
        ("LlamaForTokenClassification", "labels each token"),
        ("OPTForQuestionAnswering", "marks the answer"),
        ("BertForQuestionAnswering", "marks the answer"),
        ("BertForMaskedLM", "fills in masked tokens"),
        ("RobertaForMultipleChoice", "chooses one of several"),
        ("BertForNextSentencePrediction", "follow each other"),
        ("BertForPreTraining", "another task"),
        ("DistilBertForMaskedLM", "fills in masked tokens"),
        ("ViTForImageClassification", "another task"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_model_for_another_task_is_refused_whether_it_says_so_or_not(
    name: str, does: str, named: bool, tmp_path: Path
) -> None:
    folder = saved(classifier(name)(), tmp_path / "other")
    if not named:
        set_config(folder, architectures=None)
        refused(folder)
        return
    error = refused(folder)
    assert f" is a {name}, which" in error.what
    assert error.cause == "not a causal model"
    assert does in error.what
    assert "made from" in str(error.remedy)


@pytest.mark.parametrize("name", ["T5", "Bart", "Marian", "Pegasus", "MBart", "Whisper"])
def test_an_encoder_decoder_is_refused(name: str, tmp_path: Path) -> None:
    config = getattr(transformers, f"{name}Config")(
        vocab_size=256, d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32, decoder_ffn_dim=32
    )
    network_class = getattr(transformers, f"{name}ForConditionalGeneration", None) or transformers.MarianMTModel
    if name == "Whisper":
        config = transformers.WhisperConfig(
            vocab_size=256, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, suppress_tokens=None, begin_suppress_tokens=None,
        )  # fmt: skip
    if name == "T5":
        config = transformers.T5Config(vocab_size=256, d_model=32, d_ff=32, num_layers=1, num_heads=2)
    config.pad_token_id = config.decoder_start_token_id = config.eos_token_id = config.bos_token_id = 1
    assert "encoder-decoder" in refused(saved(network_class(config), tmp_path / "seq2seq")).what


def test_one_that_only_says_so_is_an_encoder_decoder_too(tmp_path: Path) -> None:
    config = transformers.BartConfig(vocab_size=256, d_model=32, encoder_layers=1, decoder_layers=1)
    folder = saved(transformers.BartForConditionalGeneration(config), tmp_path / "seq2seq")
    set_config(folder, architectures=[], is_encoder_decoder=True)
    assert "encoder-decoder" in refused(folder).what


def test_a_language_model_with_a_value_head_is_a_language_model(llama: Path) -> None:
    weights = load_file(llama / "model.safetensors")
    weights["v_head.summary.weight"] = torch.zeros(1, 32)
    save_file(weights, llama / "model.safetensors", {"format": "pt"})
    assert load_model(str(llama)).n_layers == 3


def test_a_bare_gpt2_without_its_head_loads_as_the_head_is_its_embedding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = tiny_gpt2()
    model = load_model(str(saved(whole.transformer, tmp_path / "bare")))
    ids = torch.arange(9)[None]
    with torch.inference_mode():
        torch.testing.assert_close(model.network(ids).logits, whole.eval()(ids).logits, atol=1e-3, rtol=1e-3)


def test_code_of_a_models_own_is_said_to_be_needed(llama: Path) -> None:
    set_config(llama, model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    assert "needs custom Python code" in refused(llama).what


def test_a_model_of_a_newer_transformers_asks_for_an_upgrade(llama: Path) -> None:
    set_config(llama, model_type="llama9", transformers_version="99.1.0")
    error = refused(llama)
    assert "which transformers " in error.what
    assert "does not know." in error.what
    assert error.cause == "unknown type"
    assert "99.1.0" in str(error.remedy)
    assert "pip install --upgrade transformers" in str(error.remedy)
    set_config(llama, model_type="llama")
    assert load_model(str(llama)).n_layers == 3


# --- models for text and pictures ------------------------------------------------------------------------------

VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}


def gemma3() -> PreTrainedModel:
    text = SMALL | {"num_key_value_heads": 2, "head_dim": 8}
    config = transformers.Gemma3Config(
        text_config=text, vision_config=VISION, image_token_id=250, mm_tokens_per_image=4
    )
    return transformers.Gemma3ForConditionalGeneration(config)


def llava() -> PreTrainedModel:
    text = transformers.LlamaConfig(**SMALL)
    vision = transformers.CLIPVisionConfig(**VISION)
    config = transformers.LlavaConfig(text_config=text, vision_config=vision, image_token_index=250)
    return transformers.LlavaForConditionalGeneration(config)


def mistral3() -> PreTrainedModel:
    text = transformers.MistralConfig(**SMALL, head_dim=8, num_key_value_heads=2)
    vision = transformers.PixtralVisionConfig(**VISION)
    config = transformers.Mistral3Config(text_config=text, vision_config=vision, image_token_index=250)
    return transformers.Mistral3ForConditionalGeneration(config)


@pytest.mark.parametrize("make", [gemma3, llava, mistral3])
def test_a_model_for_text_and_pictures_shows_its_language_model(
    make: Callable[[], PreTrainedModel], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    whole = make().eval()
    folder = saved(whole, tmp_path / "pictures")
    set_config(folder, attn_implementation="flash_attention_2", return_dict=False)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    set_config(folder, text_config=text | {"_attn_implementation": "flash_attention_2", "output_attentions": True})
    model = load_model(str(folder))
    assert (model.n_layers, model.n_heads, model.max_tokens) == (2, 4, 64)
    assert capture(model, "a dog").attention.shape == (2, 4, 5, 5)
    ids = torch.arange(11)[None]
    with torch.inference_mode():
        torch.testing.assert_close(model.network(ids).logits, whole(ids).logits, atol=1e-4, rtol=1e-4)


def test_one_whose_language_model_alone_gives_other_logits_is_left_whole() -> None:
    network = llava().eval()
    assert isinstance(text_part(network), transformers.LlamaForCausalLM)
    network.register_forward_hook(lambda module, arguments, output: output | {"logits": 2 * output.logits})
    assert text_part(network) is network


@pytest.mark.parametrize(
    "other",
    [
        transformers.GPT2Config(vocab_size=4096, n_embd=32, n_layer=2, n_head=4),
        transformers.CLIPTextConfig(**VISION),
    ],
    ids=["not in it", "not a language model"],
)
def test_one_whose_settings_name_another_language_model_is_left_whole(other: PreTrainedConfig) -> None:
    network = llava().eval()
    network.config.text_config = other
    assert text_part(network) is network


def test_one_that_does_not_run_without_pictures_is_refused(tmp_path: Path) -> None:
    vision = {
        "embed_dim": 32,
        "image_size": 28,
        "patch_size": 14,
        "num_attention_heads": 4,
        "intermediate_size": 32,
    }
    config = transformers.IdeficsConfig(
        **SMALL, vision_config=vision | {"num_hidden_layers": 1}, use_resampler=False, pad_token_id=0
    )
    error = refused(saved(transformers.IdeficsForVisionText2Text(config), tmp_path / "pictures"))
    assert error.what.endswith(" reads text with images or sound (idefics) and does not run on text alone.")
    assert error.cause == "not text only"


# --- configurations --------------------------------------------------------------------------------------------

IN_THE_WAY = [
    {"attn_implementation": "flash_attention_2"},
    {"_attn_implementation": "flash_attention_2"},
    {"_attn_implementation_internal": "flash_attention_3"},
    {"attn_implementation": {"": "flex_attention"}},
    {"attn_implementation": "no such one"},
    {"experts_implementation": "grouped_mm"},
    {"return_dict": False},
    {"use_return_dict": False},
    {"torchscript": True},
    {"output_attentions": True},
    {"output_hidden_states": True},
    {"output_attentions": True, "attn_implementation": "sdpa"},
    {"use_cache": False},
    {"gradient_checkpointing": True},
    {"dtype": "bfloat16"},
    {"torch_dtype": "float16"},
    {"torch_dtype": "int7"},
    {"dtype": 16},
    {"pruned_heads": {}},
    {"chunk_size_feed_forward": 7},
    {"add_cross_attention": True},
    {"is_decoder": False},
    {"is_encoder_decoder": True},
    {"auto_map": {"AutoModelForCausalLM": "mine.Model", "AutoConfig": "mine.Config"}},
    {"auto_map": None},
    {"transformers_version": "99.0.0"},
    {"transformers_version": None},
    {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    {"quantization_config": {"quant_method": "no such one"}},
    {"quantization_config": None},
    {"quantization_config": {}},
    {"num_labels": 3, "problem_type": "no such one"},
    {"id2label": {"0": "a"}, "label2id": None},
    {"do_sample": False, "temperature": 0.6, "top_p": 0.9},
    {"temperature": -1, "num_beams": 0},
    {"architectures": None},
    {"architectures": []},
    {"architectures": "GPT2LMHeadModel"},
    {"architectures": [None]},
    {"tokenizer_class": None},
    {"pad_token_id": 256},
    {"pad_token_id": 50257, "eos_token_id": "</s>", "bos_token_id": [None]},
    {"task_specific_params": {"text-generation": {"do_sample": True}}},
]


@pytest.fixture(scope="module", params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """A folder, and what its network says."""
    torch.manual_seed(0)
    folder = saved(request.param(), tmp_path_factory.mktemp("original") / "model")
    return folder, logits(folder)


def logits(folder: Path) -> torch.Tensor:
    model = load_model(str(folder))
    assert capture(model, "a dog ran").attention.shape[-1] == 9
    with torch.inference_mode():
        return model.network(torch.arange(11)[None]).logits


@pytest.mark.slow
@pytest.mark.parametrize("settings", IN_THE_WAY, ids=json.dumps)
def test_what_a_configuration_says_of_other_runs_changes_nothing(
    original: tuple[Path, torch.Tensor], tmp_path: Path, settings: dict[str, object]
) -> None:
    folder, expected = shutil.copytree(original[0], tmp_path / "model"), original[1]
    set_config(folder, **settings)
    torch.testing.assert_close(logits(folder), expected)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"temperature": -5, "num_beams": 0, "top_k": -1}',
        '{"do_sample": false, "temperature": 0.5, "top_p": 0.9, "typical_p": 2}',
        '{"eos_token_id": "two"}',
        '{"cache_implementation": "no such one", "num_beams": 4, "num_return_sequences": 9}',
        '{"max_length": "long", "eos_token_id": [2, 3]}',
        '{"transformers_version": 7, "no such setting": {}}',
        "null",
        "",
    ],
)
def test_odd_settings_for_generating_do_not_matter(llama: Path, text: str) -> None:
    from attn_core import generate

    (llama / "generation_config.json").write_text(text)
    assert len(list(generate(load_model(str(llama)), "a dog", max_new_tokens=2))) >= 1


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '"gpt2"', "\ufeff{}", "[" * 3000])
def test_a_configuration_that_is_no_settings_is_broken(llama: Path, text: str) -> None:
    (llama / "config.json").write_text(text, encoding="utf-8")
    assert "because its config.json is damaged." in refused(llama).what


def test_a_type_is_read_from_the_architecture_where_it_is_missing(llama: Path) -> None:
    for model_type in (None, 7, "", [""]):
        set_config(llama, model_type=model_type)
        assert load_model(str(llama)).n_layers == 3
    set_config(llama, architectures=["Mine"])
    error = refused(llama)
    assert "because its config.json names no model_type." in error.what
    assert '"model_type": "gpt2"' in str(error.remedy)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"rope_scaling": {"type": "spiral", "factor": 2}}, "'spiral'"),
        ({"rope_parameters": {"rope_type": "spiral", "rope_theta": 1e4}}, "'spiral'"),
        ({"layer_types": ["full_attention"] * 2, "model_type": "qwen2"}, "layer_types"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "32"}, "hidden_size"),
        ({"vocab_size": -1}, ""),
        ({"vocab_size": 0}, ""),
        ({"num_attention_heads": 0}, ""),
        ({"num_attention_heads": 5}, ""),
        ({"num_hidden_layers": 0}, ""),
        ({"hidden_act": "no such one"}, "no such one"),
        ({"head_dim": -8}, ""),
        ({"hidden_size": 10**9}, ""),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_settings_that_make_no_network_are_refused_in_one_sentence(
    llama: Path, settings: dict[str, object], why: str
) -> None:
    set_config(llama, **settings)
    error = refused(llama)
    assert why in error.what
    assert len(error.what) < 350
    assert "config.json" in str(error.remedy) or "Choose another" in str(error.remedy)


def test_a_limit_of_positions_that_is_null_is_left_to_the_type(llama: Path) -> None:
    set_config(llama, max_position_embeddings=None)
    assert load_model(str(llama)).max_tokens == transformers.LlamaConfig().max_position_embeddings


# --- tokenizers ------------------------------------------------------------------------------------------------


def without_tokenizer(folder: Path) -> Path:
    for file in folder.glob("tokenizer*"):
        file.unlink()
    return folder


def test_a_vocabulary_in_a_text_file_loads(tmp_path: Path) -> None:
    config = transformers.BertConfig(**SMALL | {"vocab_size": 9}, is_decoder=True)
    folder = without_tokenizer(saved(transformers.BertLMHeadModel(config), tmp_path / "bert"))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "ran", "."]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    assert capture(load_model(str(folder)), "The dog ran.").n_tokens == 5  # without [SEP]


@pytest.mark.skipif(
    any(importlib.util.find_spec(package) for package in ("sentencepiece", "tiktoken")), reason="they are here"
)
@pytest.mark.parametrize("file", ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "spm.model"])
def test_the_package_that_a_tokenizer_needs_is_named(llama: Path, file: str) -> None:
    (without_tokenizer(llama) / file).write_bytes(b"\n\x09anything")
    error = refused(llama)
    assert f"because its tokenizer is a {file}, which needs the package sentencepiece." in error.what
    assert error.cause == "missing package"
    assert "pip install sentencepiece protobuf" in str(error.remedy)
    (llama / file).write_bytes(b"VGhl 0\n")
    assert "needs the package tiktoken" in refused(llama).what


@pytest.mark.parametrize("on_hub", [True, False])
def test_a_tokenizer_can_be_added_to_a_folder_but_not_to_a_model_of_the_hub(on_hub: bool) -> None:
    with pytest.raises(UnusableModel) as caught:
        check_files(["config.json", "model.safetensors"], Place("someone/model", on_hub))
    assert caught.value.cause == "no tokenizer"
    assert ("save_pretrained" in str(caught.value.remedy)) != on_hub


def test_a_tokenizer_without_its_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = without_tokenizer(saved(tiny_gpt2(), tmp_path / "gpt2"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    assert refused(folder).what == f"{folder} has no tokenizer."
    (folder / "vocab.json").write_text("{}")
    (folder / "merges.txt").write_text("#version: 0.2\n")
    refused(folder)
