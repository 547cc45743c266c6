"""From the best checkpoint to what is served: adapter and model in safetensors, and proof that the model stops."""

import gc
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ftplatform.engines.events import EngineError
from training.engine.answering import answer
from training.engine.checkpoint import sync_tree

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
SMOKE_TOKENS = 128
"""At most so many new tokens per answer in the smoke generation."""


@dataclass(frozen=True)
class Exported:
    adapter: Path | None
    """None for full fine-tuning."""
    model: Path


@dataclass(frozen=True)
class Smoke:
    """One answer of the saved model: whether it ended by itself within the tokens it had, and what it says."""

    row: str
    text: str
    stopped: bool
    limit: int

    @property
    def fault(self) -> str | None:
        if not self.stopped:
            return f"row {self.row}: the answer did not end within {self.limit} tokens"
        return None if self.text.strip() else f"row {self.row}: the answer is empty"


def load_base(
    folder: Path, *, dtype: torch.dtype = torch.float32, quantised: bool = False, device: str = "cpu"
) -> PreTrainedModel:
    """The base model from safetensors, without code of its own; nf4 on the GPU when ``quantised``."""
    options: dict[str, object] = {}
    if quantised:
        from transformers import BitsAndBytesConfig  # needs bitsandbytes, which only a GPU worker installs

        options = {
            "quantization_config": BitsAndBytesConfig(  # type: ignore[no-untyped-call]
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            ),
            "device_map": {"": device},
        }
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True, **options
        )
    except (OSError, ValueError) as error:
        raise EngineError("model", f"The model in {folder} cannot be loaded: {error}") from error
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; EngineError ``model`` when there is none."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise EngineError("model", f"The tokenizer in {folder} cannot be loaded: {error}") from error
    return tokenizer


def export(
    base: Path, checkpoint: Path, run: Path, *, adapter: bool, end: int, tokenizer: PreTrainedTokenizerBase
) -> Exported:
    """Write ``run/adapter`` and ``run/model``: whole on the disk, or not there under these names.

    The adapter is merged in float32 and saved in the base's own type, since a sum taken in bf16 loses small changes.
    """
    own_type = _stored_dtype(base)
    model: PreTrainedModel
    if adapter:
        wrapped = PeftModel.from_pretrained(load_base(base), checkpoint, local_files_only=True)
        model = wrapped.merge_and_unload(safe_merge=True)
    else:
        model = load_base(checkpoint)
    _agree_on_end_and_pad(model, tokenizer, end)

    with _published(run / "model") as folder:
        model.to(dtype=own_type).save_pretrained(folder)  # type: ignore[call-arg]
        tokenizer.save_pretrained(folder)
    if not adapter:
        return Exported(None, run / "model")
    with _published(run / "adapter") as folder:
        for name in ADAPTER_FILES:
            shutil.copyfile(checkpoint / name, folder / name)
        tokenizer.save_pretrained(folder)
    return Exported(run / "adapter", run / "model")


def smoke(
    folder: Path, prompts: Sequence[tuple[str, list[int]]], *, longest_answer: int, end: int, device: str
) -> list[Smoke]:
    """Greedy answers of the model as it was saved, to prompts given as (row id, token ids).

    An answer has twice the tokens of the longest trained answer to end by itself.
    Raises EngineError ``special_tokens`` when the saved files disagree on the end or the padding token.
    """
    _free_memory()
    dtype = (
        torch.float32 if device == "cpu" else _stored_dtype(folder)
    )  # as it is served: float32 is twice of what trained
    model = load_base(folder, dtype=dtype).to(device=device).eval()  # type: ignore[call-arg]
    tokenizer = load_tokenizer(folder)
    _check_end_and_pad(model, tokenizer, end)
    limit = min(2 * longest_answer, SMOKE_TOKENS)
    found = answer(model, [prompt for _, prompt in prompts], tokens=limit, pad=model.generation_config.pad_token_id)
    stops = set(_as_list(model, "eos_token_id"))
    return [
        Smoke(row, str(tokenizer.decode(new, skip_special_tokens=True)), stopped=not stops.isdisjoint(new), limit=limit)
        for (row, _), new in zip(prompts, found, strict=True)
    ]


def _free_memory() -> None:
    """The trainer's model may still be on the card, held by nothing but a cycle."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _stored_dtype(folder: Path) -> torch.dtype:
    """The type of the base's weights as its own files have it (the configuration may say nothing)."""
    from safetensors import safe_open

    file = min(folder.glob("*.safetensors"))
    with safe_open(file, framework="pt") as weights:
        dtype: torch.dtype = weights.get_tensor(next(iter(weights.keys()))).dtype
        return dtype


def _agree_on_end_and_pad(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, end: int) -> None:
    """Generation stops at the trained end token and at the base's own; tokenizer and configurations say the same."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(end)
    stops = list(dict.fromkeys([end, *_as_list(model, "eos_token_id")]))
    eos = stops[0] if len(stops) == 1 else stops
    for holder in (model.config, model.generation_config):
        holder.eos_token_id = eos
        holder.pad_token_id = tokenizer.pad_token_id
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)


def _check_end_and_pad(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, end: int) -> None:
    stops, config_stops = _as_list(model, "eos_token_id"), model.config.eos_token_id
    config_stops = config_stops if isinstance(config_stops, list) else [config_stops]
    pads = {tokenizer.pad_token_id, model.config.pad_token_id, model.generation_config.pad_token_id}
    if tokenizer.eos_token_id != end or end not in stops or end not in config_stops or len(pads) != 1:
        raise EngineError(
            "special_tokens",
            f"The saved files disagree: trained end token {end}, tokenizer {tokenizer.eos_token_id}, "
            f"generation_config {stops}, config {config_stops}; padding {sorted(map(str, pads))}",
        )


def _as_list(model: PreTrainedModel, name: str) -> list[int]:
    value = getattr(model.generation_config, name)
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


class _published:
    """A folder that is filled under another name, flushed, and only then renamed to ``target``."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(target.name + ".partial")

    def __enter__(self) -> Path:
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        return self.partial

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            return  # the next try starts with an empty folder
        sync_tree(self.partial)
        shutil.rmtree(self.target, ignore_errors=True)
        self.partial.replace(self.target)
