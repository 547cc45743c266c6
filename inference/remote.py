"""The way to an OpenAI-compatible address: only through the guarded client."""

from collections.abc import Iterator
from contextlib import contextmanager

from ftplatform.errors import Refused
from ftplatform.net import GuardedClient
from inference.backends.base import BackendError, GenerationRequest, Message, Sampling
from inference.backends.openai_backend import ATTEMPTS, OpenAIBackend

PROBE_SECONDS = 20.0
"""A person waits for it, and a thread of the site with them."""


@contextmanager
def open_backend(
    url: str,
    model: str,
    api_key: str,
    *,
    timeout: float = 120.0,
    attempts: int = ATTEMPTS,
    most_seconds: float | None = None,
) -> Iterator[OpenAIBackend]:
    """A backend that reaches the address through `ftplatform.net`. Raises Refused for an address that may not be reached.

    timeout: of silence. most_seconds: of one answer in all, where it should be less than any.
    """
    with GuardedClient(timeout=timeout) as client:
        yield OpenAIBackend(url, model, client=client, api_key=api_key, attempts=attempts, most_seconds=most_seconds)


def probe(url: str, model: str, api_key: str) -> None:
    """Asks the address once, for one token. Raises Refused with what is wrong and what to do."""
    request = GenerationRequest("probe", (Message("user", "Say yes."),))
    limits = {"timeout": PROBE_SECONDS, "most_seconds": PROBE_SECONDS}
    try:
        with open_backend(url, model, api_key, attempts=1, **limits) as backend:
            outputs = list(backend.generate([request], Sampling(max_new_tokens=1)))
    except BackendError as error:
        raise Refused(error.code, error.message, field="url") from error
    if outputs[0].finish_reason == "error":
        raise Refused("garbage", outputs[0].error, field="url")
