"""A look into an upload, for pages, API and commands."""

from __future__ import annotations

from annotation import formats, services
from annotation.scratch import fetched
from ftplatform.artifacts.models import Blob
from ftplatform.projects.models import Project
from ftplatform.projects.selectors import required_task

MOST_BYTES = 2 * 1024**3


def inspect_upload(
    project: Project,
    blob: Blob,
    name: str,
    mapping: dict[str, str] | None = None,
    how: formats.ReadAs = formats.FOUND_OUT,
) -> services.Inspection:
    """A look into a stored file. Raises Refused when it cannot be read, or the project has no task."""
    task = required_task(project.task_revision)
    with fetched(blob, name) as path:
        return services.inspect_file(path, task.spec, mapping, how)
