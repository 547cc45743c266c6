"""Is this folder a model that may be loaded here, and what is it? Read without torch or transformers.

A model folder is data from somebody else that will be given to a program. So nothing in it may be run: weights are safetensors
(pickles run code when they are opened), there is no code of its own (`auto_map`, Python files), and no link leads out of it.
And it must be able to chat: a model without a chat template would be asked in a form that it was never taught.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

from ftplatform.engines.modelconfig import context_length
from inference import safetensors_header

ModelFolderErrorCode = Literal[
    "no-folder",
    "unreadable",
    "outside-link",
    "pickle",
    "custom-code",
    "no-config",
    "broken-config",
    "no-weights",
    "broken-weights",
    "no-tokenizer",
    "no-chat-template",
    "not-a-chat-model",
    "hub-name",
    "unpinned",
]

PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill", ".npz"})
PICKLE_OPENINGS = (
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"PK\x03\x04",
)  # a pickle; torch's zip of pickles
MAX_CONFIG_BYTES = 20_000_000


class ModelFolderError(Exception):
    """The folder is refused. `code` is for programs; `message` says what is wrong, where, and what to do."""

    def __init__(self, code: ModelFolderErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ModelFolderErrorCode = code
        self.message = message


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file's content, by hash, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What a checked folder holds. `files` maps each path, relative with `/`, to its content.

    `parameters` counts stored numbers, tied weights once; in a quantised folder it counts packed numbers. `context_length` is
    in tokens, None where the config does not tell. `dtype` is that of most parameters, in safetensors' spelling ("F32", "BF16").
    """

    path: Path
    files: dict[str, FileEntry]
    architecture: str
    model_type: str
    parameters: int
    dtype: str
    context_length: int | None
    chat_template_file: str
    quantisation: str | None

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())

    @property
    def sha256(self) -> str:
        """One hash for the whole content: that of the sorted lines `path sha256`."""
        lines = "".join(f"{name} {entry.sha256}\n" for name, entry in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PinnedName:
    """A model on a hub at one commit, written `name@commit`."""

    name: str
    revision: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


def check(folder: Path | str) -> ModelFolder:
    """Refuse the folder with ModelFolderError, or say what it is and hash every file (about a second a gigabyte)."""
    weights = refuse_unfit(Path(folder))
    root = Path(folder).resolve()
    config = _read_json(root / "config.json")
    quantised = config.get("quantization_config")
    return ModelFolder(
        path=root,
        files={file.relative_to(root).as_posix(): _entry(file) for file in _files(root)},
        architecture=config["architectures"][0],
        model_type=str(config.get("model_type", "")),
        parameters=sum(weights.values()),
        dtype=max(weights, key=lambda dtype: weights[dtype]),
        context_length=context_length(config),
        chat_template_file=_chat_template_file(root),
        quantisation=str(quantised.get("quant_method", "unknown")) if isinstance(quantised, dict) else None,
    )


def refuse_unfit(folder: Path) -> dict[str, int]:
    """All refusals without the hashing, for whoever is about to load. Returns parameters by dtype, from the weights' headers."""
    root = _root(folder)
    _refuse_links(root)
    _refuse_pickles(root)
    config = _config(root)
    _refuse_code(root)
    _refuse_other_models(root, config)
    weights = _weights(root, "model")
    _require_tokenizer(root)
    _chat_template_file(root)
    return weights


def check_adapter(folder: Path | str) -> dict[str, FileEntry]:
    """The same refusals for a PEFT adapter, which has its base's tokenizer and template. Returns its files."""
    root = _root(Path(folder))
    _refuse_links(root)
    _refuse_pickles(root)
    if not (root / "adapter_config.json").is_file():
        raise ModelFolderError(
            "no-config", f"{root} has no adapter_config.json. Choose the folder that PEFT's save_pretrained wrote."
        )
    _refuse_code(root)
    _weights(root, "adapter_model")
    return {file.relative_to(root).as_posix(): _entry(file) for file in _files(root)}


def pin_hub_name(name: str, revision: str) -> PinnedName:
    """The name of a model on a hub, pinned to a commit; a branch or tag can change under an evaluation and is refused."""
    name, revision = name.strip(), revision.strip().lower()
    part = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
    if not re.fullmatch(rf"(?:{part}/)?{part}", name) or ".." in name or "--" in name:
        raise ModelFolderError("hub-name", f"{name!r} is not a model's name on a hub. Write it as owner/name.")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        given = f"{revision!r} can change" if revision else "No commit is given"
        raise ModelFolderError(
            "unpinned",
            f"{given}; give the commit's 40 hexadecimal digits. They stand on https://huggingface.co/{name}/commits/main, "
            f"or run: git ls-remote https://huggingface.co/{name} HEAD",
        )
    return PinnedName(name, revision)


# ── the folder ──


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise ModelFolderError(
            "no-folder", f"{folder} is not a folder on this machine. Check the path and who may read it."
        )
    return folder.resolve()


def _files(root: Path) -> Iterator[Path]:
    """Every file, sorted; hidden ones belong to git, to an editor or to a download's cache, and are no part of the model."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _refuse_links(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise ModelFolderError(
                "outside-link",
                f"{path.relative_to(root)} is a link out of the folder, to {path.resolve()}. Copy the model with its real files "
                f"first (a hub's cache is made of such links): cp -rL {root} NEW_FOLDER",
            )


def _refuse_pickles(root: Path) -> None:
    found = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and _is_pickle(path)]
    if found:
        raise ModelFolderError(
            "pickle",
            f"{_listed(sorted(found))}: a pickle, which runs whatever program it holds when it is opened. Remove it where safetensors stand "
            "beside it; otherwise load the model once on a machine you can lose and write it with model.save_pretrained(folder).",
        )


def _is_pickle(path: Path) -> bool:
    """By name, and by its first bytes whatever it is called."""
    if path.suffix.lower() in PICKLES:
        return True
    if path.suffix.lower() in (".safetensors", ".json"):
        return False  # read by their own format below, which a pickle is not
    with _opened(path) as stream:
        return stream.read(4).startswith(PICKLE_OPENINGS)


def _refuse_code(root: Path) -> None:
    scripts = sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.suffix.lower() in (".py", ".so", ".pyc")
    )
    if scripts:
        raise ModelFolderError(
            "custom-code",
            f"{_listed(scripts)}: the model brings its own code, which is never run here. Use a model whose architecture is "
            "part of transformers, or remove the file if the model does not need it.",
        )
    for path in sorted(root.glob("*.json")):
        if (
            path.name != "tokenizer.json"
            and not path.name.endswith(".index.json")
            and _holds_key(_read_json(path), "auto_map")
        ):
            raise ModelFolderError(
                "custom-code",
                f'{path.name} has "auto_map": it wants code of its own loaded. Use a model whose architecture is part of '
                "transformers; if it is, remove the auto_map entry.",
            )


def _holds_key(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_holds_key(inner, key) for inner in value.values())
    if isinstance(value, list):
        return any(_holds_key(inner, key) for inner in value)
    return False


# ── config, tokenizer, template ──


def _config(root: Path) -> dict[str, Any]:
    if not (root / "config.json").is_file():
        hint = "This is an adapter: register its merged model." if (root / "adapter_config.json").is_file() else ""
        gguf = "GGUF files are not read here: take the original safetensors." if any(root.glob("*.gguf")) else ""
        remedy = hint or gguf or "Choose the folder that save_pretrained wrote, not one above it."
        raise ModelFolderError("no-config", f"{root} has no config.json. {remedy}")
    return _read_json(root / "config.json")


def _refuse_other_models(root: Path, config: dict[str, Any]) -> None:
    names = config.get("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ModelFolderError(
            "broken-config", f"{root / 'config.json'} names no architecture. Save the model again with save_pretrained."
        )
    generates = names[0].endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"))
    if not generates or config.get("is_encoder_decoder") is True:
        raise ModelFolderError(
            "not-a-chat-model",
            f"{names[0]} is not a causal language model. Take the instruct version of one (…ForCausalLM).",
        )


def _require_tokenizer(root: Path) -> None:
    if not (root / "tokenizer.json").is_file():
        raise ModelFolderError(
            "no-tokenizer",
            f"{root} has no tokenizer.json. Load the model's tokenizer with transformers' AutoTokenizer (use_fast=True) "
            "and write it into the folder with tokenizer.save_pretrained(folder).",
        )


def _chat_template_file(root: Path) -> str:
    """The file that holds the chat template, where transformers looks for it."""
    alone = root / "chat_template.jinja"
    if alone.is_file() and alone.read_text(encoding="utf-8", errors="replace").strip():
        return alone.name
    for name in ("tokenizer_config.json", "chat_template.json"):
        if (root / name).is_file() and _is_template(_read_json(root / name).get("chat_template")):
            return name
    raise ModelFolderError(
        "no-chat-template",
        f"{root} has no chat template, so nobody knows how the model wants to be asked. Take the model's instruct version, or "
        "put the template that it was trained with into chat_template.jinja.",
    )


def _is_template(value: Any) -> bool:
    """A text that is not blank, or transformers' list of named ones with a default. Blanks would ask the model nothing at all."""
    if isinstance(value, list):
        named = {one.get("name"): one.get("template") for one in value if isinstance(one, dict)}
        return _is_template(named.get("default"))
    return isinstance(value, str) and bool(value.strip())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelFolderError(
                "broken-config", f"{path} has {path.stat().st_size:,} bytes: too large for a configuration."
            )
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFolderError(
            "broken-config", f"{path} is not readable JSON: {error}. Download the file again."
        ) from error
    if not isinstance(value, dict):
        raise ModelFolderError("broken-config", f"{path} holds no JSON object. Download the file again.")
    return value


# ── weights ──


def _weights(root: Path, stem: str) -> dict[str, int]:
    """Numbers stored by dtype, over all shards that belong to the model."""
    index = root / f"{stem}.safetensors.index.json"
    if index.is_file():
        named = _read_json(index).get("weight_map")
        shards = sorted(set(named.values())) if isinstance(named, dict) else []
        missing = [name for name in shards if not isinstance(name, str) or "/" in name or not (root / name).is_file()]
        if missing or not shards:
            raise ModelFolderError(
                "broken-weights",
                f"{index.name} names shards that are not in the folder: {_listed([str(name) for name in missing]) or 'none at all'}. "
                "Finish the download.",
            )
    else:
        shards = [f"{stem}.safetensors"]
        if not (root / shards[0]).is_file():
            raise ModelFolderError(
                "no-weights",
                f"{root} has no {shards[0]}. Only safetensors are loaded; write them with model.save_pretrained(folder).",
            )
    counts: dict[str, int] = {}
    for shard in shards:
        for dtype, count in _header_counts(root / shard).items():
            counts[dtype] = counts.get(dtype, 0) + count
    return counts


def _header_counts(path: Path) -> dict[str, int]:
    try:
        return safetensors_header.numbers_by_dtype(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except safetensors_header.BrokenFileError as error:
        raise ModelFolderError("broken-weights", f"{path} is not a whole safetensors file: {error}") from error


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelFolderError:
    return ModelFolderError("unreadable", f"{path} cannot be read: {error.strerror}. Check who may read it.")


def _entry(path: Path) -> FileEntry:
    with _opened(path) as stream:
        return FileEntry(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
