"""Files by content: written once, the same again is the same, and what was tampered with is refused."""

from __future__ import annotations

import hashlib
import io
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from ftplatform.artifacts import services
from ftplatform.artifacts.models import Blob, Manifest
from ftplatform.errors import Refused
from ftplatform.housekeeping import tidy
from ftplatform.jobs.models import IdempotencyKey
from inference.models import ModelVersion
from tests.factories import Cast, desk_rows, import_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    """A store of this test's own."""
    settings.FT_HOME = tmp_path / "home"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "home" / "artifacts")},
        },
    }
    return tmp_path / "home"


def make_folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        file = path / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return path


def stored(blob: Blob, home: Path) -> Path:
    return home / "artifacts" / blob.storage_name


def test_a_file_is_kept_under_its_hash_once(tmp_path: Path, home: Path) -> None:
    one, same = tmp_path / "one", tmp_path / "same"
    one.write_bytes(b"weights")
    same.write_bytes(b"weights")
    blob = services.store_file(one)
    assert blob.pk == hashlib.sha256(b"weights").hexdigest()
    assert services.store_file(same) == blob
    assert Blob.objects.count() == 1
    assert b"".join(services.chunks(blob)) == b"weights"


def test_what_the_caller_changes_afterwards_does_not_change_the_store(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"weights")
    blob = services.store_file(file)
    file.write_bytes(b"others!")
    assert stored(blob, home).read_bytes() == b"weights"
    assert not os.access(stored(blob, home), os.W_OK) or os.geteuid() == 0
    assert stored(blob, home).stat().st_mode & 0o222 == 0


def test_a_stream_that_is_too_large_leaves_nothing_behind(home: Path) -> None:
    with pytest.raises(Refused, match="larger than 1 MB") as refused:
        services.store_stream(io.BytesIO(b"x" * (2 * 1024 * 1024)), most_bytes=1024 * 1024)
    assert refused.value.status == 413
    assert not Blob.objects.exists()
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_equal_folders_are_one_manifest_and_another_name_is_another(tmp_path: Path) -> None:
    a = services.store_folder(make_folder(tmp_path / "a", config="{}", deep__weights="w"))
    b = services.store_folder(make_folder(tmp_path / "b", config="{}", deep__weights="w"))
    c = services.store_folder(make_folder(tmp_path / "c", config="{}", weights="w"))
    assert a == b != c
    assert sorted(a.files.values_list("path", flat=True)) == ["config", "deep/weights"]
    assert a.size == 3


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", config="{}")
    (folder / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="passwd is a link"):
        services.store_folder(folder)
    assert not Manifest.objects.exists()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(Refused, match="holds no file"):
        services.store_folder(tmp_path / "a")


def test_a_manifest_becomes_a_folder_once(tmp_path: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", deep__weights="w"))
    folder = services.materialise(manifest)
    assert (folder / "deep" / "weights").read_text() == "w"
    marker = folder / ".complete"
    at = marker.stat().st_mtime_ns
    assert services.materialise(manifest) == folder
    assert marker.stat().st_mtime_ns == at


def test_a_file_that_was_tampered_with_is_found_when_it_is_loaded(tmp_path: Path, home: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    file = stored(manifest.files.get(path="weights").blob, home)
    file.chmod(0o644)
    file.write_text("evil")
    with pytest.raises(Refused, match="weights is not what it was when it was registered"):
        services.materialise(manifest)
    assert not list((home / "models").glob("*/.complete"))
    assert not list((home / "models").glob(".making-*"))


def test_a_folder_that_a_killed_worker_left_half_made_is_not_taken_for_whole(tmp_path: Path, home: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="w"))
    (home / "models" / ".making-left").mkdir(parents=True)
    folder = services.materialise(manifest)
    assert sorted(path.name for path in folder.iterdir()) == [".complete", "config", "weights"]


# ── collection ──


def aged(rows: Any, hours: int) -> None:
    rows.update(created_at=timezone.now() - timedelta(hours=hours))


def test_a_file_that_nobody_owns_is_collected_after_a_day_and_no_sooner(tmp_path: Path, home: Path) -> None:
    kept, old = (services.store_stream(io.BytesIO(text)) for text in (b"kept", b"old"))
    aged(Blob.objects.filter(pk=old.pk), 25)
    aged(Blob.objects.filter(pk=kept.pk), 23)
    assert services.collect(now=timezone.now()).blobs == 1
    assert [blob.pk for blob in Blob.objects.all()] == [kept.pk]
    assert stored(kept, home).exists() and not stored(old, home).exists()


def test_a_file_with_an_owner_is_never_collected(cast: Cast, tmp_path: Path, home: Path) -> None:
    found = import_rows(cast.project, tmp_path / "t.csv", desk_rows(1))
    folder = services.store_folder(make_folder(tmp_path / "model", config="{}"))
    ModelVersion.objects.create(project=cast.project, number=1, name="m", source="folder", reference="m", files=folder)
    for rows in (Blob.objects.all(), Manifest.objects.all()):
        aged(rows, 1000)
    assert services.collect(now=timezone.now()) == services.Collected(blobs=0, manifests=0, scratch=0)
    assert stored(found.file, home).exists()


def test_a_folder_that_nobody_owns_goes_with_its_files(tmp_path: Path, home: Path) -> None:
    services.store_folder(make_folder(tmp_path / "model", config="{}", weights="w"))
    for rows in (Blob.objects.all(), Manifest.objects.all()):
        aged(rows, 25)
    gone = services.collect(now=timezone.now())
    assert (gone.manifests, gone.blobs) == (1, 2)
    assert not Manifest.objects.exists() and not Blob.objects.exists()


def test_what_is_stored_again_is_new_again(tmp_path: Path, home: Path) -> None:
    blob = services.store_stream(io.BytesIO(b"again"))
    aged(Blob.objects.all(), 25)
    services.store_stream(io.BytesIO(b"again"))
    assert services.collect(now=timezone.now()).blobs == 0
    assert b"".join(services.chunks(blob)) == b"again"


def test_what_a_killed_worker_left_unfinished_goes_after_a_day(home: Path) -> None:
    left, busy = services.scratch_home() / "left", services.scratch_home() / "busy"
    for folder in (left, busy):
        make_folder(folder, fetched__csv="x")
    long_ago = (timezone.now() - timedelta(hours=25)).timestamp()
    for path in (left / "fetched" / "csv", left / "fetched", left, busy):
        os.utime(path, (long_ago, long_ago))
    assert services.collect(now=timezone.now()).scratch == 1
    assert not left.exists() and busy.exists()


def test_housekeeping_forgets_old_answers_and_sessions(cast: Cast) -> None:
    for key in ("old", "new"):
        IdempotencyKey.objects.create(user=cast.ada, key=key, request_hash="0", status=202, answer={})
    aged(IdempotencyKey.objects.filter(key="old"), 24 * 8)
    tidy(now=timezone.now())
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_a_disk_that_takes_no_more_is_told_in_words(tmp_path: Path, home: Path) -> None:
    """As `import_tickets` and the registration of a model meet it."""
    (tmp_path / "file").write_bytes(b"x")
    home.mkdir()
    (home / "artifacts").write_bytes(b"no folder can be made here")
    with pytest.raises(Refused, match="could not be stored: Not a directory") as refused:
        services.store_file(tmp_path / "file")
    assert (refused.value.code, refused.value.status) == ("disk", 507)
