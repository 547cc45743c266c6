"""Fills a generation run, whoever's job it is: resumable at the next chunk, each answer stored once.

Chunks are fixed by the items' order, so that a resumed run pads its batches as the first did and gets the same answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F
from pydantic import TypeAdapter

from annotation import codecs
from annotation.models import DatasetItem
from annotation.render import render_messages
from annotation.texts import CONTROL_TOKENS
from ftplatform.artifacts.services import materialise
from ftplatform.errors import Refused
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.engine import run_engine
from ftplatform.projects.spec import TaskSpec
from inference import answerrows
from inference.backends import choices
from inference.backends.base import (
    BATCH_SIZE,
    Backend,
    BackendError,
    ChoiceOutput,
    GenerationRequest,
    Message,
    Output,
    Sampling,
)
from inference.keys import key_for
from inference.models import Deployment, Generation, GenerationCell, GenerationRun, PromptCondition
from inference.remote import open_backend

CHUNK = BATCH_SIZE

REMOTE_CHUNK = 16
THEN = ", then "


def fill(context: JobContext, run: GenerationRun, *, retry_errors: bool = False) -> dict[str, Any]:
    """Makes every answer that is still missing. Returns counts. Raises JobFailed or JobStopped, keeping what is complete.

    retry_errors: items that got an error are asked again; a job that goes on does so anyway. Not where the run was scored.
    """
    items = list(run.dataset_version.items.filter(split=run.split).order_by("position"))
    cells = list(run.cells.select_related("model_version__files", "condition").order_by("pk"))
    if retry_errors or context.attempt > 1:
        _drop_errors(context, cells)
    work = _Work(context, run, run.task_revision.spec, items, total=len(items) * len(cells))
    before = 0
    for way, group in _groups(cells):
        todo = [_Todo(cell, set(cell.generations.values_list("item_id", flat=True))) for cell in group]
        missing = [one for one in todo if len(one.have) < len(items)]
        work.before = before + len(items) * (len(todo) - len(missing))
        work.tell(sum(len(one.have) for one in missing))
        if missing:
            way(work, missing)
        before += len(items) * len(group)
        work.before = before
        work.tell(0)
    errors = Generation.objects.filter(cell__in=cells, finish_reason="error").count()
    return {"answers": work.total, "errors": errors}


@dataclass(frozen=True)
class _Todo:
    """A cell, and the items whose answers it has."""

    cell: GenerationCell
    have: set[int]


@dataclass
class _Work:
    """What all ways of answering need."""

    context: JobContext
    run: GenerationRun
    spec: TaskSpec
    items: list[DatasetItem]
    total: int
    before: int = 0
    """Answers of other cells, which count before those that are told."""

    def tell(self, answered: int) -> None:
        self.context.progress(self.before + answered, self.total, "answers")


Way = Callable[[_Work, list[_Todo]], None]


def _drop_errors(context: JobContext, cells: Sequence[GenerationCell]) -> None:
    """Items that got an error are asked again. What was calibrated beside them is made anew: its means are over all items.

    What people have been shown stays, and so does all of a run that a scorecard was made of: its figures are of these answers.
    """
    with context.transaction():
        unread = Generation.objects.filter(cell__in=cells, item_answers=None, cell__run__scorecards=None)
        failed = unread.filter(finish_reason="error")
        if failed.filter(cell__condition__decoding=PromptCondition.Decoding.CONSTRAINED).exists():
            unread.filter(cell__condition__decoding=PromptCondition.Decoding.CALIBRATED).delete()
        failed.delete()


def _groups(cells: list[GenerationCell]) -> Iterator[tuple[Way, list[GenerationCell]]]:
    """How cells are filled: those of one model together, since loading it takes as long as answering many tickets; those that are
    derived from others last."""
    engine: dict[int, list[GenerationCell]] = {}
    remote, derived = [], []
    for cell in cells:
        if cell.condition.decoding == PromptCondition.Decoding.CALIBRATED:
            derived.append(cell)
        elif cell.model_version.backend.runs_in_engine:
            engine.setdefault(cell.model_version_id, []).append(cell)
        else:
            remote.append(cell)
    yield from ((_ask_engine, group) for group in engine.values())
    yield from ((_ask_remote, [cell]) for cell in remote)
    yield from ((_calibrate, [cell]) for cell in derived)


class _Clock:
    """Seconds since it was asked last. The cells of one engine share it: each counts what passed while it was answered."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def lap(self) -> float:
        since, self._since = self._since, time.monotonic()
        return self._since - since


class _Keeper:
    """Keeps a cell's answers chunk by chunk, and with them where they were made and how long it took: a kill loses nothing of either.

    Seconds that ended in no stored answer are not counted, so that tokens and seconds stay of the same work.
    """

    def __init__(self, context: JobContext, cell: GenerationCell, clock: _Clock | None = None) -> None:
        self.context = context
        self._cell = cell
        self._clock = clock or _Clock()

    def place(self, backend: str, hardware: str) -> None:
        """Where the answers from now on are made. A run that goes on elsewhere names both places: its latencies are of neither."""
        cell, before, hardware = self._cell, self._cell.hardware, hardware[:200]
        moved = before and before != hardware and not before.endswith(f"{THEN}{hardware}")
        cell.backend, cell.hardware = backend, (f"{before}{THEN}{hardware}" if moved else before or hardware)[:200]
        with self.context.transaction():
            cell.save(update_fields=["backend", "hardware"])

    def chunk(self, answers: Sequence[Generation]) -> None:
        seconds = self._clock.lap()
        with self.context.transaction():
            _store(self.context, answers)
            GenerationCell.objects.filter(pk=self._cell.pk).update(seconds=F("seconds") + seconds)


# ── the transformers engine ──


def _ask_engine(work: _Work, todo: list[_Todo]) -> None:
    """One engine for all cells of a model, each with files of its own."""
    version = todo[0].cell.model_version
    assert version.files
    folder = settings.FT_HOME / "runs" / f"generation-{work.run.pk}" / f"version-{version.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model": str(materialise(version.files)),
        "backend": version.backend.name,
        "files": [_request_file(work, one, folder) for one in todo],
        "sampling": work.run.sampling,
        "chunk_size": CHUNK,
    }
    by_id = {str(item.pk): item for item in work.items}
    clock = _Clock()
    keepers = [_Keeper(work.context, one.cell, clock) for one in todo]
    for event in run_engine(work.context, "inference.engine", config, folder):
        match event["event"]:
            case "chunk":
                cell, have = todo[event["file"]].cell, todo[event["file"]].have
                make = answerrows.from_choice if _is_choice(cell) else answerrows.from_output
                rows = [row for row in _chunk_rows(event) if int(row["id"]) not in have]
                keepers[event["file"]].chunk([make(work.spec, cell, by_id[row["id"]], row) for row in rows])
            case "progress":
                work.tell(event["done"])
            case "environment":
                clock.lap()  # loading the model is nobody's answer
                for keeper in keepers:
                    keeper.place(version.backend.name, str(event["hardware"]))
            case "log":
                work.context.log(str(event.get("message", "")))
    for path in folder.glob("*.jsonl"):
        path.unlink()  # every answer is in its table


def _request_file(work: _Work, todo: _Todo, folder: Path) -> dict[str, Any]:
    """Writes a cell's requests; what the engine has to know of them."""
    cell, have = todo.cell, todo.have
    requests = folder / f"cell-{cell.pk}-requests.jsonl"
    with requests.open("w", encoding="utf-8") as file:
        for item in work.items:
            file.write(json.dumps(_request(work.spec, cell, item), ensure_ascii=False) + "\n")
    chunks = [work.items[at : at + CHUNK] for at in range(0, len(work.items), CHUNK)]
    return {
        "requests": str(requests),
        "output": str(folder / f"cell-{cell.pk}-answers.jsonl"),
        "kind": "choices" if _is_choice(cell) else "generate",
        "done_chunks": [index for index, chunk in enumerate(chunks) if all(item.pk in have for item in chunk)],
    }


def _is_choice(cell: GenerationCell) -> bool:
    return cell.condition.decoding != PromptCondition.Decoding.FREE


def _request(spec: TaskSpec, cell: GenerationCell, item: DatasetItem) -> dict[str, Any]:
    request: dict[str, Any] = {"id": str(item.pk), "messages": messages_for(spec, cell, item)}
    if _is_choice(cell):
        frame = codecs.choice_frame(spec, spec.fields[0])
        request |= {
            "prefix": frame.prefix,
            "choices": list(frame.labels),
            "ending": frame.ending,
            "end_of_turn": frame.end_of_turn,
        }
    return request


def messages_for(spec: TaskSpec, cell: GenerationCell, item: DatasetItem) -> list[dict[str, str]]:
    """What the model is sent: the one render, with the condition's shots and this model's own control tokens neutralised."""
    tokens = {*CONTROL_TOKENS, *cell.model_version.control_tokens}
    return render_messages(
        spec, item.content["inputs"], shots=cell.condition.shot_messages, control_tokens=sorted(tokens)
    ).messages


def _chunk_rows(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an announced chunk: complete and on disk, at this place of the engine's output file."""
    with Path(event["path"]).open("rb") as file:
        file.seek(event["offset"])
        return [json.loads(line) for line in file.read(event["bytes"]).splitlines()]


# ── constrained choice, calibrated: no second pass of the model ──


def _calibrate(work: _Work, todo: list[_Todo]) -> None:
    """From the likelihoods of the uncalibrated cell of the same model and shots in this run."""
    cell, spec, items = todo[0].cell, work.spec, work.items
    keep = _Keeper(work.context, cell)
    source = next(
        (
            other
            for other in work.run.cells.select_related("condition").filter(
                model_version=cell.model_version, condition__decoding=PromptCondition.Decoding.CONSTRAINED
            )
            if other.condition.shot_messages == cell.condition.shot_messages
        ),
        None,
    )
    if source is None:
        raise JobFailed(
            "no-constrained-cell", "The calibrated condition is made from the constrained one; put both into the run."
        )
    keep.place(source.backend, source.hardware)
    rows = {one.item_id: one for one in source.generations.all()}
    outputs = [
        ChoiceOutput(
            id=str(item.pk),
            choice="",
            log_likelihoods=rows[item.pk].log_likelihoods or {},
            tokens_in=rows[item.pk].tokens_in or 0,
            seconds=rows[item.pk].seconds or 0,
            concurrency=rows[item.pk].concurrency,
            finish_reason="error" if rows[item.pk].finish_reason == "error" else "choice",
            error=rows[item.pk].error,
        )
        for item in items
    ]
    by_id = {str(item.pk): item for item in items}
    made = [
        answerrows.choice_row(
            spec,
            cell,
            by_id[one.id],
            one.choice,
            one.log_likelihoods,
            one.tokens_in,
            one.seconds,
            one.concurrency,
            one.error,
        )
        for one in choices.calibrate(outputs)
    ]
    keep.chunk(made)


# ── any OpenAI-compatible address ──


def _ask_remote(work: _Work, todo: list[_Todo]) -> None:
    cell = todo[0].cell
    deployment = cell.model_version.deployments.filter(backend=cell.model_version.backend.name).order_by("-pk").first()
    if deployment is None:
        raise JobFailed("no-deployment", f"{cell.model_version} no longer has an address; register it again.")
    keep = _Keeper(work.context, cell)
    keep.place(deployment.backend, deployment.url)
    with open_backend(deployment.url, cell.model_version.reference, _key_of(deployment)) as backend:
        _ask(backend, work, todo[0], keep)


def _ask(backend: Backend, work: _Work, todo: _Todo, keep: _Keeper) -> None:
    """Chunk by chunk; what had come when the address fails is kept."""
    cell, have, spec = todo.cell, todo.have, work.spec
    sampling = TypeAdapter(Sampling).validate_python(work.run.sampling)
    by_id = {str(item.pk): item for item in work.items}
    rest = (item for item in work.items if item.pk not in have)
    answered = len(have)
    while chunk := list(islice(rest, REMOTE_CHUNK)):
        requests = [
            GenerationRequest(str(item.pk), tuple(Message(**one) for one in messages_for(spec, cell, item)))  # type: ignore[arg-type]
            for item in chunk
        ]
        outputs: list[Output] = []
        try:
            for output in backend.generate(requests, sampling):
                outputs.append(output)
        except BackendError as error:
            raise JobFailed(
                error.code, f"{error.message} What is there is kept; resume the run when the address answers."
            ) from error
        finally:
            keep.chunk([answerrows.from_remote(spec, cell, by_id[one.id], one) for one in outputs])
            answered += len(outputs)
            work.tell(answered)


def _store(context: JobContext, answers: Sequence[Generation]) -> None:
    """One chunk, once: the fence keeps a superseded attempt out, the unique constraint keeps doubles out."""
    with context.transaction():
        Generation.objects.bulk_create(answers, ignore_conflicts=True)


def _key_of(deployment: Deployment) -> str:
    try:
        return key_for(deployment.url, deployment.api_key_name)
    except Refused as error:
        raise JobFailed(error.code, f"{error.message} Then resume the run.") from error
