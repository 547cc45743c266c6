"""This room's job kinds."""

from typing import Any

from pydantic import BaseModel

from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext

OF_THE_FILE = frozenset({"rows-refused", "unreadable-file", "missing-column", "no-rows", "other-task"})
"""What the same file under the same mapping will meet again."""


class ImportParameters(BaseModel):
    source: int


def run_import(context: JobContext, parameters: ImportParameters) -> dict[str, Any]:
    from annotation.importing import import_file

    return import_file(context, parameters.source)


IMPORT = kinds.JobKind("annotation.import", ImportParameters, run_import, unit="rows", ends_for_good=OF_THE_FILE)
