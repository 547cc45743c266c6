"""This room's job kinds."""

from typing import Any

from pydantic import BaseModel

from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext
from inference.models import GenerationRun


class GenerateParameters(BaseModel):
    run: int


def run_generation(context: JobContext, parameters: GenerateParameters) -> dict[str, Any]:
    from inference.running import fill

    run = GenerationRun.objects.get(pk=parameters.run)
    return fill(context, run)


GENERATE = kinds.JobKind("inference.generate", GenerateParameters, run_generation, slot=kinds.CPU, unit="answers")
