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
    made = (folder / "config").stat().st_ctime_ns
    assert services.materialise(manifest) == folder
    assert (folder / "config").stat().st_ctime_ns == made


def test_a_file_that_was_tampered_with_is_found_when_it_is_loaded(tmp_path: Path, home: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    file = stored(manifest.files.get(path="weights").blob, home)
    file.chmod(0o644)
    file.write_text("evil")
    with pytest.raises(Refused, match="weights is not what it was when it was registered"):
        services.materialise(manifest)
    assert not list((home / "models").glob("*/.complete"))
    assert not list((home / "models").glob(".making-*"))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were hashed since."""
    found: list[str] = []
    digest = services._digest

    def told(path: Path) -> tuple[str, int]:
        found.append(path.name)
        return digest(path)

    monkeypatch.setattr(services, "_digest", told)
    return found


def rewrite(file: Path, text: str) -> None:
    """As somebody does it who means it: the same length, at another time."""
    file.chmod(0o644)
    file.write_text(text)
    os.utime(file, ns=(1, 1))


def test_a_file_that_was_changed_after_it_was_laid_out_is_found_at_the_next_load(tmp_path: Path, home: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    rewrite(services.materialise(manifest) / "weights", "evil")
    for _ in range(2):
        with pytest.raises(Refused, match="weights is not what it was when it was registered") as refused:
            services.materialise(manifest)
    assert refused.value.code == "file-changed" and manifest.sha256[:16] in refused.value.message


def test_a_file_that_is_gone_or_was_added_is_found_as_well(tmp_path: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    folder = services.materialise(manifest)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(Refused, match=r"tokenizer\.json in .* is not a file of the model"):
        services.materialise(manifest)
    (folder / "tokenizer.json").unlink()
    (folder / ".notes").write_text("of an editor")
    assert services.materialise(manifest) == folder
    (folder / "config").unlink()
    with pytest.raises(Refused, match="config is not what it was"):
        services.materialise(manifest)


def test_only_what_looks_different_is_hashed_again(tmp_path: Path, hashed: list[str]) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    folder = services.materialise(manifest)
    hashed.clear()
    services.materialise(manifest)
    assert hashed == []
    rewrite(folder / "weights", "good")
    services.materialise(manifest)
    assert hashed == ["weights"], "another time, the same words"
    services.materialise(manifest)
    assert hashed == ["weights"]


def test_a_folder_of_an_earlier_version_is_hashed_once(tmp_path: Path, hashed: list[str]) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}", weights="good"))
    (services.materialise(manifest) / ".complete").write_text("")
    hashed.clear()
    for _ in range(2):
        services.materialise(manifest)
    assert sorted(hashed) == ["config", "weights"]


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
    assert services.collect(now=timezone.now()) == services.Collected(blobs=0, manifests=0, folders=0, scratch=0)
    assert stored(found.file, home).exists()


def test_a_folder_that_nobody_owns_goes_with_its_files(tmp_path: Path, home: Path) -> None:
    services.store_folder(make_folder(tmp_path / "model", config="{}", weights="w"))
    for rows in (Blob.objects.all(), Manifest.objects.all()):
        aged(rows, 25)
    gone = services.collect(now=timezone.now())
    assert (gone.manifests, gone.blobs) == (1, 2)
    assert not Manifest.objects.exists() and not Blob.objects.exists()


def unused(folder: Path, hours: int) -> None:
    """As though it had been used last so long ago."""
    at = (timezone.now() - timedelta(hours=hours)).timestamp()
    for path in (folder / ".complete", folder):
        if path.exists():
            os.utime(path, (at, at))


def test_a_model_laid_out_for_a_manifest_that_is_gone_goes_after_a_day(tmp_path: Path, home: Path) -> None:
    manifests = [services.store_folder(make_folder(tmp_path / name, config=name)) for name in ("old", "used", "kept")]
    old, used, kept = (services.materialise(manifest) for manifest in manifests)
    half = home / "models" / ".making-left"
    half.mkdir()
    for folder in (old, kept, half):
        unused(folder, 25)
    unused(used, 23)
    Manifest.objects.exclude(pk=manifests[2].pk).delete()
    assert services.collect(now=timezone.now()).folders == 2
    assert sorted((home / "models").iterdir()) == sorted([used, kept])


def test_loading_a_model_is_using_it(tmp_path: Path, home: Path) -> None:
    manifest = services.store_folder(make_folder(tmp_path / "a", config="{}"))
    folder = services.materialise(manifest)
    unused(folder, 25)
    services.materialise(manifest)
    manifest.delete()
    assert services.collect(now=timezone.now()).folders == 0 and folder.exists()


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
