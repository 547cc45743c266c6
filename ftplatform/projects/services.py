"""Projects and their task revisions."""

import secrets

from django.db import transaction
from django.utils.text import slugify

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Membership, Role
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import carriers
from ftplatform.projects.carriers import Renames
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import TaskSpec

RESERVED = frozenset({"new"})
"""Pages that stand where a project would."""


@transaction.atomic
def create_project(
    *, name: str, description: str = "", slug: str = "", attribution: str = "", spec: TaskSpec | None = None, by: Actor
) -> Project:
    """Makes a project; whoever makes it is its first admin."""
    slug = slug or slugify(name)[:60]
    if not slug:
        raise Refused("bad-name", "The name has no letter or digit that an address could be made of.", field="name")
    if slug in RESERVED:
        raise Refused("slug-taken", f"/projects/{slug}/ is a page of the site; choose another name.", field="name")
    told = {"name": name, "description": description, "attribution": attribution}
    project, is_new = Project.objects.get_or_create(slug=slug, defaults={**told, "text_key": secrets.token_bytes(32)})
    if not is_new:
        raise Refused(
            "slug-taken", f"There is a project at /projects/{slug}/ already; choose another name.", field="name"
        )
    if by.user:
        Membership.objects.create(project=project, user=by.user, role=Role.ADMIN)
    record(by=by, verb="project.create", target=project, project=project, data={"name": name})
    if spec:
        project.task_revision = revise_task(project=project, spec=spec, by=by)
    return project


@transaction.atomic
def revise_task(
    *, project: Project, spec: TaskSpec, renames: Renames | None = None, replaces: int | None = None, by: Actor
) -> TaskRevision:
    """Makes the next task revision and makes it current. The same content again is the revision that exists.

    What stands already has to fit it: renames carry answers and labels over, and what they do not cover is refused with counts.
    replaces: number of the revision that the caller saw, 0 for none; another one that came meanwhile is a conflict. Raises Refused.
    """
    carriers.hold(project)
    project = (
        Project.objects.select_for_update(no_key=True, of=("self",)).select_related("task_revision").get(pk=project.pk)
    )
    current = project.task_revision.number if project.task_revision else 0
    if replaces not in (None, current):
        raise Conflict(
            "task-changed",
            f"Somebody else changed the task meanwhile: it is revision {current} now. Look at it, take over what you need, "
            "and save again to put yours in its place.",
        )
    content_hash = spec.content_hash()
    if project.task_revision and project.task_revision.content_hash == content_hash:
        return project.task_revision
    renames = renames or {}
    carriers.refuse_what_does_not_fit(project, spec, renames)
    revision = TaskRevision.objects.filter(project=project, content_hash=content_hash).first()
    if revision is None:
        last = project.task_revisions.order_by("-number").values_list("number", flat=True).first() or 0
        revision = TaskRevision.objects.create(
            project=project,
            number=last + 1,
            content=spec.model_dump(mode="json"),
            content_hash=content_hash,
            created_by=by.user,
        )
    before, project.task_revision = project.task_revision, revision
    project.save(update_fields=["task_revision"])
    carried = carriers.carry(project, before, revision, renames)
    data = {
        "number": revision.number,
        **({"renames": renames} if renames else {}),
        **({"carried": carried} if carried else {}),
    }
    record(by=by, verb="task.revise", target=revision, project=project, data=data)
    return revision
