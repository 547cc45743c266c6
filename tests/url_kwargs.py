"""Every address of the site with who may read it, act on it and delete it. `test_permissions.py` walks the resolver and fails with the
name of an address that has no entry here, so that a new one cannot be forgotten.

Roles are letters: a admin, l labeler, r reviewer, e expert, v viewer. The values in addresses come from `Objects`: by address, or else
by the parameter's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core import signing

from annotation import services as annotation
from annotation.models import DatasetVersion, Example, Import, Split
from annotation.views.imports import SALT
from evaluation import services as evaluation
from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.artifacts.services import store_file
from inference.models import Deployment
from tests import factories
from tests.evaluation import world as worlds
from training.models import TrainingRun
from training.plan import RunPlan

READERS, LABELERS, REVIEWERS, EXPERTS, ADMIN, ANYONE = "arv", "alr", "ar", "ae", "a", "alrev"
LEASE_OWNER, RATER = "l", "e"  # of the very objects that the walk uses


@dataclass(frozen=True)
class Rule:
    """The roles that a GET, a POST and a DELETE is for; PUT and PATCH are for nobody until an address takes them. 405 is right for
    all where a method does not exist. is_ones_own: what stands there is one person's and does not exist for others of the project, who
    may meet 404 where any other address says 403."""

    reads: str
    acts: str
    deletes: str = ""
    is_ones_own: bool = False

    def allowed(self, method: str) -> str:
        return {"GET": self.reads, "POST": self.acts, "DELETE": self.deletes}.get(method, "")


def own(reads: str, acts: str) -> Rule:
    return Rule(reads, acts, is_ones_own=True)


PUBLIC = {
    "accounts/login/", "accounts/logout/", "accounts/inactive/", "accounts/signup/", "accounts/password/reset/",
    "accounts/password/reset/done/", "accounts/password/reset/key/done/",
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
    "api/schema/", "api/docs/", "healthz", "readyz", "metrics", "favicon.ico", "robots.txt",
}  # fmt: skip
PERSONAL = {
    "", "projects/", "projects/new/", "account/theme/", "account/keys/", "account/^keys/(?P<key_id>[0-9a-f]{12})/revoke/$", "help/keys/",
    "accounts/reauthenticate/", "accounts/password/change/", "accounts/password/set/", "api/v1/projects/",
}  # fmt: skip

P, V1 = "projects/<slug:slug>/", "api/v1/projects/<slug:slug>/"
DATASET = P + "^datasets/(?P<kind>evaluation|sft|preference|text)-(?P<number>[0-9]{1,9})/"
RULES = {
    # the ground floor
    P: Rule(ANYONE, ""),
    P + "members/": Rule(ADMIN, ADMIN),
    P + "members/<int:pk>/remove/": Rule("", ADMIN),
    P + "task/revise/": Rule(ADMIN, ADMIN),
    P + "task/": Rule(READERS, ""),
    P + "task/revise/": Rule(ADMIN, ADMIN),
    P + "search/": Rule(READERS, ""),
    P + "jobs/": Rule(READERS, ""),
    P + "jobs/<int:pk>/": Rule(READERS, ""),
    P + "jobs/<int:pk>/cancel/": Rule("", ADMIN),
    P + "jobs/<int:pk>/resume/": Rule("", ADMIN),
    P + "audit/": Rule(ADMIN, ""),
    V1: Rule(ANYONE, ""),
    V1 + "members/": Rule(ADMIN, ADMIN),
    "api/v1/members/<int:pk>/": Rule(ADMIN, "", deletes=ADMIN),
    V1 + "task-revisions/": Rule(ANYONE, ADMIN),
    V1 + "lineage/": Rule(READERS, ""),
    "api/v1/jobs/<int:pk>/": Rule(READERS, ""),
    "api/v1/jobs/<int:pk>/events/": Rule(READERS, ""),
    "api/v1/jobs/<int:pk>/cancel/": Rule("", ADMIN),
    "api/v1/jobs/<int:pk>/resume/": Rule("", ADMIN),
    # annotation
    P + "tickets/": Rule(READERS, ""),
    P + "tickets/import/": Rule(ADMIN, ADMIN),
    P + "tickets/import/<str:token>/": Rule(ADMIN, ADMIN),
    P + "tickets/<int:pk>/": Rule(READERS, ""),
    P + "tickets/<int:pk>/flag/": Rule("", REVIEWERS),
    P + "tickets/<int:pk>/review/": Rule(REVIEWERS, REVIEWERS),
    P + "imports/<int:pk>/": Rule(READERS, ""),
    P + "imports/<int:pk>/live/": Rule(READERS, ""),
    P + "imports/<int:pk>/rejected.csv": Rule(READERS, ""),
    P + "imports/<int:pk>/duplicates.csv": Rule(READERS, ""),
    P + "test-set/": Rule(READERS, ADMIN),
    P + "test-set/again/": Rule("", ADMIN),
    P + "datasets/": Rule(READERS, ""),
    P + "datasets/splits/": Rule(ADMIN, ADMIN),
    P + "datasets/freeze/": Rule(ADMIN, ADMIN),
    DATASET + "$": Rule(READERS, ""),
    DATASET + "export/$": Rule(READERS, ""),
    P + "labels/": Rule(READERS, ADMIN),
    P + "labels/<int:queue>/close/": Rule("", ADMIN),
    P + "labels/<int:queue>/reopen/": Rule("", ADMIN),
    P + "label/<int:queue>/": Rule(LABELERS, LABELERS),
    P + "label/<int:queue>/mine/": Rule(LABELERS, ""),
    P + "label/<int:queue>/mine/last/": Rule(LABELERS, LABELERS),
    P + "label/<int:queue>/mine/<int:annotation>/": own(LEASE_OWNER, LEASE_OWNER),
    P + "label/<int:queue>/<uuid:lease>/ahead/": own(LEASE_OWNER, ""),
    P + "label/<int:queue>/<uuid:lease>/draft/": own("", LEASE_OWNER),
    P + "label/<int:queue>/<uuid:lease>/skip/": own("", LEASE_OWNER),
    P + "label/<int:queue>/<uuid:lease>/flag/": own(LEASE_OWNER, LEASE_OWNER),
    V1 + "imports/": Rule(READERS, ADMIN),
    "api/v1/imports/<int:pk>/": Rule(READERS, ""),
    "api/v1/imports/<int:pk>/rejected.csv": Rule(READERS, ""),
    "api/v1/imports/<int:pk>/duplicates.csv": Rule(READERS, ""),
    V1 + "examples/": Rule(READERS, ""),
    "api/v1/examples/<int:pk>/": Rule(READERS, ""),
    "api/v1/examples/<int:pk>/flag/": Rule("", LABELERS),
    V1 + "annotations/": Rule("alrv", ""),
    "api/v1/annotations/<int:pk>/revise/": own("", LEASE_OWNER),
    V1 + "reviews/": Rule(REVIEWERS, REVIEWERS),
    V1 + "leases/": Rule("", LABELERS),
    "api/v1/leases/<uuid:pk>/submit/": own("", LEASE_OWNER),
    "api/v1/leases/<uuid:pk>/draft/": own("", LEASE_OWNER),
    "api/v1/leases/<uuid:pk>/skip/": own("", LEASE_OWNER),
    "api/v1/leases/<uuid:pk>/release/": own("", LEASE_OWNER),
    V1 + "queues/": Rule("alrv", ADMIN),
    "api/v1/queues/<int:pk>/close/": Rule("", ADMIN),
    "api/v1/queues/<int:pk>/reopen/": Rule("", ADMIN),
    V1 + "evaluation-sets/": Rule(READERS, ADMIN),
    V1 + "dataset-versions/": Rule(READERS, ADMIN),
    "api/v1/dataset-versions/<int:pk>/": Rule(READERS, ""),
    "api/v1/dataset-versions/<int:pk>/export/": Rule(READERS, ""),
    # inference
    P + "models/": Rule(READERS, ""),
    P + "models/register/<slug:source>/": Rule(ADMIN, ADMIN),
    P + "models/<int:number>/": Rule(READERS, ""),
    P + "models/<int:number>/deployments/<int:deployment>/check/": Rule("", ADMIN),
    P + "generations/": Rule(READERS, ""),
    P + "generations/new/": Rule(ADMIN, ADMIN),
    P + "generations/<int:number>/": Rule(READERS, ""),
    P + "generations/<int:number>/live/": Rule(READERS, ""),
    P + "generations/<int:number>/stop/": Rule("", ADMIN),
    P + "generations/<int:number>/resume/": Rule("", ADMIN),
    P + "compare/": Rule(READERS, ""),
    V1 + "model-versions/": Rule(READERS, ADMIN),
    V1 + "deployments/": Rule(READERS, ""),
    V1 + "generation-runs/": Rule(READERS, ADMIN),
    "api/v1/model-versions/<int:pk>/": Rule(READERS, ""),
    "api/v1/generation-runs/<int:pk>/": Rule(READERS, ""),
    "api/v1/generation-runs/<int:pk>/generations/": Rule(READERS, ""),
    # evaluation
    P + "baseline/": Rule(READERS, ADMIN),
    P + "rules/": Rule(READERS, ADMIN),
    P + "scorecards/": Rule(READERS, ""),
    P + "scorecards/new/": Rule(ADMIN, ADMIN),
    P + "scorecards/<int:number>/": Rule(READERS, ""),
    P + "scorecards/<int:number>/export/": Rule(READERS, ""),
    P + "scorecards/<int:number>/rescore/": Rule("", ADMIN),
    P + "campaigns/": Rule(READERS, ""),
    P + "campaigns/new/": Rule(ADMIN, ADMIN),
    P + "campaigns/<int:number>/": Rule(READERS, ""),
    P + "campaigns/<int:number>/invite/": Rule("", ADMIN),
    P + "campaigns/<int:number>/close/": Rule("", ADMIN),
    P + "campaigns/<int:number>/override/": Rule(ADMIN, ADMIN),
    P + "rate/<int:campaign>/": Rule(RATER, ""),
    P + "rate/<int:campaign>/last/": Rule(RATER, ""),
    P + "rate/<int:campaign>/<uuid:item>/": Rule(RATER, RATER),
    P + "rate/<int:campaign>/<uuid:item>/draft/": Rule("", RATER),
    P + "rate/<int:campaign>/<uuid:item>/release/": Rule("", RATER),
    V1 + "scorecards/": Rule(READERS, ADMIN),
    V1 + "release-rules/": Rule(READERS, ADMIN),
    V1 + "campaigns/": Rule("aerv", ADMIN),
    "api/v1/scorecards/<int:pk>/": Rule(READERS, ""),
    "api/v1/scorecards/<int:pk>/export/": Rule(READERS, ""),
    "api/v1/scorecards/<int:pk>/rescore/": Rule("", ADMIN),
    "api/v1/campaigns/<int:pk>/items/next/": Rule("", RATER),
    "api/v1/campaigns/<int:pk>/raters/": Rule("", ADMIN),
    "api/v1/campaigns/<int:pk>/close/": Rule("", ADMIN),
    "api/v1/campaigns/<int:pk>/results/": Rule(READERS, ""),
    "api/v1/campaigns/<int:pk>/agreement/": Rule(READERS, ""),
    "api/v1/items/<uuid:pk>/ratings/": own("", RATER),
    "api/v1/items/<uuid:pk>/release/": own("", RATER),
    "api/v1/items/<uuid:pk>/draft/": own("", RATER),
    # training
    P + "runs/": Rule(READERS, ""),
    P + "runs/new/": Rule(ADMIN, ADMIN),
    P + "runs/new/rows/": Rule(ADMIN, ""),
    P + "runs/<int:number>/": Rule(READERS, ""),
    P + "runs/<int:number>/live/": Rule(READERS, ""),
    P + "runs/<int:number>/stop/": Rule("", ADMIN),
    P + "runs/<int:number>/resume/": Rule("", ADMIN),
    V1 + "training-runs/": Rule(READERS, ADMIN),
    "api/v1/training-runs/<int:pk>/": Rule(READERS, ""),
    "api/v1/training-runs/<int:pk>/metrics/": Rule(READERS, ""),
}

PARAMETER = re.compile(r"<(?:\w+:)?(?P<plain>\w+)>|\(\?P<(?P<named>\w+)>(?:[^()]|\([^()]*\))*\)")


class Objects:
    """One real object of each kind in one project, and the values that lead to it."""

    def __init__(self, folder: Path) -> None:
        made = worlds.make_world(items=6)
        project = made.project
        self.people: dict[str, User] = {
            "a": made.admin,
            "e": made.experts[0],
            "l": worlds.person(project, "lea", "labeler"),
            "r": worlds.person(project, "rev", "reviewer"),
            "v": worlds.person(project, "vic", "viewer"),
        }
        self.foreigner = worlds.person(worlds.make_world("elsewhere", items=2, admin="mal").project, "mal", "admin")
        by = made.by
        source: Import = factories.import_rows(project, folder / "tickets.csv", factories.desk_rows(3))
        quantiles = {"least": 1, "median": 1, "p95": 1, "most": 1}
        card = {"groups": 6, "neutralised": 0, "prompt_characters": quantiles, "completion_characters": quantiles}
        queue = factories.make_queue(project, Example.objects.filter(project=project, split=Split.TRAIN))
        first = annotation.take_lease(queue=queue, labeler=self.people["l"])
        assert first
        values = {"desk": "Tax", "reply": "Ask the tax desk."}
        answer = annotation.submit_annotation(lease=first, values=values, by=Actor.of(self.people["l"])).annotation
        lease = annotation.take_lease(queue=queue, labeler=self.people["l"])
        assert lease
        scorecard = worlds.make_scorecard(made)
        campaign = worlds.open_campaign(made, items=4)
        item = evaluation.next_item(rater=worlds.rater_of(campaign, self.people["e"]))
        assert item
        training_set = DatasetVersion.objects.create(
            project=project, kind="sft", number=1, hash="0" * 64, task_revision=project.task_revision,
            evaluation_set=made.evaluation_set, counts={"train": 1, "validation": 1}, card=card,
        )  # fmt: skip
        run = TrainingRun.objects.create(
            project=project, number=1, task_revision=project.task_revision, dataset_version=training_set,
            base_version=made.base, baseline=scorecard.baseline, hyperparameters=RunPlan().model_dump(mode="json"), job=source.job,
        )  # fmt: skip
        type(made.tuned_run).objects.filter(pk=made.tuned_run.pk).update(job=source.job)
        deployment = Deployment.objects.create(model_version=made.base, backend="openai", url="http://127.0.0.1:9/v1")
        key, _ = accounts.create_api_key(user=made.admin, name="walk", by=by)
        held = {
            "blob": store_file(folder / "tickets.csv").pk,
            "name": "t.csv",
            "project": project.pk,
            "user": made.admin.pk,
        }
        self.by_name: dict[str, Any] = {
            "slug": project.slug, "key_id": key.pk, "queue": queue.pk, "lease": lease.pk, "annotation": answer.pk,
            "campaign": campaign.number, "item": item.pk, "source": "folder", "deployment": deployment.pk, "kind": "sft",
            "token": signing.dumps(held, salt=SALT, compress=True), "uidb36": "1", "key": "set-password",
        }  # fmt: skip
        self.by_place: dict[tuple[str, str], Any] = {
            ("members", "pk"): project.memberships.get(user=self.people["v"]).pk,
            ("jobs", "pk"): source.job_id,
            ("tickets", "pk"): answer.example_id,
            ("examples", "pk"): answer.example_id,
            ("imports", "pk"): source.pk,
            ("annotations", "pk"): answer.pk,
            ("leases", "pk"): lease.pk,
            ("queues", "pk"): queue.pk,
            ("datasets", "number"): training_set.number,
            ("dataset-versions", "pk"): training_set.pk,
            ("models", "number"): made.base.number,
            ("model-versions", "pk"): made.base.pk,
            ("generations", "number"): made.tuned_run.number,
            ("generation-runs", "pk"): made.tuned_run.pk,
            ("scorecards", "number"): scorecard.number,
            ("scorecards", "pk"): scorecard.pk,
            ("campaigns", "number"): campaign.number,
            ("campaigns", "pk"): campaign.pk,
            ("items", "pk"): item.pk,
            ("runs", "number"): run.number,
            ("training-runs", "pk"): run.pk,
        }

    def address(self, route: str) -> str:
        """The route with real values. Raises KeyError with the parameter that nothing here is made for."""
        resource = ""
        for part in route.replace("^", "").split("/"):
            if "<" in part and not part.startswith("<slug:slug>"):
                break
            resource = part

        def value(found: re.Match[str]) -> str:
            name = found["plain"] or found["named"]
            place = "datasets" if "^datasets" in route else resource
            return str(self.by_place[place, name] if (place, name) in self.by_place else self.by_name[name])

        return "/" + PARAMETER.sub(value, route).replace("^", "").replace("$", "")
