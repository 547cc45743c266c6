"""TRL's SFTTrainer with a loss over the labelled positions only.

TRL scores every position of every row, prompt and padding included, wherever Triton is absent: on a CPU that is
half of the step at a vocabulary of 49 thousand. Here the backbone runs over all positions, and only those whose next
token is trained go through the output layer. The value is TRL's own, Σ cross-entropy / number of trained tokens of
all passes of the step; with weights it is the weighted mean, Σ w · cross-entropy / Σ w
(``tests/training/test_engine_loss.py`` holds both against TRL).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput
from trl.trainer.sft_trainer import SFTTrainer

from training.engine.render import IGNORED

CHUNK = 2048
"""Positions scored at once: logits take 4 bytes × vocabulary × this, 0.4 GB at 49 thousand, whatever the batch."""

RESCALED_LOGITS = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)
"""Configuration keys by which Gemma, Cohere, Granite, Falcon-H1 and others change the logits after the output layer."""


class Collator:
    """Pads rows to the longest of the batch: input_ids, attention_mask, labels (B, T) int64, weights (B, T) float32."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        length = max(len(row["input_ids"]) for row in rows)

        def padded(key: str, filler: float, dtype: torch.dtype) -> torch.Tensor:
            return torch.tensor([[*row[key], *[filler] * (length - len(row[key]))] for row in rows], dtype=dtype)

        lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
        return {
            "input_ids": padded("input_ids", self.pad_id, torch.long),
            "attention_mask": (torch.arange(length) < lengths).long(),  # by position: the pad id is a real token too
            "labels": padded("labels", IGNORED, torch.long),
            "weights": padded("weights", 0.0, torch.float32),
        }


class LabelledLossTrainer(SFTTrainer):
    """SFTTrainer whose batches carry ``weights`` and whose loss looks at labelled positions only. One process."""

    loss_is_scaled_for_ga = True  # type: ignore[assignment]  # the denominator below covers all passes of the step

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the platform writes the card of a model version, with its lineage."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> torch.Tensor:
        """Weighted mean cross-entropy; ``num_items_in_batch`` is the sum of weights over the whole step."""
        if return_outputs:
            raise NotImplementedError("This trainer computes losses only: no logits are kept")
        causal = self.accelerator.unwrap_model(model)
        if hasattr(causal, "get_base_model"):  # PEFT's wrapper: its adapters sit inside the layers
            causal = causal.get_base_model()
        with self.accelerator.autocast():
            total = weighted_cross_entropy(causal, inputs)
        return total / (weight_sum([inputs]) if num_items_in_batch is None else num_items_in_batch)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor | None]:
        """The passes of one step with their sum of weights, where TRL has the number of trained tokens."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        return batches, weight_sum(batches).to(device) if batches else None

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Weighted mean over all trained tokens of the set; the library's own averages means of batches."""
        model = self.model
        assert model is not None, "a trainer is made with its model"
        model.eval()
        total, weight, rows = 0.0, 0.0, 0
        with torch.no_grad():
            for inputs in dataloader:
                prepared = self._prepare_inputs(inputs)
                batch_weight = weight_sum([prepared])
                total += self.compute_loss(model, prepared, num_items_in_batch=1.0).item()
                weight += batch_weight.item()
                rows += len(prepared["input_ids"])
        metrics = {f"{metric_key_prefix}_loss": total / weight}
        return EvalLoopOutput(predictions=np.empty(0), label_ids=None, metrics=metrics, num_samples=rows)


def weight_sum(batches: Sequence[dict[str, torch.Tensor]]) -> torch.Tensor:
    """Sum of the weights of all trained positions; the first position of a row predicts nothing and has none."""
    return torch.stack([batch["weights"][:, 1:].sum() for batch in batches]).sum()


def weighted_cross_entropy(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Σ w · (−log p(token)) over the labelled positions of a batch, a scalar in float32.

    ``inputs`` holds input_ids, attention_mask, labels and weights, each (B, T). Models that change their logits after
    the output layer take the long way over their own logits, so that the value is theirs.
    """
    labels, weights = inputs["labels"][:, 1:], inputs["weights"][:, 1:]
    trained = labels != IGNORED
    targets, target_weights = labels[trained], weights[trained]
    text = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"], "use_cache": False}

    config = model.config.get_text_config()
    if any(getattr(config, key, None) is not None for key in RESCALED_LOGITS):
        logits = model(**text).logits[:, :-1][trained]
        return _nll(logits, targets, target_weights)

    hidden = model.base_model(**text).last_hidden_state[:, :-1][trained]
    head: torch.nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if len(targets) <= CHUNK:
        return _nll(head(hidden), targets, target_weights)

    def scored(start: int) -> torch.Tensor:
        part = slice(start, start + CHUNK)
        return _nll(head(hidden[part]), targets[part], target_weights[part])

    # Each chunk's logits are computed again in the backward pass in place of being kept.
    parts = [checkpoint(scored, start, use_reentrant=False) for start in range(0, len(targets), CHUNK)]
    return torch.stack(parts).sum()


def _nll(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (functional.cross_entropy(logits.float(), targets, reduction="none") * weights).sum()
