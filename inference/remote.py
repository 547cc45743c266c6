"""The way to an OpenAI-compatible address: only through the guarded client."""

from ftplatform.errors import Refused
from ftplatform.net import GuardedClient
from inference.backends.base import BackendError, GenerationRequest, Message, Sampling
from inference.backends.openai_backend import OpenAIBackend

PROBE_SECONDS = 20.0


def open_backend(url: str, model: str, api_key: str, *, timeout: float = 120.0) -> OpenAIBackend:
    """A backend that reaches the address through `ftplatform.net`. Raises Refused for an address that may not be reached."""
    return OpenAIBackend(url, model, client=GuardedClient(timeout=timeout), api_key=api_key)


def probe(url: str, model: str, api_key: str) -> None:
    """Asks the address for one token. Raises Refused with what is wrong and what to do."""
    backend = open_backend(url, model, api_key, timeout=PROBE_SECONDS)
    request = GenerationRequest("probe", (Message("user", "Say yes."),))
    try:
        outputs = list(backend.generate([request], Sampling(max_new_tokens=1)))
    except BackendError as error:
        raise Refused(error.code, error.message, field="url") from error
    if outputs[0].finish_reason == "error":
        raise Refused("garbage", outputs[0].error, field="url")
