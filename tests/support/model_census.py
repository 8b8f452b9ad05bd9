"""What the library makes of a small random model of every causal type, held against transformers alone.

`python -m tests.support.model_census` writes the table of `docs/models.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import transformers
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel

from attn_core import (
    AttnCoreError,
    LanguageModel,
    ModelUnavailable,
    ablation_scan,
    attribute,
    capture,
    generate,
    load_model,
    log_probability,
    logit_lens,
)
from attn_core.errors import UnusableModel
from attn_core.mini import FOLDER as MINI
from tests.support.model_types import TYPES, small_network

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
PROMPT = [(37 * index + 11) % 3900 + 3 for index in range(20)]  # longer than the window of the small models
N_BEGIN, N_NEW = 6, 10
LOGIT_TOLERANCE = 1e-3  # of the largest number that is compared
WEIGHT_TOLERANCE = 3e-3  # both sides are rounded to float16

CHECKS = ("attention", "direct effects", "logit lens", "heads off", "generation")

Kind = Literal["whole", "part", "refused", "not built"]


@dataclass(frozen=True)
class Findings:
    """What was found of one type.

    Attributes:
        model_type: its name in transformers.
        refusal: why there is no model of it at all; empty if there is.
        built: whether transformers could build a small one.
        checks: for each of `CHECKS` why it is refused, or nothing where it is right.
        wrong: what is neither right nor refused.
    """

    model_type: str
    built: bool = True
    refusal: str = ""
    checks: dict[str, str] | None = None
    wrong: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """How much of the model can be shown."""
        if not self.built:
            return "not built"
        if self.checks is None:
            return "refused"
        return "part" if any(self.checks.values()) else "whole"


@cache
def findings(model_type: str) -> Findings:
    """Build a small model of a type, load it from a folder, and compare all that is shown of it."""
    try:
        network = small_network(model_type)
    except Exception as error:  # whatever a configuration of 4 small layers meets
        return Findings(
            model_type, built=False, refusal=f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
        )
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        AutoTokenizer.from_pretrained(MINI).save_pretrained(folder)
        try:
            model = load_model(folder)
        except ModelUnavailable as unavailable:
            unusable = unavailable.__cause__
            return Findings(
                model_type, refusal=unusable.why if isinstance(unusable, UnusableModel) else str(unusable)
            )
        return _compare(model_type, model, network)


def _compare(model_type: str, model: LanguageModel, reference: PreTrainedModel) -> Findings:
    checked: dict[str, str] = {}
    wrong: list[str] = []
    comparison = _Comparison(model, reference)
    for name in CHECKS:
        try:
            fault = comparison.of(name)
            checked[name] = ""
            wrong += [f"{name}: {fault}"] if fault else []
        except AttnCoreError as error:
            checked[name] = str(error)
        except Exception as error:  # what must never escape
            checked[name] = ""
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    return Findings(model_type, checks=checked, wrong=tuple(wrong))


class _Comparison:
    """A model beside the same network as transformers runs it; each method says what is wrong, or nothing."""

    def __init__(self, model: LanguageModel, reference: PreTrainedModel) -> None:
        self._model, self._reference = model, reference
        with torch.inference_mode():
            output = reference(torch.tensor([PROMPT]), output_attentions=True)
        self._logits: torch.Tensor = output.logits[0, -1].float()
        self._attentions = tuple(output.attentions or ())
        self._target = int(self._logits.argmax())

    def of(self, check: str) -> str:
        """Make one of `CHECKS`."""
        checks: dict[str, Callable[[], str]] = {
            "attention": self._attention,
            "direct effects": self._direct_effects,
            "logit lens": self._logit_lens,
            "heads off": self._heads_off,
            "generation": self._generation,
        }
        return checks[check]()

    def _attention(self) -> str:
        trace = capture(self._model, PROMPT)
        assert trace.prediction is not None
        expected = self._logits.softmax(-1)[list(trace.prediction.token_ids)].numpy()
        if not np.allclose(trace.prediction.probabilities, expected, atol=1e-4):
            return "another prediction"
        if not self._attentions or self._attentions[0] is None:  # some types return none; the logits must do
            return ""
        weights = torch.stack([layer[0] for layer in self._attentions]).numpy()
        if weights.shape != trace.attention.shape:
            return f"{trace.attention.shape} weights for {weights.shape}"
        difference = float(np.abs(weights - trace.attention).max())
        return f"weights differ by {difference:.2g}" if difference > WEIGHT_TOLERANCE else ""

    def _direct_effects(self) -> str:
        total, logit = attribute(self._model, PROMPT, self._target).total, float(self._logits[self._target])
        return "" if abs(total - logit) <= LOGIT_TOLERANCE * max(1, abs(logit)) else f"{total} for {logit}"

    def _logit_lens(self) -> str:
        last = float(logit_lens(self._model, PROMPT, self._target).target_probabilities[-1])
        expected = float(self._logits.softmax(-1)[self._target])
        return "" if abs(last - expected) <= LOGIT_TOLERANCE else f"{last} for {expected}"

    def _heads_off(self) -> str:
        changes = ablation_scan(self._model, PROMPT, self._target)
        before = float(self._logits.log_softmax(-1)[self._target])
        layers = (0, len(changes) - 1)  # the one whose heads act through all others, and the one through none
        for head in ((layer, head) for layer in layers for head in range(changes.shape[1])):
            alone = log_probability(self._model, PROMPT, self._target, ablate=[head]) - before
            if abs(changes[head] - alone) > LOGIT_TOLERANCE * max(0.1, float(np.abs(changes).max())):
                return f"{changes[head]} nats for {alone} without head {head}"
        return ""

    def _generation(self) -> str:
        steps = list(generate(self._model, PROMPT[:N_BEGIN], max_new_tokens=N_NEW))
        made = [step.token_id for step in steps]
        settings = GenerationConfig(
            max_new_tokens=N_NEW, do_sample=False, eos_token_id=0, pad_token_id=0, bos_token_id=0
        )
        self._reference.generation_config = settings  # some types ask for constraints of their own
        ids = torch.tensor([PROMPT[:N_BEGIN]])
        expected = self._reference.generate(ids, attention_mask=torch.ones_like(ids))[0, N_BEGIN:].tolist()
        if made != expected:
            return f"tokens {made} for {expected}"
        whole = capture(self._model, PROMPT[:N_BEGIN] + made).attention.astype(np.float32)
        for index, step in enumerate(steps):
            n = N_BEGIN + index
            if np.abs(step.attention - whole[:, :, n - 1, :n]).max() > WEIGHT_TOLERANCE:
                return f"the attention of new token {index} is not that of the whole text"
        return ""


def page() -> str:
    """The text of `docs/models.md`."""
    found = [findings(model_type) for model_type in TYPES]
    counts = {kind: sum(of.kind == kind for of in found) for kind in ("whole", "part", "refused", "not built")}
    return "\n".join(
        [
            "# Which models it can show",
            "",
            "Made by `python -m tests.support.model_census`; a test holds it true. Each type of causal language model",
            f"that transformers {transformers.__version__} has stands here, tried with random weights: 4 layers of 4",
            "heads, a window of 8 tokens where the type has one, 20 tokens of text. What the library says of a",
            "model is compared with what transformers computes without it: attention with `output_attentions`,",
            "direct effects with the logit, the scan over heads with one run for each, generated text with",
            "`generate()`, and the attention of generated tokens with that of the whole text. Whatever would not",
            "be right is refused in words.",
            "",
            f"**{counts['whole']}** types can be shown whole, **{counts['part']}** in part, and "
            f"**{counts['refused']}** are refused. {counts['not built']} could not be built so small.",
            "",
            "| type | attention | direct effects | logit lens | heads off | generation |",
            "|---|---|---|---|---|---|",
            *(_row(of) for of in found if of.checks is not None),
            "",
            "## What is refused in part, and why",
            "",
            *_reasons(found),
            "",
            "## What is refused as a whole, and why",
            "",
            *_lines(
                {of.model_type: _in_general(of.model_type, of.refusal) for of in found if of.kind == "refused"}
            ),
            "",
            "## Not tried",
            "",
            "transformers could not build these with 4 small layers:",
            "",
            ", ".join(f"`{of.model_type}`" for of in found if of.kind == "not built") + ".",
            "",
        ]
    )


def _row(of: Findings) -> str:
    assert of.checks is not None
    return f"| `{of.model_type}` | " + " | ".join("–" if of.checks[check] else "yes" for check in CHECKS) + " |"


def _reasons(found: list[Findings]) -> list[str]:
    """What is refused of which types, those with the same reason in one line."""
    by_type = {}
    for of in found:
        if of.kind != "part" or of.checks is None:
            continue
        for reason in dict.fromkeys(filter(None, of.checks.values())):
            checks = ", ".join(check for check in CHECKS if of.checks[check] == reason)
            by_type[f"{of.model_type} {checks}"] = f"{checks}: {_in_general(of.model_type, reason)}"
    return _lines(by_type)


def _lines(reasons: dict[str, str]) -> list[str]:
    types: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        types.setdefault(reason, []).append(f"`{key.split()[0]}`")
    return [f"- {reason} {', '.join(names)}" for reason, names in sorted(types.items())]


def _in_general(model_type: str, reason: str) -> str:
    """A reason without the name of the type, so that those of several types are alike."""
    for kind in (model_type, f"{model_type}_text"):
        reason = reason.replace(f"A model of type {kind!r}", "It").replace(f" for {kind}:", ":")
        reason = reason.replace(f"The heads and MLPs of {kind} ", "Its heads and MLPs ")
    return reason


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)  # which is faster for networks as small as these
    PAGE.write_text(page(), encoding="utf-8")
