"""What every backend takes and gives: requests, sampling, outputs, and the protocol that joins them.

A backend serves one model. It answers in free text (`generate`) and, where it can, by the likelihood of given labels
(`score_choices`). Problems of one request (a ticket too long for the model) are outputs with finish reason `error`; problems
of the backend (down, wrong key, garbage) raise BackendError, since every other request would meet them too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "choice", "error"]

BATCH_SIZE = 96
"""Answers under way at once where nothing else is asked for: on two cores a small model answers 96 questions a sixth quicker so than
in batches of 60, and half as much again in memory. What a batch may take of it is bounded all the same."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat. Control tokens in a ticket's text are already neutralised by the renderer."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One question to the model. A k-shot prompt is just longer: its examples are earlier turns."""

    id: str
    messages: tuple[Message, ...]


MOST_NEW_TOKENS, HIGHEST_TEMPERATURE, LARGEST_SEED = 32_768, 10.0, 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Temperature 0 is greedy; then `top_p` and `seed` change nothing.

    `max_new_tokens` counts the end token. `stop` texts end an answer and are not part of it.
    """

    __pydantic_config__ = {
        "extra": "forbid"
    }  # where an engine's config is read, a misspelt name must not become a default

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= MOST_NEW_TOKENS:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}; an answer has 1 to {MOST_NEW_TOKENS} tokens")
        if not 0 <= self.temperature <= HIGHEST_TEMPERATURE:  # NaN is not either
            raise ValueError(f"temperature is {self.temperature}; use 0 for greedy, or up to {HIGHEST_TEMPERATURE:g}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed is {self.seed}; it is a whole number from 0 to {LARGEST_SEED}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it is a share of probability, above 0 and at most 1")
        if "" in self.stop:
            raise ValueError("stop holds an empty text, which would end every answer before it begins")


@dataclass(frozen=True, slots=True)
class Output:
    """One answer, or why there is none.

    `tokens_out` counts what the model produced, the end token included; both counts are None where a server does not tell.
    `seconds` runs from the start of the batch (or the sending of the request) to this answer's last token, and
    `first_token_seconds` to its first; `concurrency` says how many answers were under way at once. Latencies at different
    concurrency, backends or hardware are not comparable.
    """

    id: str
    text: str
    tokens_in: int | None
    tokens_out: int | None
    first_token_seconds: float | None
    seconds: float
    concurrency: int
    finish_reason: FinishReason
    error: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """Which of `choices` would the model write after `prefix`, as the beginning of its answer?

    Scored is the text `prefix + choice + ending`, e.g. `desk: ` + `permits` + newline. The ending tells `card` from
    `card payment`. With `end_of_turn` the model's end token stands after it: for an answer that is nothing but the label.
    """

    id: str
    messages: tuple[Message, ...]
    prefix: str
    choices: tuple[str, ...]
    ending: str = "\n"
    end_of_turn: bool = False

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError(f"request {self.id}: no choices to score")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"request {self.id}: the same choice stands twice in {', '.join(self.choices)}")


@dataclass(frozen=True, slots=True)
class ChoiceOutput:
    """The likeliest choice, and each choice's log-likelihood (natural log, summed over its tokens, not averaged).

    On a tie the first in the request's order wins. After an error `choice` is empty and `log_likelihoods` too.
    """

    id: str
    choice: str
    log_likelihoods: dict[str, float]
    tokens_in: int
    seconds: float
    concurrency: int
    finish_reason: Literal["choice", "error"] = "choice"
    error: str = ""


BackendErrorCode = Literal[
    "unreachable", "timeout", "refused", "rate-limited", "server-error", "garbage", "unsupported", "model", "memory"
]


class BackendError(Exception):
    """The backend cannot serve. `code` is for programs; the message says what is wrong, where, and what to do."""

    def __init__(self, code: BackendErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: BackendErrorCode = code
        self.message = message


class Backend(Protocol):
    """One model, served. Both methods answer every request once, in the order in which answers come: match them by id."""

    def generate(self, requests: Sequence[GenerationRequest], sampling: Sampling) -> Iterator[Output]: ...

    def score_choices(self, requests: Sequence[ChoiceRequest]) -> Iterator[ChoiceOutput]: ...
