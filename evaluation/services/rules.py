"""Release rules: immutable rows. To change them is to make the next."""

from django.db import transaction

from evaluation.models import ReleaseRules
from evaluation.scoring.automatic import metric_names
from evaluation.scoring.rubric import DEFAULT, Rubric
from evaluation.scoring.rules import Rules
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import Project
from ftplatform.projects.numbering import next_number
from ftplatform.projects.spec import digest


@transaction.atomic
def set_rules(*, project: Project, rules: Rules, rubric: Rubric = DEFAULT, by: Actor) -> ReleaseRules:
    """Sets the release rules. Their time tells later whether they were set before results."""
    known = set(rubric.names)
    if project.task_revision:
        spec = project.task_revision.spec
        known |= {f"{field.name}.{metric}" for field in spec.fields for metric in metric_names(field)}
    for name in (rules.primary, *rules.margins):
        if name not in known:
            raise Refused(
                "unknown-measure",
                f"{name!r} is neither a dimension of the rubric nor a metric of the task; choose from {', '.join(sorted(known))}.",
                field="primary" if name == rules.primary else f"margins.{name}",
            )
    content = rules.model_dump(mode="json")
    row = ReleaseRules.objects.create(
        project=project,
        number=next_number(ReleaseRules.objects.all(), project),
        content=content,
        content_hash=digest(content),
        created_by=by.user,
    )
    record(by=by, verb="rules.set", target=row, project=project, data=content)
    return row
