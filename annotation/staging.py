"""Tickets on their way in: checked rows go by COPY into tables of this transaction only, and from there all at once.

A row is known by its ordinal, its place among the rows of the file. Its line only tells a person where to look: in a JSON list that
is written on one line, every row has the same one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from annotation import duplicates
from annotation.hashing import Hasher
from annotation.models import Import
from annotation.rows import ColumnMapping, Ticket, state_of
from ftplatform.projects import counters

MOST_COUNTED = 32_767  # control tokens of one ticket, as far as the column counts

TABLES = """
DROP TABLE IF EXISTS pg_temp.import_staging, pg_temp.import_fresh;
CREATE TEMP TABLE import_staging (
  ordinal integer, line integer, content_hash text, prompt_hash text, group_key text, occurred_at timestamptz, state text,
  raw jsonb, inputs jsonb, fields jsonb, neutralised integer
) ON COMMIT DROP;
CREATE TEMP TABLE import_fresh (ordinal integer, example_id bigint, state text, fields jsonb) ON COMMIT DROP
"""
COLUMNS = "ordinal, line, content_hash, prompt_hash, group_key, occurred_at, state, raw, inputs, fields, neutralised"

# The rows that become tickets, each with its id beforehand and with the labels that later rows of its text add. All that follows
# joins by these.
FRESH = """
INSERT INTO import_fresh (ordinal, example_id, state, fields)
SELECT ordinal, nextval(pg_get_serial_sequence('annotation_example', 'id')), state, fields FROM (
  SELECT s.ordinal, COALESCE(a.state, s.state) AS state, COALESCE(a.whole, s.fields) AS fields
  FROM import_staging s LEFT JOIN import_addition a ON a.first = s.ordinal AND a.known IS NULL
  WHERE NOT EXISTS (SELECT 1 FROM import_twin t WHERE t.ordinal = s.ordinal AND (t.known IS NOT NULL OR t.first < t.ordinal))
  ORDER BY s.ordinal
) rows
"""
INSERT = (
    """
INSERT INTO annotation_example
  (id, project_id, source_id, row, content_hash, prompt_hash, group_key, occurred_at, state, answers, is_flagged, created_at)
SELECT f.example_id, %(project)s, %(source)s, s.line, s.content_hash, s.prompt_hash, s.group_key, s.occurred_at, f.state, 0, false, now()
FROM import_fresh f JOIN import_staging s USING (ordinal) ORDER BY f.ordinal
""",
    """
INSERT INTO annotation_examplecontent (example_id, raw, inputs, neutralised)
SELECT f.example_id, s.raw, s.inputs, s.neutralised FROM import_fresh f JOIN import_staging s USING (ordinal) ORDER BY f.ordinal
""",
    """
WITH made AS (
  INSERT INTO annotation_annotation (example_id, task_revision_id, source, values, note, is_unsure, created_at)
  SELECT example_id, %(revision)s, 'import', fields, '', false, now() FROM import_fresh WHERE fields <> '{}'::jsonb ORDER BY ordinal
  RETURNING id, example_id, values
), current AS (
  INSERT INTO annotation_currentanswer (example_id, source, annotation_id) SELECT example_id, 'import', id FROM made
)
INSERT INTO annotation_resolvedlabel (example_id, field, task_revision_id, value, basis, is_gold, annotation_id, resolved_at)
SELECT made.example_id, one.key, %(revision)s, one.value, 'imported', false, made.id, now()
FROM made, jsonb_each(made.values) AS one
""",
)
STATES = "SELECT state, count(*) FROM import_fresh GROUP BY state"


@dataclass(frozen=True)
class Numbered:
    """A good row: its place among all rows of the file, its line, and the ticket that it can become."""

    ordinal: int
    line: int
    ticket: Ticket


@dataclass(frozen=True)
class Written:
    """What came of the good rows."""

    imported: int
    duplicates: int
    merged: int


class Staging:
    """The tables of one import, in its transaction. Rows are taken while others work; from `compare` on under the project's lock."""

    def __init__(self, cursor: Any, source: Import, mapping: ColumnMapping) -> None:
        self.cursor = cursor
        self.source = source
        self.mapping = mapping
        self._values = {"project": source.project_id, "source": source.pk, "revision": source.task_revision_id}
        cursor.execute(TABLES)
        cursor.execute(duplicates.TABLES)

    def take(self, rows: Iterable[Numbered]) -> None:
        """Stages the rows."""
        hasher = Hasher(self.source.project)
        with self.cursor.copy(f"COPY import_staging ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(self._staged(row, hasher))
        self.cursor.execute("ANALYZE import_staging")

    def compare(self, reject: Callable[[int, str, str, Any], None], counts: str) -> None:
        """Finds out which of the rows are here already. Rows whose labels cannot be merged are rejected.
        counts: what the rows' numbers count, line or record."""
        if self.source.duplicates == Import.Duplicates.KEEP:
            return
        self.cursor.execute(duplicates.FIND, self._values)
        self.cursor.execute("ANALYZE import_twin")
        if self.source.duplicates == Import.Duplicates.MERGE:
            duplicates.merge_labels(self.cursor, self.mapping, reject, counts)

    def write(self) -> Written:
        """Makes tickets of what is new, and lists what is not."""
        run = self.cursor.execute
        run(FRESH, self._values)
        imported = self.cursor.rowcount
        run("ANALYZE import_fresh")
        for statement in (*INSERT, *duplicates.ADD, duplicates.LIST):
            run(statement, self._values)
        listed = self.cursor.rowcount
        run("SELECT count(*) FROM import_verdict WHERE is_merged")
        [merged] = self.cursor.fetchone()
        self._count(imported)
        return Written(imported, listed, merged)

    def _count(self, imported: int) -> None:
        changes = Counter({"tickets": imported})
        self.cursor.execute(STATES)
        for state, count in self.cursor.fetchall():
            changes[f"state:{state}"] += count
        self.cursor.execute(duplicates.MOVED)
        for before, after, count in self.cursor.fetchall():
            changes[f"state:{before}"] -= count
            changes[f"state:{after}"] += count
        for name, amount in sorted(changes.items()):
            counters.add(self.source.project_id, name, amount)

    def _staged(self, row: Numbered, hasher: Hasher) -> tuple[Any, ...]:
        spec, ticket = self.mapping.spec, row.ticket
        prompt = hasher.prompt(spec, ticket.inputs)
        return (
            row.ordinal,
            row.line,
            hasher.content(spec, ticket.inputs),
            prompt,
            hasher.group(ticket.group) if ticket.group else prompt,
            ticket.occurred_at,
            state_of(spec, ticket.values),
            json.dumps(ticket.raw, ensure_ascii=False),
            json.dumps(ticket.inputs, ensure_ascii=False),
            json.dumps(ticket.values, ensure_ascii=False),
            min(ticket.neutralised, MOST_COUNTED),
        )
