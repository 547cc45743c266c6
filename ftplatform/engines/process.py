"""The process of an engine around its work: options, quiet libraries, signals, and how it ends.

Exit status: 0 done, 1 error, 130 cancelled (SIGTERM, SIGINT), 3 the worker is gone (``--supervised`` only).
"""

import argparse
import errno
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from ftplatform.engines.events import Cancelled, Emit, EngineError, Events, claim_stdout, json_lines
from ftplatform.engines.lock import die_with_parent, exit_at_end_of_input

CANCELLED = 130
QUIET_AND_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}

Work = Callable[[Path, Emit, bool], None]
"""work(configuration, emit, supervised). Raises EngineError, or Cancelled with what its event tells."""


def serve(program: str, summary: str, work: Work, arguments: list[str] | None = None) -> int:
    """Does the work that the command line names and tells how it went; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=summary)
    parser.add_argument("config", type=Path, help="JSON file with the whole request")
    parser.add_argument(
        "--supervised", action="store_true", help="end with the parent process and with the end of standard input"
    )
    options = parser.parse_args(arguments)
    if options.supervised:
        die_with_parent()
        exit_at_end_of_input()
    emit = json_lines(claim_stdout())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _cancel)
    os.environ |= QUIET_AND_OFFLINE | os.environ
    # Of libraries to each other; what a dying engine says must be its own.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        work(options.config, emit, options.supervised)
    except Cancelled as cancelled:
        emit({"event": "cancelled", **cancelled.data})
        return CANCELLED
    except EngineError as error:
        Events(emit).error(error)
        return 1
    except Exception as error:
        if not is_disk_full(error):
            raise
        Events(emit).error(
            EngineError("disk_full", f"The disk is full: free space and start the run again, it goes on. ({error})")
        )
        return 1
    return 0


def is_disk_full(error: BaseException) -> bool:
    """Also where a library that writes by itself (safetensors, torch) has made an error of its own of it."""
    return any(
        (isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT))
        or os.strerror(errno.ENOSPC).lower() in str(one).lower()
        for one in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cancel(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # the first one counts; cleaning up takes a moment
    raise Cancelled
