"""Reading one answer of an OpenAI-compatible server: a stream of events, or plain JSON from a server that does not stream.

Nothing that comes is trusted: its size is bounded, its shape is checked, and what is wrong is told with the answer's beginning.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

MOST_BYTES = 16 * 1024 * 1024
MOST_SECONDS = 900.0  # of one answer in all; a client's timeout only bounds the silence between two pieces
SHOWN = 200  # characters of an unexpected answer in a message


class GarbageError(Exception):
    """The answer is not one of OpenAI's API."""


class ServerSaid(Exception):
    """An HTTP status that is no success, with the server's code and message and, in seconds, when it wants to be asked again."""

    def __init__(self, status: int, message: str, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after


@dataclass(slots=True)
class Answer:
    """What came. Token counts are None where the server does not tell; times are seconds since the request was sent."""

    text: str = ""
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    first_token_seconds: float | None = None
    seconds: float = 0.0


def read_answer(response: httpx.Response, start: float, most_seconds: float | None = None) -> Answer:
    """Read the response to its end. Raises ServerSaid, GarbageError, and httpx's own errors. `start` is a perf_counter time."""
    most_seconds = MOST_SECONDS if most_seconds is None else most_seconds
    if response.status_code != 200:
        raise _server_said(response, _read_all(response, start, most_seconds))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    answer = Answer()
    if kind == "text/event-stream":
        for event in _events(response, start, most_seconds):
            _take(answer, event, "delta", start)
    else:
        _take(answer, _object(_read_all(response, start, most_seconds)), "message", start)
        answer.first_token_seconds = None  # it came as a whole
    answer.seconds = time.perf_counter() - start
    # A surrogate pair may come in two pieces; half of one is no character, and no database takes it.
    answer.text = answer.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not answer.finish:
        raise GarbageError(f"the answer broke off without a finish reason after {len(answer.text):,} characters")
    return answer


def _take(answer: Answer, event: dict[str, Any], part: str, start: float) -> None:
    """Add one event to the answer: `part` is `delta` in a stream, `message` in a whole answer."""
    if "error" in event:
        message, code = _error_text(event)
        raise ServerSaid(500, message, code)  # in mid-stream, after its status 200
    usage = event.get("usage")
    if isinstance(usage, dict):
        answer.tokens_in = _count(usage.get("prompt_tokens"))
        answer.tokens_out = _count(usage.get("completion_tokens"))
    choices = event.get("choices")
    if not isinstance(choices, list) or (part == "message" and not choices):
        raise GarbageError(f"it has no choices: {_shown(json.dumps(event))}")
    if not choices:
        return  # the last event of a stream, which carries the usage
    choice = choices[0]
    piece = choice.get(part) if isinstance(choice, dict) else None
    if piece is not None and not isinstance(piece, dict):
        raise GarbageError(f"its {part} is not an object: {_shown(json.dumps(event))}")
    content = (piece or {}).get("content")
    if content is not None and not isinstance(content, str):
        raise GarbageError(f"its content is not text: {_shown(json.dumps(event))}")
    if content:
        if answer.first_token_seconds is None:
            answer.first_token_seconds = time.perf_counter() - start
        answer.text += content
    if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
        answer.finish = choice["finish_reason"]


def _events(response: httpx.Response, start: float, most_seconds: float) -> Iterator[dict[str, Any]]:
    """The data of server-sent events, up to `[DONE]`. Comments and other fields are passed over."""
    pending = b""
    for piece in _bounded(response, start, most_seconds):
        pending += piece
        *lines, pending = pending.split(b"\n")
        for line in lines:
            field, _, value = line.rstrip(b"\r").partition(b":")
            if field != b"data":
                continue
            if value.strip() == b"[DONE]":
                return
            yield _object(value)
    if pending.strip().startswith(b"data:") and pending.partition(b":")[2].strip() != b"[DONE]":
        yield _object(pending.partition(b":")[2])


def _bounded(response: httpx.Response, start: float, most_seconds: float) -> Iterator[bytes]:
    total = 0
    for piece in response.iter_bytes():
        total += len(piece)
        if total > MOST_BYTES:
            raise GarbageError(f"the answer is longer than {MOST_BYTES // 1024**2} MB")
        if time.perf_counter() - start > most_seconds:
            raise httpx.ReadTimeout(f"the answer took longer than {most_seconds:.0f} s in all")
        yield piece


def _read_all(response: httpx.Response, start: float, most_seconds: float) -> bytes:
    return b"".join(_bounded(response, start, most_seconds))


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GarbageError(f"it is not JSON: {_shown(data.decode('utf-8', 'replace'))}") from error
    if not isinstance(value, dict):
        raise GarbageError(f"it is not a JSON object: {_shown(data.decode('utf-8', 'replace'))}")
    return value


def _server_said(response: httpx.Response, body: bytes) -> ServerSaid:
    try:
        message, code = _error_text(_object(body))
    except GarbageError:
        message, code = _shown(body.decode("utf-8", "replace")) or response.reason_phrase, ""
    if location := response.headers.get("location"):
        message = f"{message} → {location}" if message else location
    return ServerSaid(response.status_code, message, code, _retry_after(response.headers.get("retry-after", "")))


def _error_text(event: dict[str, Any]) -> tuple[str, str]:
    """Message and code of `{"error": {"message", "code"}}`, of `{"error": text}`, and of servers that say `message` or `detail`."""
    error = event.get("error", event)
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or json.dumps(error)
        return _shown(str(message)), str(error.get("code") or "")
    return _shown(str(error)), ""


def _retry_after(value: str) -> float | None:
    """Seconds; a date, the header's other form, is left to our own pauses."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


def _count(value: Any) -> int | None:
    """A number of tokens that a row can hold; a server that says anything else has told none."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else flat[:SHOWN] + " …"
