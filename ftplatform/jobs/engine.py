"""Runs an engine as a subprocess of the worker: JSON config in, JSON lines out. A crash of torch takes no worker down, and memory comes back.

An engine is its own process group, so that Stop ends all of it; it exits when its stdin closes, so that it dies with its worker.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.models import SlotClaim

logger = logging.getLogger(__name__)

GRACE_SECONDS = 15.0
TAIL = 2000
PASSED_ON = frozenset(
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "SSL_CERT_FILE", "SSL_CERT_DIR"]
)  # fmt: skip
PASSED_ON_BEGINNINGS = (
    *("LC_", "LD_", "XDG_"),
    *("CUDA", "NVIDIA_", "NCCL_", "HIP_", "ROCR_"),
    *(
        "TORCH",
        "PYTORCH_",
        "TRITON_",
        "HF_HOME",
        "HF_HUB_CACHE",
        "TRANSFORMERS_",
        "OMP_",
        "MKL_",
        "KMP_",
        "GOMP_",
        "OPENBLAS_",
    ),
)


def run_engine(context: JobContext, module: str, config: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Starts `python -m module folder/config.json --supervised` and yields its events up to and with `done`.

    Raises JobFailed with the engine's own reason, or with the end of its stderr when it died without one, and JobStopped when
    the job should end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config_path = folder / "config.json"
    config_path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
    errors_path = folder / "stderr.log"
    with errors_path.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(config_path), "--supervised"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=settings.BASE_DIR,
            env=engine_environment(context),
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",  # a C library may print anything; what is no JSON is only logged
        )
    context.log(f"engine {module} started, process {process.pid}")
    ended = False
    try:
        with context.on_stop(lambda: _stop(process)):
            for event in _events(process):
                if event.get("event") == "error":
                    raise JobFailed(str(event.get("code", "engine")), str(event.get("message", "the engine failed")))
                ended = ended or event.get("event") == "done"
                yield event
            code = process.wait()
        context.check()
        if not ended:
            raise JobFailed("engine-died", _why(code, errors_path))
    finally:
        _kill(process)


def engine_environment(context: JobContext) -> dict[str, str]:
    """What an engine is told: where programs, libraries and caches are, and how many threads its job's slot is worth. No secret
    passes, whatever it is called: only what is listed does."""
    kept = {
        name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_BEGINNINGS)
    }
    return kept | {
        "OMP_NUM_THREADS": str(_threads(context)),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _threads(context: JobContext) -> int:
    """All cores for the job that holds its host's one heavy slot; one thread for work that claimed none."""
    if not SlotClaim.objects.filter(job=context.job).exists():
        return 1
    return settings.FT_ENGINE_THREADS or os.cpu_count() or 1


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout
    for line in process.stdout:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            logger.info("engine %s said: %s", process.pid, line.rstrip()[:500])
            continue
        if isinstance(event, dict):
            yield event


def _stop(process: subprocess.Popen[str]) -> None:
    """Asks the whole group to end, and kills it after a grace."""
    _signal(process, signal.SIGTERM)

    def insist() -> None:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)

    threading.Thread(target=insist, daemon=True).start()


def _kill(process: subprocess.Popen[str]) -> None:
    """Leaves nothing behind, whatever happened: the group is killed and reaped."""
    if process.stdin:
        process.stdin.close()
    deadline = time.monotonic() + 2
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(process, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _signal(process: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _why(code: int, errors_path: Path) -> str:
    with errors_path.open("rb") as file:
        file.seek(max(0, errors_path.stat().st_size - TAIL))
        tail = file.read().decode("utf-8", "replace").strip()
    if code == -signal.SIGKILL:
        return f"The engine was killed, most likely because memory ran out. Use a smaller batch or model, then resume. Its last words:\n{tail}"
    return f"The engine ended with status {code} and no result. Its last words:\n{tail}"
