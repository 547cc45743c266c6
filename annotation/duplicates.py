"""Rows whose text is here already, in the project or further up in the same file: which they are, and what their labels add.

Merging holds every row of equal text against the ticket that it equals, in the order of the file: a label that the ticket has not
is added, one that differs makes the row an error. A ticket of the test set is measured by its labels, so it is given none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from django.db import connection

from annotation.models import Example, Split
from annotation.rows import BadRow, ColumnMapping, state_of
from ftplatform.projects.spec import canonical

AT_ONCE = 1_000  # rows a COPY
SHOWN = 60  # characters of a value in a message
VERDICT = "import_verdict (ordinal, is_merged, is_rejected)"
ADDITION = "import_addition (first, known, added, whole, supersedes, before, state)"

TABLES = """
DROP TABLE IF EXISTS pg_temp.import_twin, pg_temp.import_verdict, pg_temp.import_addition;
CREATE TEMP TABLE import_twin (ordinal integer, first integer, known bigint) ON COMMIT DROP;
CREATE TEMP TABLE import_verdict (ordinal integer, is_merged boolean, is_rejected boolean) ON COMMIT DROP;
CREATE TEMP TABLE import_addition (
  first integer, known bigint, added jsonb, whole jsonb, supersedes bigint, before text, state text
) ON COMMIT DROP
"""

# Every staged row whose text stands in the project (`known`: the oldest such ticket that is not erased) or more than once in the
# file (`first`: the first of them). By anti-join on the hashes' index, under the project's advisory lock.
FIND = """
INSERT INTO import_twin (ordinal, first, known)
SELECT ordinal, first, known FROM (
  SELECT s.ordinal, k.id AS known, min(s.ordinal) OVER same AS first, count(*) OVER same AS copies
  FROM import_staging s LEFT JOIN (
    SELECT DISTINCT ON (content_hash) content_hash, id FROM annotation_example
    WHERE project_id = %(project)s AND content_hash IN (SELECT content_hash FROM import_staging)
    ORDER BY content_hash, erased_at IS NOT NULL, id
  ) k USING (content_hash)
  WINDOW same AS (PARTITION BY s.content_hash)
) t WHERE copies > 1 OR known IS NOT NULL
"""

# Whoever answers one of these tickets meanwhile waits: their labels are read next. In the order of ids, so that no two wait crosswise.
LOCK = """
SELECT count(*) FROM (
  SELECT id FROM annotation_example WHERE id IN (SELECT known FROM import_twin) ORDER BY id FOR NO KEY UPDATE
) locked
"""
READ = """
SELECT t.ordinal, s.line, t.first, f.line, s.fields::text, s.raw::text,
       t.known, e.split, e.state, e.erased_at IS NOT NULL, l.labels::text, c.annotation_id, a.values::text
FROM import_twin t
JOIN import_staging s USING (ordinal)
JOIN import_staging f ON f.ordinal = t.first
LEFT JOIN annotation_example e ON e.id = t.known
LEFT JOIN annotation_currentanswer c ON c.example_id = t.known AND c.source = 'import' AND c.author_id IS NULL
LEFT JOIN annotation_annotation a ON a.id = c.annotation_id
LEFT JOIN LATERAL (
  SELECT jsonb_object_agg(r.field, r.value) AS labels FROM annotation_resolvedlabel r WHERE r.example_id = t.known
) l ON true
ORDER BY t.first, t.ordinal
"""

# What was added to tickets that are here: the file's answer goes on its own chain, as a person's revision would.
ADD = (
    """
WITH made AS (
  INSERT INTO annotation_annotation
    (example_id, task_revision_id, source, values, supersedes_id, note, is_unsure, created_at)
  SELECT known, %(revision)s, 'import', whole, supersedes, '', false, now() FROM import_addition WHERE known IS NOT NULL
  RETURNING id, example_id
), current AS (
  INSERT INTO annotation_currentanswer (example_id, source, annotation_id) SELECT example_id, 'import', id FROM made
  ON CONFLICT (example_id, author_id, source) DO UPDATE SET annotation_id = EXCLUDED.annotation_id
)
INSERT INTO annotation_resolvedlabel (example_id, field, task_revision_id, value, basis, is_gold, annotation_id, resolved_at)
SELECT made.example_id, one.key, %(revision)s, one.value, 'imported', false, made.id, now()
FROM made JOIN import_addition a ON a.known = made.example_id, jsonb_each(a.added) AS one
""",
    """
UPDATE annotation_example e SET state = a.state FROM import_addition a WHERE a.known = e.id AND a.state <> a.before
""",
)
MOVED = """
SELECT before, state, count(*) FROM import_addition WHERE known IS NOT NULL AND state <> before GROUP BY before, state
"""

# Once the new tickets have their ids: a row that equals an earlier one of the file equals that one's ticket.
LIST = """
INSERT INTO annotation_importduplicate (source_id, row, example_id, labels, is_merged)
SELECT %(source)s, s.line, COALESCE(t.known, f.example_id), s.fields, COALESCE(v.is_merged, false)
FROM import_twin t
JOIN import_staging s USING (ordinal)
LEFT JOIN import_fresh f ON f.ordinal = t.first
LEFT JOIN import_verdict v ON v.ordinal = t.ordinal
WHERE (t.known IS NOT NULL OR t.first < t.ordinal) AND NOT COALESCE(v.is_rejected, false)
ORDER BY t.ordinal
"""


@dataclass(frozen=True)
class Twin:
    """A staged row of a text that is here already. known: the ticket, with its split, state, labels and the file's answer to it so
    far; None where only the file itself has the text."""

    ordinal: int
    line: int
    first: int
    first_line: int
    fields: dict[str, Any]
    raw: str
    known: int | None
    split: str | None
    state: str | None
    is_erased: bool
    labels: dict[str, Any]
    answer: int | None
    answered: dict[str, Any]

    @classmethod
    def of(cls, row: Any) -> Twin:
        ordinal, line, first, first_line, fields, raw, known, split, state, is_erased, labels, answer, answered = row
        return cls(
            ordinal, line, first, first_line, json.loads(fields), raw, known, split, state, bool(is_erased),
            json.loads(labels or "{}"), answer, json.loads(answered or "{}"),
        )  # fmt: skip

    @property
    def makes_the_ticket(self) -> bool:
        return self.known is None and self.ordinal == self.first


class _Merged:
    """What a ticket has, while the rows of its text are held against it."""

    def __init__(self, mapping: ColumnMapping, first: Twin, counts: str) -> None:
        self.mapping = mapping
        self.counts = counts
        self.ticket = first
        self.had = first.labels if first.known is not None else first.fields if first.makes_the_ticket else {}
        self.added: dict[str, Any] = {}

    @property
    def labels(self) -> dict[str, Any]:
        return {**self.had, **self.added}

    def take(self, row: Twin) -> bool:
        """Whether the row adds a label. Raises BadRow where one differs, or none may be added."""
        if self.ticket.is_erased:
            return False
        new: dict[str, Any] = {}
        for name, value in row.fields.items():
            if name not in self.labels:
                new[name] = value
            elif canonical(self.labels[name]) != canonical(value):
                raise BadRow(self.mapping.fields[name], self._differs(name, value))
        if not new:
            return False
        if self.ticket.split == Split.TEST:
            name = next(iter(new))
            raise BadRow(
                self.mapping.fields[name],
                f"Ticket {self.ticket.known} stands in the test set without {name}, and an import changes no ticket there. "
                "Empty the cell, or decide the ticket on its review page.",
            )
        self.mapping.check_together(self._of_the_task({**self.labels, **new}))
        self.added.update(new)
        return True

    def _differs(self, name: str, value: Any) -> str:
        here, there = _shown(value), _shown(self.labels[name])
        if self.ticket.known is None:
            return f"{name} is {here} here and {there} in {self.counts} {self.ticket.first_line}, whose text is the same. Change one of them."
        return (
            f"{name} is {here} here and {there} in ticket {self.ticket.known}, whose text is the same. "
            "Change the cell, or decide the ticket on its review page."
        )

    def addition(self) -> tuple[Any, ...]:
        """As import_addition keeps it."""
        ticket = self.ticket
        state = ticket.state
        if state in (None, Example.State.NEW, Example.State.LABELLED):  # people who disagree still wait for a review
            state = state_of(self.mapping.spec, self.labels)
        whole = self._of_the_task(ticket.answered if ticket.known is not None else self.had) | self.added
        return ticket.first, ticket.known, _json(self.added), _json(whole), ticket.answer, ticket.state, state

    def _of_the_task(self, values: dict[str, Any]) -> dict[str, Any]:
        """Without fields that an earlier version of the task had."""
        return {field.name: values[field.name] for field in self.mapping.spec.fields if field.name in values}


def merge_labels(
    cursor: Any, mapping: ColumnMapping, reject: Callable[[int, str, str, Any], None], counts: str
) -> None:
    """Decides every row of a text that is here already: fills import_verdict and import_addition, and rejects what differs.
    counts: what the rows' numbers count, line or record."""
    cursor.execute(LOCK)
    with connection.chunked_cursor() as stream:
        stream.execute(READ)
        decisions = _decisions(map(Twin.of, stream), mapping, reject, counts)
        while some := list(islice(decisions, AT_ONCE)):
            for table in (VERDICT, ADDITION):
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in (row for where, row in some if where == table):
                        copy.write_row(row)
    cursor.execute("ANALYZE import_verdict, import_addition")


def _decisions(
    rows: Iterable[Twin], mapping: ColumnMapping, reject: Callable[[int, str, str, Any], None], counts: str
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(table, row) of each verdict, and after the last row of a text of what they add to its ticket."""
    for _, same in groupby(rows, key=attrgetter("first")):
        merged: _Merged | None = None
        for row in same:
            merged = merged or _Merged(mapping, row, counts)
            if row.makes_the_ticket:
                continue
            try:
                yield VERDICT, (row.ordinal, merged.take(row), False)
            except BadRow as bad:
                reject(row.line, bad.field, bad.message, json.loads(row.raw))
                yield VERDICT, (row.ordinal, False, True)
        if merged and merged.added:
            yield ADDITION, merged.addition()


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else canonical(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
