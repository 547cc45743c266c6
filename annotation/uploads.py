"""A look into an upload, for pages, API and commands."""

from __future__ import annotations

from annotation import formats, services
from annotation.scratch import fetched
from ftplatform.artifacts.models import Blob
from ftplatform.errors import Refused
from ftplatform.projects.models import Project

MOST_BYTES = 2 * 1024**3


def inspect_upload(
    project: Project,
    blob: Blob,
    name: str,
    mapping: dict[str, str] | None = None,
    how: formats.ReadAs = formats.FOUND_OUT,
) -> services.Inspection:
    """A look into a stored file. Raises Refused when it cannot be read, or the project has no task."""
    if project.task_revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    with fetched(blob, name) as path:
        return services.inspect_file(path, project.task_revision.spec, mapping, how)
