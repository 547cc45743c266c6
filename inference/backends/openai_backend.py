"""The backend that asks any server with OpenAI's chat completions: OpenAI itself, vLLM, llama-server, a gateway.

Answers are streamed, for the time to their first token. A request that meets a busy, broken or babbling server is tried again
with growing pauses; what still fails then is the server's trouble and raises BackendError. What the server says about one
request alone (a ticket longer than its context, a content filter) is that request's output with finish reason `error`.

The caller brings the HTTP client, so that the platform's guarded one decides which addresses may be reached.
API: https://platform.openai.com/docs/api-reference/chat
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from inference.backends.answers import Answer, GarbageError, ServerSaid, read_answer
from inference.backends.base import (
    BackendError,
    ChoiceOutput,
    ChoiceRequest,
    GenerationRequest,
    Output,
    Sampling,
)

DEFAULT_CONCURRENCY = 4
ATTEMPTS = 4
FIRST_PAUSE = 0.5  # seconds, doubled with each attempt
LONGEST_PAUSE = 30.0  # also of what a server asks for by Retry-After
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
CONTEXT_WORDS = (
    "context_length",
    "context length",
    "maximum context",
    "context window",
    "too many tokens",
    "prompt is too long",
)


@dataclass(slots=True)
class _Common:
    """What the threads of one call share."""

    at_once: int
    given_up: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None


class OpenAIBackend:
    """One model at one address. Thread-safe as far as its client is; httpx's is.

    `url` is the API's base (`https://host/v1`); without a path, `/v1` is added. `concurrency` requests are under way at once.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        client: httpx.Client,
        api_key: str = "",
        concurrency: int = DEFAULT_CONCURRENCY,
        attempts: int = ATTEMPTS,
        most_seconds: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.address = _endpoint(url)
        self.model = model
        self.concurrency = concurrency
        self.attempts = attempts
        self.most_seconds = most_seconds
        self._client = client
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._sleep = sleep
        # Servers differ in these two; what a server refuses by name is not sent to it again.
        self._asks_for_usage = True
        self._limit_name = "max_tokens"

    def generate(self, requests: Sequence[GenerationRequest], sampling: Sampling) -> Iterator[Output]:
        """Answers in the requests' order. The first BackendError ends the rest, and is raised after the answers that had come."""
        if not requests:
            return
        common = _Common(at_once=min(self.concurrency, len(requests)))
        with ThreadPoolExecutor(max_workers=common.at_once, thread_name_prefix="openai-backend") as pool:
            futures = [pool.submit(self._answer_for, common, request, sampling) for request in requests]
            failure: BackendError | None = None
            try:
                for future in futures:
                    try:
                        output = future.result()
                    except BackendError as error:
                        failure = failure or error
                        continue
                    yield output
                if failure is not None:
                    raise failure
            finally:
                common.given_up.set()
                for future in futures:
                    future.cancel()

    def score_choices(self, requests: Sequence[ChoiceRequest]) -> Iterator[ChoiceOutput]:
        """Always BackendError: chat completions give no likelihood of a text that the caller chose."""
        raise BackendError(
            "unsupported",
            f"{self.address} cannot score given labels: OpenAI's chat API has no such call. Use free generation, or run the model "
            "with the transformers backend.",
        )

    def _answer_for(self, common: _Common, request: GenerationRequest, sampling: Sampling) -> Output:
        """One thread's work. The first failure is everybody's: the others stop at their next step and tell the same."""
        try:
            return self._answer(common, request, sampling)
        except Exception as error:
            common.failure = common.failure or error
            common.given_up.set()
            raise

    def _answer(self, common: _Common, request: GenerationRequest, sampling: Sampling) -> Output:
        problem: BackendError | None = None
        for attempt in range(self.attempts):
            if common.given_up.is_set():
                break
            pause = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, guards nothing
            try:
                return _output(request.id, self._ask(request, sampling), common.at_once)
            except ServerSaid as said:
                if said.status in (400, 413, 422) and _is_about_context(said):
                    return _refused_output(
                        request.id, f"The server refuses this prompt as too long: {said.message}", common.at_once
                    )
                problem = self._explain(said)
                if said.status not in BUSY:
                    raise problem from said
                pause = min(said.retry_after or pause, LONGEST_PAUSE)
            except GarbageError as error:
                problem = BackendError(
                    "garbage", f"{self.address} does not answer as OpenAI's API does: {error}. Check the address."
                )
                problem.__cause__ = error
            except httpx.TimeoutException as error:
                problem = BackendError(
                    "timeout", f"{self.address} did not answer in time. Is the server overloaded, or the model large?"
                )
                problem.__cause__ = error
            except httpx.HTTPError as error:
                problem = BackendError(
                    "unreachable",
                    f"{self.address} cannot be reached: {error}. Check the address, and that the server runs.",
                )
                problem.__cause__ = error
            if attempt < self.attempts - 1:
                self._sleep(pause)
        raise (
            problem
            or common.failure
            or BackendError("unreachable", f"{self.address} was not asked: the caller has left.")
        )

    def _ask(self, request: GenerationRequest, sampling: Sampling) -> Answer:
        """Asks until the server takes the fields as we write them: that is no attempt that failed."""
        while True:
            try:
                return self._ask_once(request, sampling)
            except ServerSaid as said:
                if said.status in BUSY or not self._adapts_to(said):
                    raise

    def _ask_once(self, request: GenerationRequest, sampling: Sampling) -> Answer:
        start = time.perf_counter()
        try:
            with self._client.stream(
                "POST", self.address, json=self._body(request, sampling), headers=self._headers
            ) as response:
                return read_answer(response, start, self.most_seconds)
        except httpx.InvalidURL as error:
            raise BackendError("unreachable", f"{self.address} is not a web address: {error}.") from error

    def _body(self, request: GenerationRequest, sampling: Sampling) -> dict[str, Any]:
        """Only what is needed: servers refuse fields that they do not know."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            self._limit_name: sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "stream": True,
        }
        if self._asks_for_usage:
            body["stream_options"] = {"include_usage": True}
        if sampling.temperature > 0:
            body |= {"seed": sampling.seed, "top_p": sampling.top_p}
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        return body

    def _adapts_to(self, said: ServerSaid) -> bool:
        """Whether the server named one of the two fields in which servers differ, and it was changed."""
        if "stream_options" in said.message and self._asks_for_usage:
            self._asks_for_usage = False
            return True
        if "max_completion_tokens" in said.message and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return True
        return False

    def _explain(self, said: ServerSaid) -> BackendError:
        told = f"{self.address} answers {said.status}: {said.message}"
        if said.status == 429:
            return BackendError("rate-limited", f"{told}. Wait, or lower the concurrency.")
        if said.status >= 500 or said.status in BUSY:
            return BackendError("server-error", f"{told}. Look at the server's log.")
        if said.status in (401, 403):
            return BackendError("refused", f"{told}. Check the key: the server does not accept it for this model.")
        if said.status == 404:
            return BackendError(
                "refused", f"{told}. Check the address, and that the server has a model called {self.model!r}."
            )
        if 300 <= said.status < 400:
            return BackendError("refused", f"{told}. Redirects are not followed: give the address it leads to.")
        return BackendError("refused", f"{told}.")


def _endpoint(url: str) -> str:
    """`http://host:8000`, `…/v1`, `…/v1/` and `…/v1/chat/completions` all mean the same place."""
    base = url.strip().rstrip("/").removesuffix("/chat/completions")
    if "/" not in base.partition("://")[2]:
        base += "/v1"
    return f"{base}/chat/completions"


def _is_about_context(said: ServerSaid) -> bool:
    text = f"{said.code} {said.message}".lower()
    return any(word in text for word in CONTEXT_WORDS)


def _output(request_id: str, answer: Answer, at_once: int) -> Output:
    filtered = answer.finish == "content_filter"
    return Output(
        id=request_id,
        text=answer.text,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        first_token_seconds=answer.first_token_seconds,
        seconds=answer.seconds,
        concurrency=at_once,
        finish_reason="error" if filtered else "length" if answer.finish == "length" else "stop",
        error="The server's content filter stopped the answer." if filtered else "",
    )


def _refused_output(request_id: str, error: str, at_once: int) -> Output:
    return Output(
        id=request_id,
        text="",
        tokens_in=None,
        tokens_out=0,
        first_token_seconds=None,
        seconds=0.0,
        concurrency=at_once,
        finish_reason="error",
        error=error,
    )
