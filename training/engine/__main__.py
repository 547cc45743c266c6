"""``python -m training.engine config.json [--supervised]``: one run; events on standard output, one JSON per line.

Exit status: 0 done, 1 error, 130 cancelled (SIGTERM, SIGINT), 3 the worker is gone (``--supervised`` only).
"""

import sys
import time
from pathlib import Path

from ftplatform.engines.events import Emit, EngineError, Events
from ftplatform.engines.process import serve
from training.engine.config import read_config


def main(arguments: list[str] | None = None) -> int:
    return serve("training.engine", (__doc__ or "").partition("\n")[0], _work, arguments)


def _work(path: Path, emit: Emit, supervised: bool) -> None:
    """The run, with want of memory told in words."""
    began = time.monotonic()
    config = read_config(path)
    from training.engine.train import run  # torch and TRL take ten seconds: a bad configuration answers at once

    try:
        run(config, Events(emit), supervised=supervised, began=began)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise EngineError(
            "out_of_memory",
            "Memory ran out: take a smaller batch_size with more gradient_accumulation, a lower max_length, "
            "gradient_checkpointing, or a smaller model.",
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    """torch has one class for the GPU and a plain RuntimeError for the CPU."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in told or "can't allocate memory" in told


if __name__ == "__main__":
    sys.exit(main())
