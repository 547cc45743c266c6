"""Registering models through the services: what is refused, with which remedy, and what a version remembers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Refused
from ftplatform.jobs.models import Job
from inference import services
from inference.models import ModelVersion
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model under a folder that the operator opened."""
    folder = tmp_path / "models" / "tiny"
    shutil.copytree(tiny_model, folder)
    return folder


@pytest.fixture
def opened(copy: Path, settings: Any) -> Path:
    settings.FT_MODEL_DIRS = (copy.parent,)
    return copy


def test_a_version_holds_its_files_facts_and_control_tokens(cast: Any, opened: Path) -> None:
    version = services.register_folder(project=cast.project, folder=str(opened), name="", licence="MIT", by=cast.by)
    assert (version.name, version.number, version.source, version.licence) == ("tiny", 1, "folder", "MIT")
    assert version.files and {"config.json", "model.safetensors", "tokenizer.json"} <= set(
        version.files.files.values_list("path", flat=True)
    )
    assert (version.context_length, version.parameters) == (512, 106_048)
    assert version.control_tokens == ["<|endoftext|>", "<|im_end|>", "<|im_start|>"]
    assert AuditEvent.objects.get(verb="model.register").user == cast.ada


def test_registering_it_again_gives_the_version_that_exists(cast: Any, opened: Path) -> None:
    versions = [
        services.register_folder(project=cast.project, folder=str(opened), name="x", by=cast.by) for _ in range(2)
    ]
    assert versions[0] == versions[1]


def test_a_folder_that_the_operator_did_not_open_is_refused(cast: Any, copy: Path) -> None:
    with pytest.raises(Refused, match=r"FT_MODEL_DIRS: none yet\). Ask the operator") as refused:
        services.register_folder(project=cast.project, folder=str(copy), name="x", by=cast.by)
    assert refused.value.errors[0].field == "folder"


@pytest.mark.parametrize("way", ["../../etc", "/etc", "link"])
def test_no_way_leads_out_of_the_opened_folder(cast: Any, opened: Path, way: str) -> None:
    (opened.parent / "link").symlink_to("/etc")
    with pytest.raises(Refused) as refused:
        services.register_folder(project=cast.project, folder=str(opened.parent / way), name="x", by=cast.by)
    assert refused.value.code == "folder-not-allowed"


def test_the_operator_on_the_shell_may_name_any_folder(cast: Any, copy: Path) -> None:
    assert services.register_folder(project=cast.project, folder=str(copy), name="x", by=SYSTEM).pk


def test_a_folder_that_is_not_there_is_refused(cast: Any, opened: Path) -> None:
    with pytest.raises(Refused, match="There is no folder"):
        services.register_folder(project=cast.project, folder=str(opened / "nowhere"), name="x", by=cast.by)


def drop_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config.pop("chat_template", None)
    path.write_text(json.dumps(config))


def add_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Model"}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (drop_template, "chat.template"),
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80\x04."), "safetensors"),
        (lambda folder: (folder / "model.safetensors").unlink(), "safetensors"),
        (lambda folder: (folder / "evil").symlink_to("/etc/passwd"), "link"),
        (add_code, "auto_map"),
    ],
)
def test_an_unfit_folder_is_refused_with_the_remedy_and_leaves_nothing(
    cast: Any, opened: Path, spoil: Any, words: str
) -> None:
    spoil(opened)
    with pytest.raises(Refused, match=words):
        services.register_folder(project=cast.project, folder=str(opened), name="x", by=cast.by)
    assert not ModelVersion.objects.exists()


def test_a_branch_of_a_hub_model_is_refused_at_once(cast: Any) -> None:
    with pytest.raises(Refused, match="40 hexadecimal digits") as refused:
        services.request_hub(project=cast.project, name="owner/name", revision="main", by=cast.by)
    assert refused.value.errors[0].field == "revision"
    assert not Job.objects.exists()


def test_a_key_is_named_never_given(cast: Any) -> None:
    with pytest.raises(Refused, match="begins with FT_KEY_"):
        services.register_remote(
            project=cast.project,
            name="x",
            url="https://models.example/v1",
            model="m",
            api_key_name="sk-123",
            by=cast.by,
        )


def test_the_embedded_model_is_asked_for_once(cast: Any) -> None:
    jobs = [services.request_embedded(project=cast.project, by=cast.by) for _ in range(2)]
    assert jobs[0] == jobs[1]
    assert jobs[0].kind == "inference.register-embedded"


def test_a_model_without_files_that_is_no_address_cannot_be_stored(cast: Any) -> None:
    with pytest.raises(IntegrityError, match="local_models_have_files"), transaction.atomic():
        ModelVersion.objects.create(project=cast.project, number=1, name="x", source="folder", reference="x")


@pytest.mark.parametrize("text", ["{", "[]", '{"added_tokens": 7}', '{"added_tokens": ["x"]}'])
def test_a_broken_tokenizer_is_refused_and_leaves_nothing(cast: Any, opened: Path, text: str) -> None:
    (opened / "tokenizer.json").write_text(text)
    with pytest.raises(Refused) as refused:
        services.register_folder(project=cast.project, folder=str(opened), name="x", by=cast.by)
    assert refused.value.code == "broken-tokenizer"
    assert not ModelVersion.objects.filter(project=cast.project).exists()
