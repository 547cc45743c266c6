"""Prompt conditions: how a model is asked. k shots are drawn from train by seed, once, and frozen with the condition."""

import random
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from annotation import codecs
from annotation.fieldvalues import UnparsableValue
from annotation.models import Example, ResolvedLabel, Split
from annotation.render import render_completion, render_messages
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import TaskRevision
from ftplatform.projects.spec import TaskSpec
from inference.models import PromptCondition

MOST_SHOTS = 32
CANDIDATES = 400
SHOT_CHARACTERS = 1500
"""A shot longer than this would push the ticket itself out of a small model's context."""


@dataclass(frozen=True)
class Asking:
    """A prompt condition by what it is, for whoever starts a run: the condition is made when there is none of this name."""

    name: str
    decoding: str = PromptCondition.Decoding.FREE.value
    shots: int = 0
    seed: int = 0

    @classmethod
    def of(cls, name: str, *, decoding: str | None = None, shots: int | None = None, seed: int = 0) -> "Asking":
        """A name that says what it is, or any other with its parts. Raises Refused where the two contradict each other."""
        try:
            made = cls.named(name, seed=seed)
        except Refused:
            return cls(name, decoding or PromptCondition.Decoding.FREE.value, shots or 0, seed)
        if decoding not in (None, made.decoding) or shots not in (None, made.shots):
            raise Refused(
                "condition-name",
                f"{name} means {made.decoding} decoding with {made.shots} shots; leave decoding and shots out, or take another name.",
                field="conditions",
            )
        return made

    @classmethod
    def named(cls, name: str, *, seed: int = 0) -> "Asking":
        """`zero-shot`, `5-shot`, `constrained` or `constrained-calibrated`. Raises Refused with these names for any other."""
        if name == "zero-shot":
            return cls(name)
        if name in (PromptCondition.Decoding.CONSTRAINED, PromptCondition.Decoding.CALIBRATED):
            return cls(name, decoding=name)
        shots = name.removesuffix("-shot")
        if name.endswith("-shot") and shots.isdecimal() and 0 < int(shots) <= MOST_SHOTS:
            return cls(name, shots=int(shots), seed=seed)
        raise Refused(
            "unknown-condition",
            f"{name!r} is not a condition; there are zero-shot, 1-shot to {MOST_SHOTS}-shot, constrained and constrained-calibrated.",
            field="conditions",
        )


@transaction.atomic
def ensure_condition(
    *, task_revision: TaskRevision, name: str, decoding: str = "free", shots: int = 0, seed: int = 0, by: Actor
) -> PromptCondition:
    """The condition of this name and seed, made if need be. Raises Refused where the task or the tickets cannot give it."""
    asked = Asking.of(name, decoding=decoding, shots=shots, seed=seed)
    TaskRevision.objects.select_for_update(no_key=True).get(pk=task_revision.pk)  # two who ask at once get the same one
    existing = PromptCondition.objects.filter(task_revision=task_revision, name=name, seed=asked.seed).first()
    if existing:
        if (existing.decoding, existing.shots) != (decoding, shots):
            raise Refused(
                "condition-exists", f"There is another condition called {name}; choose another name.", field="name"
            )
        return existing
    spec = task_revision.spec
    if decoding != PromptCondition.Decoding.FREE:
        try:
            codecs.choice_frame(spec, spec.fields[0])
        except ValueError as error:
            raise Refused(
                "no-choice-first",
                f"Constrained choice needs a choice field in the first place: {error}.",
                field="decoding",
            ) from error
    messages, sources = _draw_shots(task_revision, spec, shots, asked.seed)
    condition = PromptCondition.objects.create(
        task_revision=task_revision,
        name=name,
        decoding=decoding,
        shots=shots,
        seed=asked.seed,
        shot_messages=messages,
        shot_sources=sources,
    )
    record(
        by=by,
        verb="condition.create",
        target=condition,
        project=task_revision.project,
        data={"name": name, "shots": shots},
    )
    return condition


def shots_to_be_had(task_revision: TaskRevision, shots: int, seed: int) -> int:
    """How many of so many shots can be drawn: resolved train tickets that are short enough."""
    return len(_find_shots(task_revision, task_revision.spec, shots, seed)[1])


def _draw_shots(
    revision: TaskRevision, spec: TaskSpec, shots: int, seed: int
) -> tuple[list[dict[str, str]], list[str]]:
    messages, sources = _find_shots(revision, spec, shots, seed)
    if len(sources) < shots:
        raise Refused(
            "too-few-shots",
            f"{shots} shots were asked for, but only {len(sources)} resolved train tickets are short enough. Draw the splits first, or ask for fewer.",
            field="shots",
        )
    return messages, sources


def _find_shots(
    revision: TaskRevision, spec: TaskSpec, shots: int, seed: int
) -> tuple[list[dict[str, str]], list[str]]:
    """At most k resolved train tickets with short texts, from different labels of the first choice field while there are any."""
    if not shots:
        return [], []
    pool = list(
        Example.objects.filter(project=revision.project, split=Split.TRAIN, state=Example.State.RESOLVED)
        .order_by("content_hash")
        .values_list("pk", flat=True)
    )
    rng = random.Random(f"shots-{seed}")  # noqa: S311 - a reproducible draw, no secret
    drawn = rng.sample(pool, min(CANDIDATES, len(pool)))
    contents = {example.pk: example for example in Example.objects.select_related("content").filter(pk__in=drawn)}
    values: dict[int, dict[str, Any]] = {}
    for resolved in ResolvedLabel.objects.filter(example_id__in=drawn):
        values.setdefault(resolved.example_id, {})[resolved.field] = resolved.value
    messages: list[dict[str, str]] = []
    sources: list[str] = []
    seen: set[str] = set()
    choice = next((field.name for field in spec.choice_fields), "")
    for fresh_only in (True, False):
        for pk in drawn:
            if len(sources) == shots:
                return messages, sources
            if f"example:{pk}" in sources or not _complete(spec, values.get(pk, {})):
                continue
            label = str(values[pk].get(choice, ""))
            if fresh_only and label in seen:
                continue
            try:
                completion, _ = render_completion(spec, values[pk])
            except UnparsableValue:
                continue
            user = render_messages(spec, contents[pk].content.inputs).messages[-1]
            if len(user["content"]) + len(completion) > SHOT_CHARACTERS:
                continue
            seen.add(label)
            sources.append(f"example:{pk}")
            messages += [user, {"role": "assistant", "content": completion}]
    return messages, sources


def _complete(spec: TaskSpec, values: dict[str, Any]) -> bool:
    return all(field.name in values for field in spec.fields if field.required and spec.is_asked(field, values))
