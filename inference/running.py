"""Fills a generation run, whoever's job it is: resumable at the next chunk, each answer stored once.

Chunks are fixed by the items' order, so that a resumed run pads its batches as the first did and gets the same answers.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
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
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.engine import run_engine
from ftplatform.keepable import shown
from ftplatform.projects.spec import TaskSpec
from inference.backends import choices
from inference.backends.base import BackendError, ChoiceOutput, GenerationRequest, Message, Output, Sampling
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion, PromptCondition
from inference.remote import open_backend

CHUNK = 60
"""Items a chunk and a batch: measured best on two cores with a small model (stack.md)."""

REMOTE_CHUNK = 16
THEN = ", then "

Tell = Callable[[int], None]
"""tell(answers of this cell that are there): the job's progress."""


def fill(context: JobContext, run: GenerationRun, *, retry_errors: bool = False) -> dict[str, Any]:
    """Makes every answer that is still missing. Returns counts. Raises JobFailed or JobStopped, keeping what is complete.

    retry_errors: items that got an error are asked again; a job that goes on does so anyway.
    """
    spec = run.task_revision.spec
    items = list(run.dataset_version.items.filter(split=run.split).order_by("position"))
    cells = _ordered(list(run.cells.select_related("model_version__files", "condition").order_by("pk")))
    if retry_errors or context.attempt > 1:
        Generation.objects.filter(cell__in=cells, finish_reason="error", item_answers=None).delete()
    total = len(items) * len(cells)
    for place, cell in enumerate(cells):

        def tell(answered: int, before: int = place * len(items)) -> None:
            context.progress(before + answered, total, "answers")

        have = set(cell.generations.values_list("item_id", flat=True))
        tell(len(have))
        if len(have) < len(items):
            _fill_cell(context, run, spec, cell, items, have, tell)
        tell(len(items))
    errors = Generation.objects.filter(cell__in=cells, finish_reason="error").count()
    return {"answers": total, "errors": errors}


def _ordered(cells: list[GenerationCell]) -> list[GenerationCell]:
    """Cells that are derived from others come last."""
    return sorted(cells, key=lambda cell: (cell.condition.decoding == PromptCondition.Decoding.CALIBRATED, cell.pk))


def _fill_cell(
    context: JobContext,
    run: GenerationRun,
    spec: TaskSpec,
    cell: GenerationCell,
    items: list[DatasetItem],
    have: set[int],
    tell: Tell,
) -> None:
    keep = _Keeper(context, cell)
    if cell.model_version.source == ModelVersion.Source.REMOTE:
        _ask_remote(keep, run, spec, cell, items, have, tell)
    elif cell.condition.decoding == PromptCondition.Decoding.CALIBRATED:
        _calibrate(keep, run, spec, cell, items)
    else:
        _ask_engine(keep, run, spec, cell, items, have, tell)


class _Keeper:
    """Keeps a cell's answers chunk by chunk, and with them where they were made and how long it took: a kill loses nothing of either.

    Seconds that ended in no stored answer are not counted, so that tokens and seconds stay of the same work.
    """

    def __init__(self, context: JobContext, cell: GenerationCell) -> None:
        self.context = context
        self._cell = cell
        self._since = time.monotonic()

    def place(self, backend: str, hardware: str) -> None:
        """Where the answers from now on are made. A run that goes on elsewhere names both places: its latencies are of neither."""
        cell, before, hardware = self._cell, self._cell.hardware, hardware[:200]
        moved = before and before != hardware and not before.endswith(f"{THEN}{hardware}")
        cell.backend, cell.hardware = backend, (f"{before}{THEN}{hardware}" if moved else before or hardware)[:200]
        with self.context.transaction():
            cell.save(update_fields=["backend", "hardware"])

    def chunk(self, answers: Sequence[Generation]) -> None:
        now = time.monotonic()
        with self.context.transaction():
            _store(self.context, answers)
            GenerationCell.objects.filter(pk=self._cell.pk).update(seconds=F("seconds") + (now - self._since))
        self._since = now


# ── the transformers engine ──


def _ask_engine(
    keep: _Keeper,
    run: GenerationRun,
    spec: TaskSpec,
    cell: GenerationCell,
    items: list[DatasetItem],
    have: set[int],
    tell: Tell,
) -> None:
    is_choice = cell.condition.decoding != PromptCondition.Decoding.FREE
    folder = settings.FT_HOME / "runs" / f"generation-{run.pk}" / f"cell-{cell.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    requests = folder / "requests.jsonl"
    with requests.open("w", encoding="utf-8") as file:
        for item in items:
            file.write(json.dumps(_request(spec, cell, item, is_choice), ensure_ascii=False) + "\n")
    chunks = [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]
    done_chunks = [index for index, chunk in enumerate(chunks) if all(item.pk in have for item in chunk)]
    assert cell.model_version.files
    config = {
        "model": str(materialise(cell.model_version.files)),
        "requests": str(requests),
        "output": str(folder / "answers.jsonl"),
        "kind": "choices" if is_choice else "generate",
        "sampling": run.sampling,
        "chunk_size": CHUNK,
        "done_chunks": done_chunks,
    }
    by_id = {str(item.pk): item for item in items}
    for event in run_engine(keep.context, "inference.engine", config, folder):
        if event["event"] == "chunk":
            make = _from_choice if is_choice else _from_output
            rows = [row for row in _chunk_rows(event) if int(row["id"]) not in have]
            keep.chunk([make(spec, cell, by_id[row["id"]], row) for row in rows])
        elif event["event"] == "progress":
            tell(event["done"])
        elif event["event"] == "environment":
            keep.place("transformers", str(event["hardware"]))
        elif event["event"] == "log":
            keep.context.log(str(event.get("message", "")))


def _request(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, is_choice: bool) -> dict[str, Any]:
    request: dict[str, Any] = {"id": str(item.pk), "messages": messages_for(spec, cell, item)}
    if is_choice:
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


def _calibrate(
    keep: _Keeper, run: GenerationRun, spec: TaskSpec, cell: GenerationCell, items: list[DatasetItem]
) -> None:
    """From the likelihoods of the uncalibrated cell of the same model and shots in this run."""
    source = next(
        (
            other
            for other in run.cells.select_related("condition").filter(
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
        _choice_row(
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


def _ask_remote(
    keep: _Keeper,
    run: GenerationRun,
    spec: TaskSpec,
    cell: GenerationCell,
    items: list[DatasetItem],
    have: set[int],
    tell: Tell,
) -> None:
    deployment = cell.model_version.deployments.filter(backend="openai").order_by("-pk").first()
    if deployment is None:
        raise JobFailed("no-deployment", f"{cell.model_version} has no address any more; register it again.")
    backend = open_backend(deployment.url, cell.model_version.reference, os.environ.get(deployment.api_key_name, ""))
    sampling = TypeAdapter(Sampling).validate_python(run.sampling)
    keep.place("openai", deployment.url)
    by_id = {str(item.pk): item for item in items}
    rest = (item for item in items if item.pk not in have)
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
            keep.chunk([_from_remote(spec, cell, by_id[one.id], one) for one in outputs])
            answered += len(outputs)
            tell(answered)


# ── rows ──


def _store(context: JobContext, answers: Sequence[Generation]) -> None:
    """One chunk, once: the fence keeps a superseded attempt out, the unique constraint keeps doubles out."""
    with context.transaction():
        Generation.objects.bulk_create(answers, ignore_conflicts=True)


def _from_output(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, row: dict[str, Any]) -> Generation:
    text = shown(str(row.get("text", "")))
    parsed = codecs.parse(spec, text)
    return Generation(
        cell=cell,
        item=item,
        output=text,
        values=parsed.values,
        parse=parsed.status,
        tokens_in=row.get("tokens_in"),
        tokens_out=row.get("tokens_out"),
        first_token_seconds=row.get("first_token_seconds"),
        seconds=row.get("seconds"),
        concurrency=row.get("concurrency", 1),
        finish_reason=row["finish_reason"],
        error=str(row.get("error", "")),
    )


def _from_remote(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, output: Output) -> Generation:
    row = {name: getattr(output, name) for name in Output.__slots__}
    return _from_output(spec, cell, item, row)


def _from_choice(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, row: dict[str, Any]) -> Generation:
    return _choice_row(
        spec,
        cell,
        item,
        row["choice"],
        row["log_likelihoods"],
        row.get("tokens_in"),
        row.get("seconds"),
        row.get("concurrency", 1),
        str(row.get("error", "")),
    )


def _choice_row(
    spec: TaskSpec,
    cell: GenerationCell,
    item: DatasetItem,
    choice: str,
    log_likelihoods: dict[str, float],
    tokens_in: int | None,
    seconds: float | None,
    concurrency: int,
    error: str,
) -> Generation:
    field = spec.fields[0]
    value = codecs.choice_frame(spec, field).labels.get(choice)
    return Generation(
        cell=cell,
        item=item,
        output=choice,
        values={} if value is None else {field.name: value},
        parse={field.name: "failed" if value is None else "ok"},
        log_likelihoods=log_likelihoods,
        tokens_in=tokens_in,
        seconds=seconds,
        concurrency=concurrency,
        finish_reason="error" if error or value is None else "choice",
        error=error,
    )
