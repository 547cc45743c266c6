"""`python -m inference.engine config.json [--supervised]`: one model answers one file of requests, in a process of its own.

Requests are cut into fixed chunks in the file's order. A chunk's answers are appended to the output, synced to disk and then
announced; a run that was killed is given the announced chunks as `done_chunks`, drops what was written but not announced, and
goes on. Since batches are formed inside a chunk, the answers are those of an uninterrupted run.

Events, one JSON a line on standard output:

=========== =============================================================================================
environment ``hardware`` in words, and ``backend device dtype threads libraries``: latency belongs to these
progress    ``done``, ``total``, ``unit`` (answers)
chunk       ``index``, ``path``, ``rows``, and where in the file they stand: ``offset``, ``bytes``
log         ``message``
done        ``rows``, ``errors`` (of this process), ``seconds``, ``hardware``
cancelled   nothing more: announced chunks are complete, the one under way is dropped
error       ``code``, ``message``
=========== =============================================================================================

Exit status: 0 done, 1 error, 130 cancelled (SIGTERM, SIGINT), 3 the worker is gone (``--supervised`` only).
"""

import argparse
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from inference.backends.base import BackendError, ChoiceOutput, ChoiceRequest, GenerationRequest, Output, Sampling
from inference.backends.hardware import DtypeName
from inference.modelfolder import ModelFolderError, check_adapter, refuse_unfit
from training.engine.events import Cancelled, EngineError, Events, claim_stdout, json_lines
from training.engine.lock import die_with_parent, exit_at_end_of_input, run_lock

CANCELLED = 130
PROGRESS_SECONDS = 0.5
QUIET_AND_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}

Request = GenerationRequest | ChoiceRequest


class EngineConfig(BaseModel):
    """The whole request. An unknown or wrongly typed key stops the run at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: Path = Field(description="folder of the model, see inference.modelfolder")
    adapters: list[Path] = Field(default=[], description="PEFT adapters, merged into the model in this order")
    requests: Path = Field(description="JSONL of GenerationRequest or ChoiceRequest, one id each")
    output: Path = Field(description="JSONL of Output or ChoiceOutput, each with the number of its chunk")
    kind: Literal["generate", "choices"] = Field(description="free text, or the likelihood of given labels")
    sampling: Sampling = Field(default=Sampling(), description="of kind generate; choices are scored, not sampled")
    chunk_size: int = Field(default=60, ge=1, description="requests a chunk; part of what makes a run repeatable")
    batch_size: int = Field(default=60, ge=1, description="answers under way at once")
    dtype: DtypeName = Field(
        default="auto", description="auto: bfloat16 where the hardware computes in it, else float32"
    )
    threads: int | None = Field(default=None, ge=1, description="None: OMP_NUM_THREADS, or as many as there are cores")
    done_chunks: list[int] = Field(default=[], description="chunks that need no answer any more")


class Run:
    """One run of the engine: reads, answers, writes and tells."""

    def __init__(self, config: EngineConfig, events: Events, emit: Any) -> None:
        self._config = config
        self._events = events
        self._emit = emit
        requests = read_requests(config)
        size = config.chunk_size
        self._chunks = [requests[at : at + size] for at in range(0, len(requests), size)]
        self._done = frozenset(config.done_chunks)
        if strange := [index for index in self._done if not 0 <= index < len(self._chunks)]:
            raise EngineError(
                "config",
                f"done_chunks holds {min(strange)}, but there are {len(self._chunks)} chunks, numbered from 0. Is this the same file?",
            )
        self._total = len(requests)
        self._answered = sum(len(self._chunks[index]) for index in self._done)
        self._told_at = 0.0

    def go(self) -> None:
        """Answer every chunk that is not done. Raises EngineError or BackendError; announced chunks stay."""
        start = time.monotonic()
        rows = errors = 0
        hardware = ""
        keep_only_chunks(self._config.output, self._done)
        self._tell_progress(now=True)
        missing = [index for index in range(len(self._chunks)) if index not in self._done]
        if missing:
            backend = self._load()
            hardware = str(backend.environment)
            self._emit({"event": "environment", **asdict(backend.environment), "hardware": hardware})
            for index in missing:
                answers = self._answer(backend, self._chunks[index])
                self._write(index, answers)
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
        from inference.backends.transformers_backend import TransformersBackend

        return TransformersBackend.load(
            self._config.model,
            adapters=self._config.adapters,
            dtype=self._config.dtype,
            threads=self._config.threads,
            batch_size=self._config.batch_size,
        )

    def _answer(self, backend: Any, chunk: Sequence[Request]) -> list[Output | ChoiceOutput]:
        """The chunk's answers in the order of its requests."""
        arriving: Iterator[Output | ChoiceOutput]
        if self._config.kind == "choices":
            arriving = backend.score_choices(chunk)
        else:
            arriving = backend.generate(chunk, self._config.sampling)
        by_id: dict[str, Output | ChoiceOutput] = {}
        for answer in arriving:
            by_id[answer.id] = answer
            self._answered += 1
            self._tell_progress()
        return [by_id[request.id] for request in chunk]

    def _write(self, index: int, answers: Sequence[Output | ChoiceOutput]) -> None:
        lines = [json.dumps({**asdict(answer), "chunk": index}, ensure_ascii=False) + "\n" for answer in answers]
        data = "".join(lines).encode("utf-8")
        with self._config.output.open("ab") as stream:
            offset = stream.tell()
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        place = {"path": str(self._config.output), "offset": offset, "bytes": len(data)}
        self._emit({"event": "chunk", "index": index, "rows": len(answers), **place})
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


def read_requests(config: EngineConfig) -> list[Request]:
    """All requests, or EngineError `requests` with the line of the first that is wrong."""
    adapter: TypeAdapter[Any] = TypeAdapter(ChoiceRequest if config.kind == "choices" else GenerationRequest)
    requests: list[Request] = []
    seen: set[str] = set()
    try:
        with config.requests.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                request = adapter.validate_json(line)
                if request.id in seen:
                    raise EngineError(
                        "requests",
                        f"{config.requests}, line {number}: the id {request.id!r} stands there a second time",
                    )
                seen.add(request.id)
                requests.append(request)
    except OSError as error:
        raise EngineError("requests", f"{config.requests} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise EngineError("requests", f"{config.requests}, line {number}: {_told(error)}") from error
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
    parser = argparse.ArgumentParser(prog="python -m inference.engine", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", type=Path, help="JSON file of inference.engine.EngineConfig")
    parser.add_argument(
        "--supervised", action="store_true", help="end with the parent process and with the end of standard input"
    )
    options = parser.parse_args(arguments)
    if options.supervised:
        die_with_parent()
        exit_at_end_of_input()
    emit = json_lines(claim_stdout())
    events = Events(emit)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _cancel)
    os.environ |= QUIET_AND_OFFLINE | os.environ
    try:
        config = read_config(options.config)
        with run_lock(config.output.parent):
            Run(config, events, emit).go()
    except Cancelled:
        emit({"event": "cancelled"})
        return CANCELLED
    except EngineError as error:
        events.error(error)
        return 1
    except BackendError as error:
        events.error(EngineError(error.code, error.message))
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        events.error(
            EngineError(
                "disk_full",
                f"The disk is full ({error.filename or 'output'}): free space and start the run again, it goes on.",
            )
        )
        return 1
    return 0


def _cancel(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # the first one counts
    raise Cancelled


if __name__ == "__main__":
    sys.exit(main())
