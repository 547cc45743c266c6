"""A project on its way through the loop: both sets frozen, the tiny model registered, a baseline where a test asks for one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation import services as annotation
from annotation.models import DatasetItem, DatasetVersion
from evaluation.models import Scorecard
from ftplatform.projects.models import Project
from inference import services as inference
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion
from tests.factories import SYSTEM, Cast

DESKS = ("permits", "tax", "energy")


def drafts(split: str, count: int, start: int) -> list[annotation.ItemDraft]:
    """Items whose desk stands in the question; every one a group of its own."""
    return [
        annotation.ItemDraft(
            inputs={"question": f"Question {at} about {DESKS[at % 3]}?"},
            values={"desk": DESKS[at % 3], "reply": f"Answer number {at % 7}."},
            split=split,
            group_key=f"group-{at}",
            prompt_hash=f"prompt-{at}",
        )
        for at in range(start, start + count)
    ]


@dataclass(frozen=True)
class World:
    cast: Cast
    project: Project
    evaluation_set: DatasetVersion
    training_set: DatasetVersion
    base: ModelVersion

    @classmethod
    def make(cls, cast: Cast, model: Path) -> World:
        project = cast.project
        common: dict[str, Any] = {"project": project, "task_revision": project.task_revision, "by": cast.by}
        evaluation_set = annotation.freeze_dataset(
            kind=DatasetVersion.Kind.EVALUATION, items=drafts("test", 18, 1000), evaluation_set=None, **common
        )
        training_set = annotation.freeze_dataset(
            kind=DatasetVersion.Kind.SFT,
            items=[*drafts("train", 24, 0), *drafts("validation", 6, 500)],
            evaluation_set=evaluation_set,
            **common,
        )
        base = inference.register_folder(project=project, folder=str(model), name="Tiny", by=SYSTEM)
        return cls(cast, project, evaluation_set, training_set, base)

    def generation_run(self, *askings: inference.Asking, versions: list[ModelVersion] | None = None) -> GenerationRun:
        """A run over the test split; its job waits."""
        return inference.request_generation(
            dataset_version=self.evaluation_set,
            split="test",
            versions=versions or [self.base],
            askings=askings or [inference.Asking("zero-shot")],
            sampling={"max_new_tokens": 16},
            by=self.cast.by,
        )

    def baseline(self, run: GenerationRun | None = None) -> Scorecard:
        """A baseline scorecard of the base model, as a row: what opens the lock. Its content is of no interest here."""
        run = run or self._unasked_run()
        return Scorecard.objects.create(
            project=self.project,
            number=self.project.scorecards.count() + 1,
            kind=Scorecard.Kind.BASELINE,
            task_revision=self.project.task_revision,
            evaluation_set=self.evaluation_set,
            base_model=self.base,
            generation_run=run,
            content={},
            content_hash="-",
        )

    def _unasked_run(self) -> GenerationRun:
        """A run that no job fills."""
        condition = inference.ensure_condition(
            task_revision=self.evaluation_set.task_revision, name="zero-shot", by=self.cast.by
        )
        return inference.create_generation_run(
            dataset_version=self.evaluation_set, split="test", cells=[(self.base, condition)], by=self.cast.by
        )

    def tuned(self) -> ModelVersion:
        """A second version, as a training run would have made it, of the same files."""
        return ModelVersion.objects.create(
            project=self.project,
            number=ModelVersion.objects.filter(project=self.project).count() + 1,
            name="Tiny, tuned",
            source=ModelVersion.Source.TRAINED,
            reference=self.base.reference,
            method="lora",
            base=self.base,
            parent=self.base,
            files=self.base.files,
        )


def answer(cell: GenerationCell, item: DatasetItem, desk: str | None, reply: str, **more: Any) -> Generation:
    """An answer as the engine would have stored it; no desk: it could not be parsed."""
    values = {"reply": reply} | ({"desk": desk} if desk else {})
    return Generation.objects.create(
        cell=cell,
        item=item,
        output=f"desk: {desk}\nreply: {reply}" if desk else reply,
        values=values,
        parse={"desk": "ok" if desk else "failed", "reply": "ok"},
        tokens_in=20,
        tokens_out=len(reply.split()),
        first_token_seconds=0.1,
        seconds=0.5,
        concurrency=18,
        **{"finish_reason": "stop", **more},
    )
