"""Answers as rows: what a backend wrote, parsed by the task's codec; a choice between labels, as the label that it stands for."""

from __future__ import annotations

from typing import Any

from annotation import codecs
from annotation.models import DatasetItem
from ftplatform.keepable import shown
from ftplatform.projects.spec import TaskSpec
from inference.backends.base import Output
from inference.models import Generation, GenerationCell


def from_output(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, row: dict[str, Any]) -> Generation:
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


def from_remote(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, output: Output) -> Generation:
    row = {name: getattr(output, name) for name in Output.__slots__}
    return from_output(spec, cell, item, row)


def from_choice(spec: TaskSpec, cell: GenerationCell, item: DatasetItem, row: dict[str, Any]) -> Generation:
    return choice_row(
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


def choice_row(
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
