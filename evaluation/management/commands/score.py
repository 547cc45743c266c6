"""`python manage.py score`: a baseline scorecard of a base model, or a scorecard of a candidate against its baseline.

What is not named is what the page offers first and the API takes: see `evaluation.selectors.usual_…`.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from annotation.models import DatasetVersion
from evaluation import selectors
from evaluation.models import Scorecard
from evaluation.services import request_baseline, request_comparison, request_rescore
from evaluation.services.scorecards import MOST_SHOTS, SHOTS
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.jobs.following import follow, require_worker
from ftplatform.jobs.models import Job
from ftplatform.projects.models import Project
from inference.models import ModelVersion

OF_A_BASELINE = ("shots",)
OF_A_COMPARISON = ("baseline", "rules", "validation")
NONE = "none"
BY = Actor.system("score")


class Command(BaseCommand):
    help = "Measure a model version on the frozen test set and write its scorecard."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--model", type=int, metavar="NUMBER", help="a base: its baseline; a trained one: against it"
        )
        parser.add_argument(
            "--again", type=int, metavar="NUMBER", help="a scorecard to write anew with the ratings since"
        )
        parser.add_argument("--set", type=int, metavar="NUMBER", help="the evaluation set; left out: the newest one")
        parser.add_argument(
            "--shots",
            type=int,
            metavar="N",
            help=f"of a base: examples in the prompt, {SHOTS} where left out; 0 for none",
        )
        parser.add_argument(
            "--baseline", type=int, metavar="NUMBER", help="of a trained one: the scorecard; left out: the newest one"
        )
        parser.add_argument(
            "--rules", type=int, metavar="NUMBER", help="of a trained one: release rules; left out: the newest ones"
        )
        parser.add_argument(
            "--validation",
            metavar=f"NUMBER|{NONE}",
            help=f"of a trained one: on whose validation tickets it is found out how a lone choice is asked best; left out: the set that it was "
            f"trained with; {NONE}: it is asked freely",
        )
        parser.add_argument("--no-wait", action="store_true", help="leave the job to a worker")
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if (options["model"] is None) == (options["again"] is None):
            raise CommandError("Name what to score: --model NUMBER, or --again NUMBER of a scorecard.")
        if not options["no_wait"]:
            require_worker()
        try:
            job = _rescore(project, options) if options["again"] is not None else _score(project, options)
        except Refused as error:
            raise CommandError(error.message) from error
        card = None
        if not options["no_wait"]:
            card = Scorecard.objects.get(pk=follow(job).result["scorecard"])
        self._tell(job, card, as_json=options["json"])

    def _tell(self, job: Job, card: Scorecard | None, *, as_json: bool) -> None:
        if as_json:
            known = {"id": card.pk, "number": card.number, "kind": card.kind, "verdict": card.verdict} if card else {}
            self.stdout.write(json.dumps({"job": job.pk, **known}))
        elif card is None:
            self.stdout.write(f"Job {job.pk} waits for a worker.")
        else:
            self.stdout.write(f"{card}: {card.verdict or card.kind}. {card.content['sentence']}")


def _score(project: Project, options: dict[str, Any]) -> Job:
    version = _numbered(ModelVersion.objects.filter(project=project), options["model"], "model version")
    if version.source == ModelVersion.Source.TRAINED:
        _refuse(options, OF_A_BASELINE, f"{version} was trained here and is compared with a baseline")
        return _compare(version, options)
    _refuse(options, OF_A_COMPARISON, f"{version} is a base model, which is compared with nothing")
    sets = selectors.evaluation_sets(project)
    chosen = sets.first() if options["set"] is None else _numbered(sets, options["set"], "evaluation set")
    if chosen is None:
        raise CommandError(f"{project} has no evaluation set yet; draw and freeze the test set first.")
    shots = SHOTS if options["shots"] is None else options["shots"]
    if not 0 <= shots <= MOST_SHOTS:
        raise CommandError(f"--shots is a number from 0 to {MOST_SHOTS}, not {shots}.")
    return request_baseline(evaluation_set=chosen, base_model=version, shots=shots, by=BY)


def _compare(candidate: ModelVersion, options: dict[str, Any]) -> Job:
    project = candidate.project
    baseline = _baseline(candidate, options)
    rules = options["rules"]
    validation = selectors.usual_validation_set(candidate, baseline)
    if options["validation"] == NONE:
        validation = None
    elif options["validation"] is not None:
        sets = project.dataset_versions.filter(kind=DatasetVersion.Kind.SFT)
        validation = _numbered(sets, _number(options["validation"]), "training set")
    return request_comparison(
        baseline=baseline,
        candidate=candidate,
        rules=None if rules is None else _numbered(selectors.rules_of(project), rules, "release rules"),
        validation_set=validation,
        by=BY,
    )


def _baseline(candidate: ModelVersion, options: dict[str, Any]) -> Scorecard:
    """The one that is named, or the newest of the candidate's base model, on the evaluation set where that is named."""
    project, wanted = candidate.project, options["set"]
    on = None if wanted is None else _numbered(selectors.evaluation_sets(project), wanted, "evaluation set")
    baselines = selectors.baselines_of(project)
    if options["baseline"] is not None:
        baseline = _numbered(baselines, options["baseline"], "baseline scorecard")
        if on and baseline.evaluation_set_id != on.pk:
            raise CommandError(f"{baseline} was measured on {baseline.evaluation_set}, not on {on}; leave --set out.")
        return baseline
    usual = selectors.usual_baseline(candidate, on)
    if usual is None:
        base = candidate.base.number if candidate.base else "…"
        where = f" on {on}" if on else ""
        raise CommandError(f"{candidate} has no baseline{where}; score its base model first: --model {base}.")
    return usual


def _rescore(project: Project, options: dict[str, Any]) -> Job:
    _refuse(
        options,
        ("set", *OF_A_BASELINE, *OF_A_COMPARISON),
        "--again takes everything from the scorecard that it follows",
    )
    cards = Scorecard.objects.filter(project=project, kind=Scorecard.Kind.COMPARISON)
    return request_rescore(scorecard=_numbered(cards, options["again"], "comparison scorecard"), by=BY)


def _refuse(options: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    if given := [f"--{name}" for name in names if options[name] is not None]:
        raise CommandError(f"{why}; leave {' and '.join(given)} out.")


def _numbered(rows: QuerySet[Any], number: int, what: str) -> Any:
    """The project's row of this number. Raises CommandError with those that there are."""
    found = rows.filter(number=number).first()
    if found is None:
        known = sorted(rows.order_by().values_list("number", flat=True))
        there = f"there are {', '.join(map(str, known[-12:]))}" if known else "there is none yet"
        raise CommandError(f"The project has no {what} {number}; {there}.")
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise CommandError(f"--validation is the number of a training set, or {NONE}; not {text!r}.")
    return int(text)
