"""Files in, files out. Write to temp, fsync, rename; a blob is written once and never changed."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from ftplatform.artifacts.models import Blob, Manifest, ManifestFile
from ftplatform.errors import Refused
from ftplatform.projects.spec import canonical

CHUNK = 1024 * 1024


def store_file(source: Path) -> Blob:
    """Puts a file into the store and returns its blob."""
    digest, size = _digest(source)
    blob = Blob(sha256=digest, size=size)
    if not default_storage.exists(blob.storage_name):
        target = _local_path(blob)
        if target is None:
            with source.open("rb") as file:
                default_storage.save(blob.storage_name, File(file))
        else:
            _place(source, target)
    Blob.objects.bulk_create([blob], ignore_conflicts=True)
    return blob


def store_stream(stream: IO[bytes], *, most_bytes: int | None = None) -> Blob:
    """Stores what can be read from the stream. Raises Refused past `most_bytes`, leaving nothing behind."""
    with tempfile.NamedTemporaryFile(dir=_scratch(), delete=False) as file:
        path = Path(file.name)
        try:
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
            os.fsync(file.fileno())
            return store_file(path)
        except OSError as error:
            raise Refused(
                "disk",
                f"The file could not be stored: {error.strerror}. Free space under {_scratch()} and try again.",
                status=507,
            ) from error
        finally:
            path.unlink(missing_ok=True)


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
    manifest, made = Manifest.objects.get_or_create(sha256=digest)
    if made:
        ManifestFile.objects.bulk_create(
            ManifestFile(manifest=manifest, path=name, blob=blob) for name, blob in blobs.items()
        )
    return manifest


def materialise(manifest: Manifest, *, check: bool = True) -> Path:
    """A folder on this machine that holds the manifest's files, made once and kept under FT_HOME/models.

    check: each file's sha256 is compared when the folder is made. Raises Refused naming the file that is not what it was.
    """
    folder = Path(default_storage_home()) / "models" / manifest.sha256[:16]
    if (folder / ".complete").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        for file in manifest.files.select_related("blob"):
            target = made / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(file.blob, target)
            if check and _digest(target)[0] != file.blob.sha256:
                raise Refused(
                    "file-changed",
                    f"{file.path} is not what it was when it was registered; restore it from a backup or register the model again.",
                )
        (made / ".complete").touch()
        try:
            made.rename(folder)
        except OSError:
            if not (folder / ".complete").exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


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


def _scratch() -> Path:
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
