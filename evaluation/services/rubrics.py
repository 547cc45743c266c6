"""Rubrics: immutable rows. To change one is to make the next, and ratings by the one before are not pooled with those by the next."""

from django.db import transaction

from evaluation.models import RubricRevision
from evaluation.scoring.rubric import DEFAULT, Rubric
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.projects.models import Project
from ftplatform.projects.numbering import next_number
from ftplatform.projects.spec import digest


@transaction.atomic
def ensure_rubric(*, project: Project, rubric: Rubric = DEFAULT, by: Actor) -> RubricRevision:
    """The revision with this content, made if need be."""
    content = rubric.model_dump(mode="json")
    content_hash = digest(content)
    number = next_number(
        RubricRevision.objects.all(), project
    )  # under the project's lock: two who ask at once get the same one
    existing = RubricRevision.objects.filter(project=project, content_hash=content_hash).first()
    if existing:
        return existing
    revision = RubricRevision.objects.create(
        project=project,
        number=number,
        content=content,
        content_hash=content_hash,
        created_by=by.user,
    )
    record(by=by, verb="rubric.revise", target=revision, project=project, data={"number": revision.number})
    return revision
