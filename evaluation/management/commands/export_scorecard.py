"""`python manage.py export_scorecard --project slug 3 --format html --output card.html`."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from evaluation.models import Scorecard
from evaluation.scorecards import export


class Command(BaseCommand):
    help = "Write a scorecard as a file: a page that needs nothing else, a table, or its data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, nargs="?", help="the scorecard's number; the newest when left out")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--format", default="html", choices=list(export.FORMATS))
        parser.add_argument(
            "--output", type=Path, metavar="PATH", help="where to; named after the scorecard when left out"
        )
        parser.add_argument("--json", action="store_true", help="say what was written as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        cards = Scorecard.objects.filter(project__slug=options["project"]).order_by("-number")
        if options["number"] is not None:
            cards = cards.filter(number=options["number"])
        card = cards.first()
        if card is None:
            which = "scorecard" if options["number"] is None else f"scorecard {options['number']}"
            raise CommandError(f"The project {options['project']!r} has no {which}.")
        made = export.export(card, options["format"])
        path: Path = options["output"] or Path(made.name)
        try:
            path.write_bytes(made.body)
        except OSError as error:
            raise CommandError(f"{path} could not be written: {error.strerror}.") from error
        facts = {"scorecard": card.number, "format": options["format"], "path": str(path), "bytes": len(made.body)}
        self.stdout.write(json.dumps(facts) if options["json"] else f"{card} is in {path} ({len(made.body):,} bytes).")
