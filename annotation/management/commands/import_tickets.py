"""`python manage.py import_tickets PROJECT FILE`: what the import page does, from a shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import services
from annotation.importing import COUNTS
from annotation.models import Import
from annotation.uploads import inspect_upload
from ftplatform.accounts.actors import Actor
from ftplatform.artifacts.services import store_file
from ftplatform.errors import Refused
from ftplatform.jobs.following import follow, require_worker
from ftplatform.projects.models import Project


class Command(BaseCommand):
    help = "Import a file of tickets into a project. A worker must be running (make up)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=TARGET",
            help="TARGET is input:NAME, field:NAME, group, occurred_at or raw; columns left out become what is suggested",
        )
        parser.add_argument("--format", default="", help="found out when left out, as the two below")
        parser.add_argument("--encoding", default="", help="of a text file, as utf-8 or cp1252")
        parser.add_argument("--delimiter", default="", help="of a CSV file: comma, semicolon, tab, bar")
        parser.add_argument(
            "--keep-good-rows", action="store_true", help="import the good rows although others have errors"
        )
        parser.add_argument("--duplicates", choices=Import.Duplicates.values, default=Import.Duplicates.SKIP)
        parser.add_argument(
            "--limit", type=int, help="a seeded sample, stratified by the first choice field in the file"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the worker")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            row, warnings = self._start(options)
        except Refused as refused:
            raise CommandError("\n".join([refused.message, *_rest(refused)])) from refused
        assert row.job
        if not options["json"]:
            for warning in warnings:
                self.stdout.write(f"Note: {warning}")
        if not options["no_wait"]:
            follow(row.job)
            row = Import.objects.select_related("job").get(pk=row.pk)
        self._tell(row, warnings, as_json=options["json"])

    def _start(self, options: dict[str, Any]) -> tuple[Import, list[str]]:
        """The import that was sent to a worker, and what the file's reader warns of."""
        project = Project.objects.select_related("task_revision").filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none"
            raise CommandError(f"There is no project {options['project']!r}; there is {known}.")
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} is not there, or is not a file.")
        how = services.how_to_read(**{name: options[name] for name in ("format", "encoding", "delimiter")})
        blob = store_file(path)
        found = inspect_upload(project, blob, path.name, how=how)
        mapping = {column.name: column.suggested for column in found.columns}
        for pair in options["map"]:
            column, sign, target = pair.rpartition("=")
            if not sign or column not in mapping:
                raise CommandError(
                    f"--map {pair!r}: write COLUMN=TARGET with a column of the file: {', '.join(mapping)}."
                )
            mapping = {name: "raw" if to == target and to != "raw" else to for name, to in mapping.items()}
            mapping[column] = target
        if not options["no_wait"]:
            require_worker()
        row = services.start_import(
            project=project,
            file_name=path.name,
            file=blob,
            mapping=mapping,
            format=how.format,
            encoding=how.encoding,
            delimiter=how.delimiter,
            keep_good_rows=options["keep_good_rows"],
            duplicates=options["duplicates"],
            limit=options["limit"],
            seed=options["seed"],
            by=Actor.system("import_tickets"),
        )
        return row, found.warnings

    def _tell(self, row: Import, warnings: list[str], *, as_json: bool) -> None:
        assert row.job
        counts = {name: getattr(row, name) for name in COUNTS}
        if as_json:
            told = {"id": row.pk, "job": row.job_id, "state": row.job.state, **counts, "warnings": warnings}
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(
                f"{counts['rows_imported']} of {counts['rows_total']} rows are tickets; {counts['rows_duplicate']} duplicates "
                f"({counts['rows_merged']} gave labels), {counts['rows_rejected']} rejected."
            )


def _rest(refused: Refused) -> list[str]:
    return [f"  {error.field}: {error.message}" for error in refused.errors if error.message not in refused.message]
