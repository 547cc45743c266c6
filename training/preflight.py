"""Which rows of a training set a run could not train on, told before it starts: too long for it, or with nothing to learn.

The same render as the engine's, over a tokenizer without torch. A frozen set's tokens never change, so they are counted once in
a process for each set and tokenizer; a setting like `max_length` is then a comparison of numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from annotation.models import DatasetVersion
from ftplatform.artifacts.services import materialise
from ftplatform.errors import FieldError, Refused
from ftplatform.ui.numbers import thousands
from inference.models import ModelVersion
from training.engine.config import context_of
from training.engine.light import LightTokenizerError, light_renderer
from training.engine.render import RenderError, TemplateError, UntrainedRow
from training.trainrows import row_of

CHECKED_AT_ONCE = 10_000
"""Rows counted while somebody waits: two seconds. A larger set is counted by the run itself, before its first step."""

NAMED = 10
"""Rows named in a sentence; the page lists more, the API all."""

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class Row:
    """A row that a run cannot train on as it stands."""

    item: int
    number: int
    """As the dataset's page counts: from 1."""
    split: str
    ticket: int | None
    tokens: int | None
    """Of prompt and answer; None where the row could not be rendered."""
    reason: str

    def __str__(self) -> str:
        return f"{self.number} with {thousands(self.tokens)} tokens" if self.tokens else f"{self.number}: {self.reason}"


@dataclass(frozen=True)
class Counted:
    """The tokens of a set's rows under one tokenizer, whatever a run's settings are."""

    rows: tuple[Row, ...]
    """Every row, in the set's order; `reason` is empty where it can be trained on if it is not too long."""
    faulty: frozenset[int]
    """Items that no setting helps and no run may leave out: the chat template refuses them."""
    context: int | None
    """Tokens that the model reads at most."""


@dataclass(frozen=True)
class RowCheck:
    """What a run with this `max_length` would find."""

    totals: dict[str, int]
    """Split → rows."""
    limit: int
    """Tokens that a row may have: max_length, and never more than the model reads."""
    longest: int
    """Tokens of the longest row that has something to train."""
    long: tuple[Row, ...]
    untrained: tuple[Row, ...]
    faulty: tuple[Row, ...]
    context: int | None

    @property
    def is_clean(self) -> bool:
        return not (self.long or self.untrained or self.faulty)

    @property
    def leavable(self) -> tuple[Row, ...]:
        """What may be left out on request, in the set's order."""
        return tuple(sorted((*self.long, *self.untrained), key=lambda row: row.number))

    @property
    def emptied(self) -> str:
        """The split of which nothing would remain without the leavable rows; empty where each keeps some."""
        gone = Counter(row.split for row in self.leavable)
        return next((split for split, total in self.totals.items() if total == gone[split]), "")

    @property
    def can_be_raised(self) -> bool:
        """Whether a larger max_length, of at least `longest`, would let every row in."""
        return self.context is None or self.longest <= self.context

    @property
    def findings(self) -> list[str]:
        """A sentence for each kind of row that stands in the way."""
        total = sum(self.totals.values())
        of_all = f"of {thousands(total)} row{'' if total == 1 else 's'}"
        allowed = f"max_length {thousands(self.limit)}"
        if self.limit == self.context:
            allowed = f"the {thousands(self.limit)} tokens that the model reads at most"
        kinds = (
            (self.long, "is longer than {0}", "are longer than {0}"),
            (self.untrained, "has no token to train", "have no token to train"),
            (self.faulty, "cannot be rendered for this model", "cannot be rendered for this model"),
        )
        return [
            f"{thousands(len(rows))} {of_all} {(one if len(rows) == 1 else many).format(allowed)} ({_named(rows)})"
            for rows, one, many in kinds
            if rows
        ]

    @property
    def remedies(self) -> list[str]:
        """What can be done, the least first."""
        if self.faulty:
            return ["take another base model", "mend these tickets and freeze a new training set"]
        ways = []
        if self.long and self.can_be_raised:
            ways.append(f"raise max_length to {thousands(self.longest)}, the smallest that fits all")
        if not self.emptied:
            ways.append("leave them out (overlong: skip)")
        if self.long and not self.can_be_raised:
            ways.append(f"take a model that reads {thousands(self.longest)} tokens")
        return [*ways, "mend these tickets and freeze a new training set"]

    @property
    def advice(self) -> str:
        *first, last = self.remedies
        return f"{', '.join(first)}, or {last}" if first else last


def check_rows(dataset: DatasetVersion, model: ModelVersion, max_length: int) -> RowCheck | None:
    """None where the set is too large to be counted while somebody waits. Raises Refused for a tokenizer that cannot render.

    model: one whose files are here.
    """
    assert model.files_id
    if dataset.size > CHECKED_AT_ONCE:
        return None
    counted = _count(dataset.pk, model.pk)
    limit = min(max_length, counted.context or max_length)
    sound = [row for row in counted.rows if not row.reason]
    return RowCheck(
        totals=dict(Counter(row.split for row in counted.rows)),
        limit=limit,
        longest=max((row.tokens or 0 for row in sound), default=0),
        long=tuple(row for row in sound if (row.tokens or 0) > limit),
        untrained=tuple(row for row in counted.rows if row.reason and row.item not in counted.faulty),
        faulty=tuple(row for row in counted.rows if row.item in counted.faulty),
        context=counted.context,
    )


def left_out(check: RowCheck | None, *, overlong: str) -> list[dict[str, Any]]:
    """The rows that a run leaves out, as it keeps them. Raises Refused where it may not leave them out, or none would remain."""
    if check is None or check.is_clean:
        return []
    if overlong == "skip" and not check.faulty and not check.emptied:
        return [asdict(row) | {"reason": row.reason or "too long"} for row in check.leavable]
    found = f"{'; '.join(check.findings)}."
    if overlong == "skip" and check.emptied:
        found += f" Without them no {check.emptied} row would remain."
    message = f"{found} To go on: {check.advice}."
    raise Refused(
        "unfit-rows",
        message,
        errors=[FieldError("max_length" if check.long else "dataset_version", message)],
        data={
            "rows": [asdict(row) | {"reason": row.reason or "too long"} for row in (*check.leavable, *check.faulty)],
            "max_length_that_fits": check.longest if check.can_be_raised else None,
        },
    )


def _named(rows: tuple[Row, ...]) -> str:
    more = len(rows) - NAMED
    named = [str(row) for row in rows[:NAMED]] + ([f"and {thousands(more)} more"] if more > 0 else [])
    return f"row{'' if len(rows) == 1 else 's'} {'; '.join(named)}"


@lru_cache(maxsize=8)
def _count(dataset: int, model: int) -> Counted:
    """Both are immutable, so their ids are all that this depends on."""
    version = DatasetVersion.objects.select_related("task_revision").get(pk=dataset)
    base = ModelVersion.objects.select_related("files").get(pk=model)
    assert base.files
    folder = materialise(base.files)
    try:
        renderer = light_renderer(folder)
    except (LightTokenizerError, TemplateError) as error:
        raise Refused("no-tokenizer", f"{base} cannot be tuned: {error}", field="base_version") from error
    rows, faulty = [], set()
    items = version.items.filter(split__in=(TRAIN, VALIDATION)).order_by("position")
    for item in items.defer("hash", "sources").iterator(chunk_size=1000):
        tokens, reason = None, ""
        row = row_of(item, version.task_revision.spec, control_tokens=base.control_tokens, short_field_weight=1.0)
        try:
            tokens = len(renderer.render(row).input_ids)
        except RenderError as error:
            reason = error.reason
            if not isinstance(error, UntrainedRow):
                faulty.add(item.pk)
        rows.append(Row(item.pk, item.position + 1, item.split, item.example_id, tokens, reason))
    return Counted(tuple(rows), frozenset(faulty), context_of(Path(folder)))
