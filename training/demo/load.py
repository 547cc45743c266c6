"""What answering a ticket costs: in tokens by the base model's own tokenizer, and in time by how this machine computes today. Django-free."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annotation.render import render_messages
from ftplatform.projects.spec import TaskSpec
from inference.backends.batching import shared_prefix_length
from training.demo.plan import TOLD_SLOWNESS, Load
from training.engine.config import context_of
from training.engine.light import light_renderer
from training.engine.render import Renderer, RenderError
from training.engine.rows import Message

SAMPLE = 200
"""Tickets whose tokens are counted."""

PLANNED_GIGAFLOPS = 100.0
"""Of a product of matrices in float32 on the two cores that the plan's rates were measured on, less a fifth for chance."""

TRIES, TRY_SECONDS = 40, 0.06


def load_of(spec: TaskSpec, tickets: Sequence[dict[str, Any]], folder: Path) -> Load:
    """Counts a sample's tokens with the tokenizer in the model's folder. A ticket longer than its context is not answered and costs
    nothing. Raises LightTokenizerError, TemplateError."""
    renderer, context = light_renderer(folder), context_of(folder)
    prompts = [ids for inputs in tickets if (ids := _prompt(renderer, spec, inputs))]
    shared = shared_prefix_length(prompts) if prompts else 0
    own = [len(ids) - shared if context is None or len(ids) <= context else 0 for ids in prompts]
    chosen = spec.fields[0]
    return Load(
        own_tokens=statistics.fmean(own) if own else 0.0,
        shared_tokens=shared,
        answer_tokens=spec.max_new_tokens,
        label_tokens=sum(
            len(renderer.tokenizer(label, add_special_tokens=False)["input_ids"])
            for label in (chosen.labels if chosen.kind == "choice" else ())
        ),
        only_chosen=all(field.kind == "choice" for field in spec.fields),
        slowness=slowness(),
    )


def _prompt(renderer: Renderer, spec: TaskSpec, inputs: dict[str, Any]) -> list[int]:
    messages = [Message.model_validate(message) for message in render_messages(spec, inputs).messages]
    try:
        return renderer.prompt_ids(messages)
    except RenderError:
        return []  # it will be told with its ticket


def slowness() -> float:
    """By a product of matrices as the embedded model has them, tried until one try is as quick as planned for: what the machine can, not what
    its servers' start leaves of it. A stand-in for the model itself, whose libraries alone take ten seconds to read."""
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal(shape, dtype=np.float32) for shape in ((1536, 576), (576, 1536)))
    best = 0.0
    for _ in range(TRIES):
        begun, products = time.perf_counter(), 0
        while (spent := time.perf_counter() - begun) < TRY_SECONDS:
            left @ right
            products += 1
        best = max(best, products * 2e-9 * 1536 * 576 * 1536 / spent)
        if best >= PLANNED_GIGAFLOPS:
            return 1.0
    times = PLANNED_GIGAFLOPS / best
    return times if times >= TOLD_SLOWNESS else 1.0
