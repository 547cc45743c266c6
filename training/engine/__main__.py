"""``python -m training.engine config.json [--supervised]``: one run; events on standard output, one JSON a line.

Exit status: 0 done, 1 error, 130 cancelled (SIGTERM, SIGINT), 3 the worker is gone (``--supervised`` only).
"""

import argparse
import errno
import os
import signal
import sys
import warnings
from pathlib import Path
from types import FrameType

from training.engine.checkpoint import drop_incomplete
from training.engine.config import RunConfig, read_config
from training.engine.events import Cancelled, EngineError, Events, claim_stdout, json_lines
from training.engine.lock import die_with_parent, exit_at_end_of_input

CANCELLED = 130

QUIET_AND_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.engine", description=__doc__)
    parser.add_argument("config", type=Path, help="JSON file of training.engine.config.RunConfig")
    parser.add_argument(
        "--supervised", action="store_true", help="end with the parent process and with the end of standard input"
    )
    options = parser.parse_args(arguments)
    if options.supervised:
        die_with_parent()
        exit_at_end_of_input()
    events = Events(json_lines(claim_stdout()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _cancel)
    os.environ |= QUIET_AND_OFFLINE | os.environ
    warnings.filterwarnings(
        "ignore", category=FutureWarning
    )  # of libraries to each other; what a dying engine says must be its own

    config: RunConfig | None = None
    try:
        config = read_config(options.config)
        _run(config, events, replay=options.supervised)
    except Cancelled:
        events.cancelled(drop_incomplete(config.output) if config else 0)
        return CANCELLED
    except EngineError as error:
        events.error(error)
        return 1
    return 0


def _run(config: RunConfig, events: Events, *, replay: bool) -> None:
    """The run, with the failures of machine and memory told in words."""
    from training.engine.train import run  # torch and TRL take ten seconds: a bad configuration answers at once

    try:
        run(config, events, replay=replay)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise EngineError(
            "out_of_memory",
            "Memory ran out: take a smaller batch_size with more gradient_accumulation, a lower max_length, "
            "gradient_checkpointing, or a smaller model.",
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EngineError(
            "disk_full", f"The disk that holds {config.output} is full: free space and start the run again, it goes on"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    """torch has one class for the GPU and a plain RuntimeError for the CPU."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in told or "can't allocate memory" in told


def _cancel(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # the first one counts; cleaning up takes a moment
    raise Cancelled


if __name__ == "__main__":
    sys.exit(main())
