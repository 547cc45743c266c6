"""Stores files, hands them out, and deletes those that nothing refers to. Write to temp, fsync, rename; a blob is written once and never changed."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, ManyToOneRel, OuterRef, QuerySet
from django.utils import timezone

from ftplatform.artifacts.models import Blob, Manifest, ManifestFile
from ftplatform.errors import Refused
from ftplatform.projects.spec import canonical

CHUNK = 1024 * 1024


def store_file(source: Path) -> Blob:
    """Puts a file into the store and returns its blob. Raises Refused where the disk takes no more."""
    digest, size = _digest(source)
    blob = Blob(sha256=digest, size=size)
    # The row before the file, and fresh: a collector leaves it alone then, or has gone before the file is looked for.
    _refresh(Blob.objects.filter(pk=digest))
    Blob.objects.bulk_create([blob], ignore_conflicts=True)
    if default_storage.exists(blob.storage_name):
        return blob
    with _told_in_words():
        target = _local_path(blob)
        if target is not None:
            _place(source, target)
            return blob
        with source.open("rb") as file:
            default_storage.save(blob.storage_name, File(file))
    return blob


def store_stream(stream: IO[bytes], *, most_bytes: int | None = None) -> Blob:
    """Stores what can be read from the stream. Raises Refused past `most_bytes`, leaving nothing behind."""
    with _told_in_words(), tempfile.NamedTemporaryFile(dir=scratch_home()) as file:
        size = 0
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if most_bytes is not None and size > most_bytes:
                raise Refused(
                    "file-too-large",
                    f"The file is larger than {most_bytes // 1024**2} MB. Split it and import the parts.",
                    field="file",
                    status=413,
                )
            file.write(chunk)
        file.flush()
        return store_file(Path(file.name))


@contextmanager
def _told_in_words() -> Iterator[None]:
    """What a disk refuses, as a Refused."""
    try:
        yield
    except OSError as error:
        raise Refused(
            "disk",
            f"The file could not be stored: {error.strerror or error}. Free space under {default_storage_home()} and try again.",
            status=507,
        ) from error


@transaction.atomic
def store_folder(folder: Path) -> Manifest:
    """Stores every file of a folder; equal folders are one manifest. Links are refused: they could point anywhere."""
    blobs: dict[str, Blob] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise Refused(
                "link-in-folder", f"{path.relative_to(folder)} is a link; copy the file itself into the folder."
            )
        if path.is_file():
            blobs[path.relative_to(folder).as_posix()] = store_file(path)
    if not blobs:
        raise Refused("empty-folder", f"{folder} holds no file.")
    digest = hashlib.sha256(canonical({name: blob.sha256 for name, blob in blobs.items()}).encode()).hexdigest()
    _refresh(Manifest.objects.filter(sha256=digest))
    manifest, made = Manifest.objects.get_or_create(sha256=digest)
    if made:
        ManifestFile.objects.bulk_create(
            ManifestFile(manifest=manifest, path=name, blob=blob) for name, blob in blobs.items()
        )
    return manifest


WHOLE = ".complete"
"""In a folder whose files are all there: what each looked like when its hash was compared last. Written last."""

Mark = list[int]
"""Size, time of change in nanoseconds, inode: a file of the same mark has not been written to since."""


def materialise(manifest: Manifest) -> Path:
    """A folder on this machine that holds the manifest's files, made once and kept under FT_HOME/models.

    Whoever loads from it calls this each time: a file that looks different from when its hash was last compared is hashed again.
    Raises Refused naming the file that is not what it was when it was registered.
    """
    folder = models_home() / manifest.sha256[:16]
    if not (folder / WHOLE).exists():
        _make(manifest, folder)
    _check(manifest, folder)
    return folder


def _make(manifest: Manifest, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        for file in manifest.files.select_related("blob"):
            target = made / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(file.blob, target)
        _check(manifest, made)
        try:
            made.rename(folder)
        except OSError:
            if not (folder / WHOLE).exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _check(manifest: Manifest, folder: Path) -> None:
    """Compares what has changed since it was compared last, and keeps how it looks now. That is also the time of the last use."""
    known, marks = _marks_kept(folder), dict[str, Mark]()
    for file in manifest.files.select_related("blob"):
        path = folder / file.path
        mark = _mark(path)  # before the hash: what is written meanwhile is seen next time
        is_known = known is not None and known.get(file.path) == mark
        if mark is None or not (is_known or _digest(path)[0] == file.blob.sha256):
            raise Refused(
                "file-changed",
                f"{file.path} is not what it was when it was registered. Restore {file.blob.storage_name} in the store from a backup "
                f"and delete {models_home() / manifest.sha256[:16]}, which is then made again from the store.",
            )
        marks[file.path] = mark
    if added := sorted(_files(folder) - marks.keys()):
        raise Refused(
            "file-added",
            f"{added[0]} in {folder} is not a file of the model as it was registered. Remove it; nothing is loaded beside it.",
        )
    if marks != known:
        part = folder / f"{WHOLE}.{os.getpid()}.{os.urandom(4).hex()}"
        part.write_text(json.dumps(marks), encoding="utf-8")
        part.replace(folder / WHOLE)
    else:
        os.utime(folder / WHOLE)


def _marks_kept(folder: Path) -> dict[str, Mark] | None:
    """None kept: not made yet, or made before they were kept."""
    try:
        found = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _mark(path: Path) -> Mark | None:
    """Of the file that a reader of this path gets; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _files(folder: Path) -> set[str]:
    """Hidden ones left out: no loader looks at them."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts)}


def fetch(blob: Blob, target: Path) -> None:
    """Copies a blob to a path, by hard link where the store is a folder on the same disk."""
    local = _local_path(blob)
    if local is not None:
        try:
            os.link(local, target)
        except OSError:
            shutil.copyfile(local, target)
        return
    with default_storage.open(blob.storage_name, "rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, CHUNK)


def open_blob(blob: Blob) -> Any:
    return default_storage.open(blob.storage_name, "rb")


def chunks(blob: Blob) -> Iterator[bytes]:
    with open_blob(blob) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def default_storage_home() -> Path:
    from django.conf import settings

    return Path(settings.FT_HOME)


def models_home() -> Path:
    """Where models lie as folders, to be loaded from."""
    return default_storage_home() / "models"


def scratch_home() -> Path:
    """Where unfinished files are; what stays here for a day was left by somebody who died."""
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ── collection ──

KEPT = timedelta(hours=24)
"""How long a file stays that nothing refers to: an upload has until then to become an import."""

FRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Collected:
    blobs: int
    manifests: int
    folders: int
    scratch: int


def collect(*, now: datetime, most: int = 1000) -> Collected:
    """Deletes folders and files that no row refers to for a day, and what was left unfinished. May run anywhere at any time.

    most: rows of each kind in one go.
    """
    before = now - KEPT
    manifests = [pk for pk in _unreferenced(Manifest, before)[:most] if _drop(Manifest, pk, before)]
    blobs = [pk for pk in _unreferenced(Blob, before)[:most] if _drop(Blob, pk, before)]
    return Collected(len(blobs), len(manifests), _drop_folders(before), _clear_scratch(before))


def _unreferenced(model: type[Blob] | type[Manifest], before: datetime) -> Any:
    """Keys of rows older than that to which no other table's row points. Whoever owns a file has a foreign key to it."""
    rows = model._base_manager.filter(created_at__lt=before)
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel) or (model is Manifest and relation.related_model is ManifestFile):
            continue
        owner: Any = relation.related_model
        rows = rows.filter(~Exists(owner._base_manager.filter(**{relation.field.name: OuterRef("pk")})))
    return rows.values_list("pk", flat=True)


def _drop(model: type[Blob] | type[Manifest], pk: Any, before: datetime) -> bool:
    """Deletes one row and a blob's file with it; not where somebody stores or refers to the same just now."""
    with transaction.atomic():
        row = model._base_manager.filter(pk=pk).select_for_update(skip_locked=True).first()
        if row is None or not _unreferenced(model, before).filter(pk=pk).exists():
            return False
        if isinstance(row, Blob):  # before the commit: storing it again waits for that, and then looks for the file
            default_storage.delete(row.storage_name)
        row.delete()
    return True


def _drop_folders(before: datetime) -> int:
    """Removes models that no manifest stands for any more and nobody has used since, and what was left half made.

    None that an engine runs from: its manifest has an owner, a version that a run holds fast.
    """
    folders = list(models_home().iterdir()) if models_home().exists() else []
    kept = {
        sha256[:16] for sha256 in Manifest.objects.values_list("sha256", flat=True)
    }  # read last: rows come before folders
    gone = 0
    for folder in folders:
        if folder.name in kept or _used_at(folder) >= before.timestamp():
            continue
        leaving = Path(tempfile.mkdtemp(dir=models_home(), prefix=".leaving-"))
        with suppress(FileNotFoundError):  # another worker tidies too
            folder.rename(leaving / folder.name)  # at once: nobody finds half of it
            gone += 1
        shutil.rmtree(leaving, ignore_errors=True)
    return gone


def _used_at(folder: Path) -> float:
    """When it was checked last, or made as far as it is. 0 where it is gone already."""
    times = [0.0]
    for path in (folder, folder / WHOLE):
        with suppress(FileNotFoundError, NotADirectoryError):
            times.append(path.lstat().st_mtime)
    return max(times)


def _clear_scratch(before: datetime) -> int:
    """Removes files and folders in which nothing was written since."""
    gone = 0
    for path in scratch_home().iterdir():
        try:
            newest = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
        except FileNotFoundError:
            continue  # its owner was quicker
        if newest >= before.timestamp():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        gone += 1
    return gone


def _refresh(rows: QuerySet[Any]) -> None:
    """Stored again is as good as new. Written at most once an hour, so that equal files wait for each other only then."""
    now = timezone.now()
    rows.filter(created_at__lt=now - FRESH).update(created_at=now)


def _local_path(blob: Blob) -> Path | None:
    try:
        return Path(default_storage.path(blob.storage_name))
    except NotImplementedError:
        return None


def _place(source: Path, target: Path) -> None:
    """A copy, not a link, of what the caller may still change; then fsync and rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        shutil.copyfile(source, made)
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        made.chmod(0o444)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
