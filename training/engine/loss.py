"""TRL's SFTTrainer with a loss over the labelled positions only.

TRL scores every position of every row, prompt and padding included, wherever Triton is absent: on a CPU that is
half of the step at a vocabulary of 49 thousand. Here the backbone runs over all positions, and only those whose next
token is trained go through the output layer. The value is TRL's own, Σ cross-entropy / number of trained tokens of
all passes of the step; with weights it is the weighted mean, Σ w · cross-entropy / Σ w
(``tests/training/test_engine_loss.py`` holds both against TRL).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput
from trl.trainer.sft_trainer import SFTTrainer

from training.engine import packing
from training.engine.render import IGNORED

Head = Callable[[torch.Tensor], torch.Tensor]

ACCURACY = ".accuracy"
"""Ends the name of a metric that tells a choice field's share of right choices."""

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
    """Pads rows to the longest of the batch: input_ids, attention_mask, labels (B, T) int64, weights (B, T) float32.

    The ``forks`` of validation rows go along as they are, a list a row.
    """

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        length = max(len(row["input_ids"]) for row in rows)

        def padded(key: str, filler: float, dtype: torch.dtype) -> torch.Tensor:
            return torch.tensor([[*row[key], *[filler] * (length - len(row[key]))] for row in rows], dtype=dtype)

        lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
        batch: dict[str, Any] = {
            "input_ids": padded("input_ids", self.pad_id, torch.long),
            "attention_mask": (torch.arange(length) < lengths).long(),  # by position: the pad id is a real token too
            "labels": padded("labels", IGNORED, torch.long),
            "weights": padded("weights", 0.0, torch.float32),
        }
        if "forks" in rows[0]:
            batch["forks"] = [row["forks"] for row in rows]
        return batch


class LabelledLossTrainer(SFTTrainer):
    """SFTTrainer whose batches carry ``weights`` and whose loss looks at labelled positions only. One process."""

    loss_is_scaled_for_ga = True  # type: ignore[assignment]  # the denominator below covers all passes of the step

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert self.model is not None, "a trainer is made with its model"
        self._may_pack = packing.packs(self._causal(self.model))
        self.rate_factor: Callable[[int], float] | None = None
        """What the learning rate is multiplied with at a step; None: by one of the library's schedules."""

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        if self.rate_factor is None:
            return super().create_scheduler(num_training_steps, optimizer)
        optimizer = optimizer or self.optimizer
        assert optimizer is not None, "the optimizer is made before its schedule"
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate_factor)
        return self.lr_scheduler

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
        with self.accelerator.autocast():
            total = weighted_cross_entropy(self._causal(model), inputs, may_pack=self._may_pack)
        return total / (weight_sum([inputs]) if num_items_in_batch is None else num_items_in_batch)

    def _causal(self, model: Any) -> PreTrainedModel:
        """The language model itself, without the wrappers of accelerate and PEFT, whose adapters sit inside the layers."""
        causal = self.accelerator.unwrap_model(model)
        inner: PreTrainedModel = causal.get_base_model() if hasattr(causal, "get_base_model") else causal
        return inner

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
        """Weighted mean over all trained tokens of the set; the library's own averages means of batches.

        The same pass tells how often the model would choose right: ``eval_FIELD.accuracy``, a share of the rows with that field.
        """
        model = self.model
        assert model is not None, "a trainer is made with its model"
        model.eval()
        causal = self._causal(model)
        total, weight, rows = 0.0, 0.0, 0
        chosen: defaultdict[str, list[bool]] = defaultdict(list)
        with torch.no_grad():
            for inputs in dataloader:
                prepared = self._prepare_inputs(inputs)
                with self.accelerator.autocast():
                    states, head = predict(causal, prepared, may_pack=self._may_pack)
                    total += cross_entropy_of(states, head, prepared).item()
                    for name, is_right in choices_of(states, head, prepared):
                        chosen[name].append(is_right)
                weight += weight_sum([prepared]).item()
                rows += len(prepared["input_ids"])
        metrics = {f"{metric_key_prefix}_loss": total / weight}
        metrics |= {f"{metric_key_prefix}_{name}{ACCURACY}": sum(right) / len(right) for name, right in chosen.items()}
        return EvalLoopOutput(predictions=np.empty(0), label_ids=None, metrics=metrics, num_samples=rows)


def weight_sum(batches: Sequence[dict[str, torch.Tensor]]) -> torch.Tensor:
    """Sum of the weights of all trained positions; the first position of a row predicts nothing and has none."""
    return torch.stack([batch["weights"][:, 1:].sum() for batch in batches]).sum()


def weighted_cross_entropy(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], *, may_pack: bool = False
) -> torch.Tensor:
    """Σ w · (−log p(token)) over the labelled positions of a batch, a scalar in float32.

    ``inputs`` holds input_ids, attention_mask, labels and weights, each (B, T).
    """
    return cross_entropy_of(*predict(model, inputs, may_pack=may_pack), inputs)


def predict(model: PreTrainedModel, inputs: dict[str, Any], *, may_pack: bool = False) -> tuple[torch.Tensor, Head]:
    """What predicts each next token, (B, T − 1, ·), and the layer that makes its logits of it. may_pack: see ``packing``.

    Models that change their logits after the output layer take the long way over their own logits, so that the value is theirs.
    """
    text = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"], "use_cache": False}
    config = model.config.get_text_config()
    if any(getattr(config, key, None) is not None for key in RESCALED_LOGITS):
        return model(**text).logits[:, :-1], torch.nn.Identity()
    head: Head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if may_pack and packing.is_worth_it(inputs["input_ids"], inputs["attention_mask"]):
        return packing.hidden_states(model.base_model, inputs)[:, :-1], head
    return model.base_model(**text).last_hidden_state[:, :-1], head


def cross_entropy_of(states: torch.Tensor, head: Head, inputs: dict[str, Any]) -> torch.Tensor:
    """``weighted_cross_entropy`` of what ``predict`` gave."""
    labels, weights = inputs["labels"][:, 1:], inputs["weights"][:, 1:]
    trained = labels != IGNORED
    targets, target_weights = labels[trained], weights[trained]
    hidden = states[trained]
    if len(targets) <= CHUNK:
        return _nll(head(hidden), targets, target_weights)

    def scored(start: int) -> torch.Tensor:
        part = slice(start, start + CHUNK)
        return _nll(head(hidden[part]), targets[part], target_weights[part])

    # Each chunk's logits are computed again in the backward pass in place of being kept.
    parts = [checkpoint(scored, start, use_reentrant=False) for start in range(0, len(targets), CHUNK)]
    return torch.stack(parts).sum()


def choices_of(states: torch.Tensor, head: Head, inputs: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """(field, whether the model would choose the row's own label) for each choice of each row of a batch.

    Right means: at each fork of the labels the row's token scores above its rivals, which is what a greedy decoder that may
    write nothing but labels does, given the row's own text before the choice.
    """
    forks = [(row, fork) for row, found in enumerate(inputs.get("forks", ())) for fork in found]
    if not forks:
        return
    places = torch.tensor([[row, fork["position"]] for row, fork in forks], device=states.device)
    logits = head(states[places[:, 0], places[:, 1] - 1]).float()
    tokens = inputs["input_ids"][places[:, 0], places[:, 1]].tolist()
    right: dict[tuple[int, str], bool] = {}
    for (row, fork), token, scores in zip(forks, tokens, logits, strict=True):
        is_right = bool(scores[token] > scores[fork["rivals"]].max())
        right[row, fork["name"]] = right.get((row, fork["name"]), True) and is_right
    for (_, name), is_right in right.items():
        yield name, is_right


def _nll(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (functional.cross_entropy(logits.float(), targets, reduction="none") * weights).sum()
