"""This room's job kinds."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.engine import engine_environment
from ftplatform.projects.models import Project
from inference.models import GenerationRun


class GenerateParameters(BaseModel):
    run: int


def run_generation(context: JobContext, parameters: GenerateParameters) -> dict[str, Any]:
    from inference.running import fill

    run = GenerationRun.objects.select_related("task_revision", "dataset_version").get(pk=parameters.run)
    return fill(context, run, retry_errors=True)


class RegisterEmbeddedParameters(BaseModel):
    project: int


def embedded_folder() -> Path:
    """Where the embedded model is made, once for all projects of this home."""
    return Path(settings.FT_HOME) / "embedded" / "smollm2-135m-instruct"


def register_embedded_model(context: JobContext, parameters: RegisterEmbeddedParameters) -> dict[str, Any]:
    """Makes the embedded model's folder in a process of its own (it loads half a gigabyte) and registers it."""
    from inference.services import register_embedded

    folder = embedded_folder()
    process = subprocess.Popen(
        [sys.executable, "-m", "inference.embedded", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        text=True,
        env=engine_environment(context),
    )
    context.log("the embedded model is being made; about half a minute the first time")
    with context.on_stop(process.terminate):
        _, said = process.communicate()
    context.check()
    if process.returncode != 0:
        raise JobFailed("embedded-model", said.strip() or f"making the embedded model ended with {process.returncode}")
    with context.transaction():
        version = register_embedded(project=Project.objects.get(pk=parameters.project), folder=folder, by=context.actor)
    return {"model_version": version.pk, "number": version.number}


class RegisterHubParameters(BaseModel):
    project: int
    name: str
    revision: str


def register_hub_model(context: JobContext, parameters: RegisterHubParameters) -> dict[str, Any]:
    """Downloads a model at its commit and registers it."""
    from inference.services import register_hub

    version = register_hub(
        project=Project.objects.get(pk=parameters.project),
        name=parameters.name,
        revision=parameters.revision,
        by=context.actor,
    )
    return {"model_version": version.pk, "number": version.number}


class RegisterFolderParameters(BaseModel):
    project: int
    folder: str
    name: str
    licence: str


def register_model_folder(context: JobContext, parameters: RegisterFolderParameters) -> dict[str, Any]:
    """Copies a folder's files into the store and registers them."""
    from inference.services import register_folder

    with context.transaction():
        version = register_folder(
            project=Project.objects.get(pk=parameters.project),
            folder=parameters.folder,
            name=parameters.name,
            licence=parameters.licence,
            by=context.actor,
        )
    return {"model_version": version.pk, "number": version.number}


GENERATE = kinds.JobKind("inference.generate", GenerateParameters, run_generation, slot=kinds.CPU, unit="answers")
REGISTER_EMBEDDED = kinds.JobKind("inference.register-embedded", RegisterEmbeddedParameters, register_embedded_model)
REGISTER_HUB = kinds.JobKind("inference.register-hub", RegisterHubParameters, register_hub_model)
REGISTER_FOLDER = kinds.JobKind("inference.register-folder", RegisterFolderParameters, register_model_folder)
REGISTRATIONS = (REGISTER_EMBEDDED, REGISTER_HUB, REGISTER_FOLDER)
