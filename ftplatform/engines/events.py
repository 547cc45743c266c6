"""What the engine says to whoever started it: JSON lines on standard output, and errors with a code.

One line is one event; ``event`` names its kind:

========= ======================================================================================
progress  ``done``, ``total``, ``unit``
metric    ``name`` (train_loss, validation_loss, learning_rate, grad_norm, FIELD.accuracy), ``step``, ``value``
sample    ``step``, ``row``, ``text``, ``ended``: an answer of the model in training to a validation row
plan      ``message`` and the same as figures: of ``wanted`` steps so many ``steps`` fit into ``budget_seconds``
log       ``message``
artifact  ``path``, ``kind`` (adapter, model)
done      the result, what ``training.engine.train.run`` returns
cancelled ``step``: the last step that is kept in a complete checkpoint, 0 when none is; absent where it had not begun
error     ``code``, ``message``, and what the code needs
========= ======================================================================================

After a resume the metrics and samples of steps past the checkpoint come once more: (name, step) and (row, step) are their keys.
"""

import json
import math
import os
import sys
from collections.abc import Callable
from typing import IO, Any

Emit = Callable[[dict[str, Any]], None]


class EngineError(Exception):
    """A run that cannot go on: ``code`` for programs, ``message`` for people, ``data`` for what the code needs."""

    def __init__(self, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Cancelled(BaseException):
    """SIGTERM or SIGINT; ``data`` is what the event tells. A BaseException, so that no ``except Exception`` of a library swallows it."""

    def __init__(self, **data: Any) -> None:
        super().__init__()
        self.data = data


class Events:
    """Writes events, and the few shapes of them that the engine sends often."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def progress(self, done: int, total: int, unit: str = "steps") -> None:
        self._emit({"event": "progress", "done": done, "total": total, "unit": unit})

    def metric(self, name: str, step: int, value: float) -> None:
        self._emit({"event": "metric", "name": name, "step": step, "value": value})

    def sample(self, step: int, row: str, text: str, *, ended: bool) -> None:
        self._emit({"event": "sample", "step": step, "row": row, "text": text, "ended": ended})

    def plan(
        self, steps: int, wanted: int, step_seconds: float, evaluation_seconds: float, budget_seconds: float
    ) -> None:
        message = (
            f"a step takes {step_seconds:.2f} s and an evaluation {evaluation_seconds:.1f} s: "
            f"{steps} of {wanted} steps fit into {budget_seconds:.0f} s"
        )
        self._emit(
            {
                "event": "plan",
                "message": message,
                "steps": steps,
                "wanted": wanted,
                "step_seconds": step_seconds,
                "evaluation_seconds": evaluation_seconds,
                "budget_seconds": budget_seconds,
            }
        )

    def log(self, message: str) -> None:
        self._emit({"event": "log", "message": message})

    def artifact(self, path: str, kind: str) -> None:
        self._emit({"event": "artifact", "path": path, "kind": kind})

    def done(self, result: dict[str, Any]) -> None:
        self._emit({"event": "done", **result})

    def error(self, error: EngineError) -> None:
        self._emit({"event": "error", "code": error.code, "message": error.message, **error.data})


def json_lines(stream: IO[str]) -> Emit:
    """An ``Emit`` that writes to ``stream`` at once; a figure that is not finite becomes null, as JSON demands."""

    def emit(event: dict[str, Any]) -> None:
        stream.write(json.dumps(_finite(event), ensure_ascii=False, allow_nan=False) + "\n")
        stream.flush()

    return emit


def claim_stdout() -> IO[str]:
    """Keep standard output for events: what libraries print goes to standard error from here on."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return events


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
