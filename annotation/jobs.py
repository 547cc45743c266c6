"""This room's job kinds."""

from typing import Any

from pydantic import BaseModel

from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext


class ImportParameters(BaseModel):
    source: int


def run_import(context: JobContext, parameters: ImportParameters) -> dict[str, Any]:
    from annotation.importing import import_file

    return import_file(context, parameters.source)


IMPORT = kinds.JobKind("annotation.import", ImportParameters, run_import, unit="rows")
