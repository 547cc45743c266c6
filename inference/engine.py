"""`python -m inference.engine config.json [--supervised]`: one model answers files of requests, in a process of its own.

The files are answered one after the other, so that a model is loaded once for all conditions of a run. Each is cut into fixed chunks
in its own order. A chunk's answers are appended to the file's output, synced to disk and then announced; a run that was killed is
given the announced chunks as `done_chunks`, drops what was written but not announced, and goes on. Since batches are formed inside a
chunk, the answers are those of an uninterrupted run.

Events, one JSON per line on standard output:

=========== =============================================================================================
environment ``hardware`` in words, and ``backend device dtype threads libraries``: latency belongs to these
progress    ``done``, ``total``, ``unit`` (answers, of all files)
chunk       ``file`` (its number), ``index``, ``path``, ``rows``, and where in the output they stand: ``offset``, ``bytes``
log         ``message``
done        ``rows``, ``errors`` (of this process), ``seconds``, ``hardware``
cancelled   nothing more: announced chunks are complete, the one under way is dropped
error       ``code``, ``message``
=========== =============================================================================================

Exit status: 0 done, 1 error, 130 cancelled (SIGTERM, SIGINT), 3 the worker is gone (``--supervised`` only).
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from ftplatform.engines.events import Emit, EngineError, Events
from ftplatform.engines.lock import LAST_SECONDS, run_lock
from ftplatform.engines.process import serve
from inference.backends import registry
from inference.backends.base import (
    BATCH_SIZE,
    BackendError,
    ChoiceOutput,
    ChoiceRequest,
    GenerationRequest,
    Output,
    Sampling,
)
from inference.backends.hardware import DtypeName
from inference.modelfolder import ModelFolderError, check_adapter, refuse_unfit

PROGRESS_SECONDS = 0.5

Request = GenerationRequest | ChoiceRequest


class RequestFile(BaseModel):
    """One file of requests and where its answers go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: Path = Field(description="JSONL of GenerationRequest or ChoiceRequest, one id each")
    output: Path = Field(description="JSONL of Output or ChoiceOutput, each with the number of its chunk")
    kind: Literal["generate", "choices"] = Field(description="free text, or the likelihood of given labels")
    done_chunks: list[int] = Field(default=[], description="chunks that need no answer any more")


class EngineConfig(BaseModel):
    """The whole request. An unknown or wrongly typed key stops the run at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: Path = Field(description="folder of the model, see inference.modelfolder")
    backend: str = Field(
        default="transformers", description="a member of inference.backends.registry that runs in this process"
    )
    adapters: list[Path] = Field(default=[], description="PEFT adapters, merged into the model in this order")
    files: list[RequestFile] = Field(min_length=1, description="what is answered, in this order")
    sampling: Sampling = Field(default=Sampling(), description="of kind generate; choices are scored, not sampled")
    chunk_size: int = Field(
        default=BATCH_SIZE, ge=1, description="requests a chunk; part of what makes a run repeatable"
    )
    batch_size: int = Field(default=BATCH_SIZE, ge=1, description="answers under way at once")
    dtype: DtypeName = Field(
        default="auto", description="auto: bfloat16 where the hardware computes in it, else float32"
    )
    threads: int | None = Field(default=None, ge=1, description="None: OMP_NUM_THREADS, or as many as there are cores")

    @field_validator("backend")
    @classmethod
    def _runs_here(cls, name: str) -> str:
        here = [one for one in registry.names() if registry.describe(one).runs_in_engine]
        if name not in here:
            raise ValueError(f"a model runs here by {', '.join(here)}")
        return name


@dataclass(frozen=True)
class _Chunks:
    """A file's requests, cut."""

    file: RequestFile
    chunks: list[list[Request]]
    done: frozenset[int]

    @property
    def missing(self) -> list[int]:
        return [index for index in range(len(self.chunks)) if index not in self.done]


class Run:
    """One run of the engine: reads, answers, writes and tells."""

    def __init__(self, config: EngineConfig, emit: Emit) -> None:
        self._config = config
        self._events = Events(emit)
        self._emit = emit
        self._files = [_cut(file, config.chunk_size) for file in config.files]
        self._total = sum(len(chunk) for one in self._files for chunk in one.chunks)
        self._answered = sum(len(one.chunks[index]) for one in self._files for index in one.done)
        self._told_at = 0.0

    def go(self) -> None:
        """Answer every chunk that is not done. Raises EngineError or BackendError; announced chunks stay."""
        start = time.monotonic()
        rows = errors = 0
        hardware = ""
        for one in self._files:
            keep_only_chunks(one.file.output, one.done)
        self._tell_progress(now=True)
        if any(one.missing for one in self._files):
            backend = self._load()
            hardware = str(backend.environment)
            self._emit({"event": "environment", **asdict(backend.environment), "hardware": hardware})
            for number, one in enumerate(self._files):
                for index in one.missing:
                    answers = self._answer(backend, one.file.kind, one.chunks[index])
                    self._write(number, index, answers)
                    rows += len(answers)
                    errors += sum(answer.finish_reason == "error" for answer in answers)
        self._events.done({"rows": rows, "errors": errors, "seconds": time.monotonic() - start, "hardware": hardware})

    def _load(self) -> Any:
        """The backend; torch and transformers take seconds to import, so a bad config has been told by now."""
        try:
            refuse_unfit(self._config.model)
            for adapter in self._config.adapters:
                check_adapter(adapter)
        except ModelFolderError as error:
            raise EngineError(error.code, error.message) from error
        return (
            registry.describe(self._config.backend)
            .load()
            .load(
                self._config.model,
                adapters=self._config.adapters,
                dtype=self._config.dtype,
                threads=self._config.threads,
                batch_size=self._config.batch_size,
            )
        )

    def _answer(self, backend: Any, kind: str, chunk: Sequence[Request]) -> list[Output | ChoiceOutput]:
        """The chunk's answers in the order of its requests."""
        is_choice = kind == "choices"
        arriving = backend.score_choices(chunk) if is_choice else backend.generate(chunk, self._config.sampling)
        by_id: dict[str, Output | ChoiceOutput] = {}
        for answer in arriving:
            by_id[answer.id] = answer
            self._answered += 1
            self._tell_progress()
        return [by_id[request.id] for request in chunk]

    def _write(self, number: int, index: int, answers: Sequence[Output | ChoiceOutput]) -> None:
        lines = [json.dumps({**asdict(answer), "chunk": index}, ensure_ascii=False) + "\n" for answer in answers]
        data = "".join(lines).encode("utf-8")
        output = self._config.files[number].output
        with output.open("ab") as stream:
            offset = stream.tell()
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        place = {"path": str(output), "offset": offset, "bytes": len(data)}
        self._emit({"event": "chunk", "file": number, "index": index, "rows": len(answers), **place})
        self._tell_progress(now=True)

    def _tell_progress(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self._events.progress(self._answered, self._total, "answers")
            self._told_at = time.monotonic()


def read_config(path: Path) -> EngineConfig:
    """The config, or EngineError `config` with each key that is wrong."""
    try:
        return EngineConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EngineError("config", f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise EngineError("config", f"{path}: {_told(error)}") from error


def _cut(file: RequestFile, size: int) -> _Chunks:
    requests = read_requests(file)
    chunks = [requests[at : at + size] for at in range(0, len(requests), size)]
    done = frozenset(file.done_chunks)
    if strange := [index for index in done if not 0 <= index < len(chunks)]:
        raise EngineError(
            "config",
            f"done_chunks holds {min(strange)}, but {file.requests} has {len(chunks)} chunks, numbered from 0. Is this the same file?",
        )
    return _Chunks(file, chunks, done)


def read_requests(file: RequestFile) -> list[Request]:
    """All requests, or EngineError `requests` with the line of the first that is wrong."""
    adapter: TypeAdapter[Any] = TypeAdapter(ChoiceRequest if file.kind == "choices" else GenerationRequest)
    requests: list[Request] = []
    seen: set[str] = set()
    try:
        with file.requests.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                request = adapter.validate_json(line)
                if request.id in seen:
                    raise EngineError(
                        "requests",
                        f"{file.requests}, line {number}: the id {request.id!r} stands there a second time",
                    )
                seen.add(request.id)
                requests.append(request)
    except OSError as error:
        raise EngineError("requests", f"{file.requests} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise EngineError("requests", f"{file.requests}, line {number}: {_told(error)}") from error
    return requests


def keep_only_chunks(output: Path, done: frozenset[int]) -> None:
    """Drop from the output what a killed run wrote but did not announce: whole rows of other chunks, and a torn last line."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if not output.exists():
        return
    cleaned = output.with_name(output.name + ".resuming")
    with output.open("rb") as old, cleaned.open("wb") as new:
        for line in old:
            if _chunk_of(line) in done:
                new.write(line)
        new.flush()
        os.fsync(new.fileno())
    cleaned.replace(output)


def _chunk_of(line: bytes) -> int | None:
    if not line.endswith(b"\n"):
        return None
    try:
        chunk = json.loads(line)["chunk"]
    except (ValueError, KeyError, TypeError):
        return None  # torn in its middle when the machine lost power
    return chunk if isinstance(chunk, int) else None


def _told(error: ValidationError) -> str:
    problems = [f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:5]]
    return "; ".join(problems)


def main(arguments: list[str] | None = None) -> int:
    return serve("inference.engine", (__doc__ or "").partition("\n")[0], _work, arguments)


def _work(path: Path, emit: Emit, supervised: bool) -> None:
    config = read_config(path)
    patience = LAST_SECONDS if supervised else 0.0
    with ExitStack() as locks:
        for folder in sorted({file.output.parent for file in config.files}):
            locks.enter_context(run_lock(folder, patience=patience))
        try:
            Run(config, emit).go()
        except BackendError as error:
            raise EngineError(error.code, error.message) from error


if __name__ == "__main__":
    sys.exit(main())
