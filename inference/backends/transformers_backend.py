"""The backend that runs a model folder in this process with Hugging Face transformers: the embedded default.

Batches are formed inside the requests given, by length (see `batching`), and by nothing else: not by free memory, not by what ran
before. So the same requests in one call give the same padding and the same numbers, which is why callers cut a run into fixed chunks.
"""

import hashlib
import inspect
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftplatform.engines.modelconfig import CONTEXT_KEYS, context_length
from inference.backends import batching, decoding
from inference.backends import choices as choice_scoring
from inference.backends.base import (
    BATCH_SIZE,
    BackendError,
    ChoiceOutput,
    ChoiceRequest,
    GenerationRequest,
    Message,
    Output,
    Sampling,
)
from inference.backends.hardware import DtypeName, Environment, choose_device, choose_dtype, describe_environment
from inference.backends.roomy_cache import sees_whole_texts
from training.engine.render import Renderer, RenderError, TemplateError
from training.engine.rows import Message as RenderedMessage

CACHE_BYTES = 2 * 1024**3  # for keys and values of one batch
# What a forward costs beside its tokens, in tokens: measured on two cores, assumed of a GPU, whose memory limits it for long.
A_FORWARD = {"cpu": 48, "cuda": 256}
LOGIT_FLOATS = 2**26  # a quarter of a gigabyte of logits at once, in scoring
TRIE_TOLERANCE = 0.05  # of log-likelihood, relative: formats differ a little, a wrong mask differs by much


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A request ready for the model, or the reason why it is not."""

    place: int
    ids: list[int]
    problem: str = ""


class TransformersBackend:
    """One causal language model in memory. Not thread-safe: one caller at a time."""

    def __init__(self, model: Any, tokenizer: Any, *, batch_size: int = BATCH_SIZE) -> None:
        _require_positions(model)
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.context_length = _context_length(model.config)
        self._renderer = _renderer(tokenizer)
        self.end_ids = _end_ids(model, tokenizer) | {self._renderer.end}
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.end_ids)
        # A sliding window makes its own masks; of others it is not known before the first labels are scored.
        self._trie_is_right: bool | None = None if sees_whole_texts(model) else False

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        adapters: Sequence[Path] = (),
        dtype: DtypeName = "auto",
        threads: int | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> "TransformersBackend":
        """Load a checked model folder (see `inference.modelfolder`) and merge the adapters into it, in their order.

        `threads` are this process's threads of computation; None leaves torch's own choice or OMP_NUM_THREADS.
        Raises BackendError `model` where transformers cannot read the folder, `memory` where it does not fit.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if threads is not None:
            torch.set_num_threads(threads)
        device = choose_device()
        final_dtype = choose_dtype(dtype)
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            # Adapters are merged in float32: in bfloat16 the sum would lose most of a small adapter.
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32 if adapters else final_dtype, use_safetensors=True, **options
            )
            for adapter in adapters:
                from peft import PeftModel  # eight seconds to import, so only where there is an adapter

                model = PeftModel.from_pretrained(model, str(adapter), is_trainable=False).merge_and_unload()
            model = model.to(device=device, dtype=final_dtype)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise BackendError(
                "model",
                f"transformers cannot load the model in {folder}: {error}. Check that the folder is complete and that its "
                "architecture is one that the installed transformers knows.",
            ) from error
        except RuntimeError as error:
            raise _memory_or_model(error, f"loading {folder}") from error
        return cls(model, tokenizer, batch_size=batch_size)

    @property
    def environment(self) -> Environment:
        return describe_environment(self.model)

    # ------------------------------------------------------------------------------------------------ free generation
    def generate(self, requests: Sequence[GenerationRequest], sampling: Sampling) -> Iterator[Output]:
        """Answer the requests, the longest prompts first (so that a lack of memory shows at once)."""
        prompts = [
            self._prepare(place, request.messages, sampling.max_new_tokens) for place, request in enumerate(requests)
        ]
        for prompt in prompts:
            if prompt.problem:
                yield _failed_output(requests[prompt.place].id, prompt)
        able = [prompt for prompt in prompts if not prompt.problem]
        for batch in self._batches(able, sampling.max_new_tokens, steps=sampling.max_new_tokens - 1):
            yield from self._generate_batch(batch, requests, sampling)

    def _generate_batch(
        self, batch: Sequence[_Prompt], requests: Sequence[GenerationRequest], sampling: Sampling
    ) -> Iterator[Output]:
        ids = [requests[prompt.place].id for prompt in batch]
        try:
            decoded = decoding.decode(
                self.model,
                [prompt.ids for prompt in batch],
                sampling,
                end_ids=self.end_ids,
                pad_id=self.pad_id,
                row_seeds=[_row_seed(sampling.seed, request_id) for request_id in ids],
                has_stopped=lambda tokens: self._holds_stop(tokens, sampling.stop),
            )
        except RuntimeError as error:
            raise _memory_or_model(error, f"generating {len(batch)} answers at once") from error
        for request_id, prompt, row in zip(ids, batch, decoded, strict=True):
            yield Output(
                id=request_id,
                text=self._text(row.token_ids, sampling.stop),
                tokens_in=len(prompt.ids),
                tokens_out=len(row.token_ids),
                first_token_seconds=row.first_token_seconds,
                seconds=row.seconds,
                concurrency=len(batch),
                finish_reason="stop" if row.ended else "length",
            )

    def _text(self, token_ids: Sequence[int], stop: Sequence[str]) -> str:
        text: str = self.tokenizer.decode(
            [token for token in token_ids if token not in self.end_ids],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        cuts = [at for text_to_find in stop if (at := text.find(text_to_find)) >= 0]
        return text[: min(cuts)] if cuts else text

    def _holds_stop(self, token_ids: Sequence[int], stop: Sequence[str]) -> bool:
        if not stop:
            return False
        # A token may be part of one character only, so a few more tokens than the longest stop text has characters (in bytes).
        tail = max(len(text.encode()) for text in stop) + 4
        ending = self.tokenizer.decode(token_ids[-tail:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return any(text in ending for text in stop)

    # ----------------------------------------------------------------------------------------------- constrained choice
    def score_choices(self, requests: Sequence[ChoiceRequest]) -> Iterator[ChoiceOutput]:
        """Score each request's labels in one forward per batch. Requests with the same labels share a batch."""
        alike: dict[tuple[str, tuple[str, ...], str, bool], list[int]] = {}
        for place, request in enumerate(requests):
            alike.setdefault((request.prefix, request.choices, request.ending, request.end_of_turn), []).append(place)
        for places in alike.values():
            yield from self._score_alike(places, requests)

    def _score_alike(self, places: Sequence[int], requests: Sequence[ChoiceRequest]) -> Iterator[ChoiceOutput]:
        first = requests[places[0]]
        opening, labels = self.label_tokens(first)
        trie = choice_scoring.build_trie(labels)
        longest = max(len(label) for label in labels)
        prompts = [self._prepare(place, requests[place].messages, longest, opening) for place in places]
        for prompt in prompts:
            if prompt.problem:
                yield _failed_choice(requests[prompt.place].id, prompt)
        most_rows = max(1, LOGIT_FLOATS // ((1 + trie.fed) * self.model.config.get_text_config().vocab_size))
        able = [prompt for prompt in prompts if not prompt.problem]
        for batch in self._batches(able, trie.fed, most_rows=most_rows):
            start = time.perf_counter()
            scores = self._score_batch(batch, labels, trie)
            seconds = time.perf_counter() - start
            for prompt, row in zip(batch, scores, strict=True):
                likelihoods = dict(zip(first.choices, row, strict=True))
                yield ChoiceOutput(
                    id=requests[prompt.place].id,
                    choice=choice_scoring.best(first.choices, likelihoods),
                    log_likelihoods=likelihoods,
                    tokens_in=len(prompt.ids),
                    seconds=seconds,
                    concurrency=len(batch),
                )

    def label_tokens(self, request: ChoiceRequest) -> tuple[list[int], list[list[int]]]:
        """The tokens that open every answer, and those of each label after them.

        Prefix, label and ending are tokenised as one text, as they are in training: `desk: ` + `permits` is not `desk`, `:`,
        space, `permits` but `desk`, `:`, ` permits`. The opening ends where the prefix alone and all labels still agree.
        """
        last = [self._renderer.end] if request.end_of_turn else []
        alone = self._encode(request.prefix)
        whole = [self._encode(request.prefix + choice + request.ending) + last for choice in request.choices]
        shared = batching.shared_prefix_length([alone, *whole])
        return alone[:shared], [tokens[shared:] for tokens in whole]

    def _score_batch(
        self, batch: Sequence[_Prompt], labels: Sequence[Sequence[int]], trie: choice_scoring.LabelTrie
    ) -> list[list[float]]:
        prompts = [prompt.ids for prompt in batch]
        try:
            if self._trie_is_right is None:
                self._trie_is_right = self._trie_agrees(prompts, labels, trie)
            if self._trie_is_right:
                return decoding.score_trie(self.model, prompts, trie, pad_id=self.pad_id)
            return [decoding.score_rows(self.model, ids, labels) for ids in prompts]
        except RuntimeError as error:
            raise _memory_or_model(error, f"scoring {len(labels)} labels for {len(batch)} requests") from error

    def _trie_agrees(
        self, prompts: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], trie: choice_scoring.LabelTrie
    ) -> bool:
        """Whether this model heeds a mask of its own: some architectures make theirs anew.

        Asked once a model, on the two prompts that differ most in length and at most four labels, against the plain way.
        """
        probe = [min(prompts, key=len), max(prompts, key=len)]
        sample = labels[:4]
        try:
            by_trie = decoding.score_trie(self.model, probe, choice_scoring.build_trie(sample), pad_id=self.pad_id)
        except (RuntimeError, ValueError, TypeError, AttributeError):
            return False  # refused outright: the plain way is the answer, and it reports what else may be wrong
        by_rows = [decoding.score_rows(self.model, ids, sample) for ids in probe]
        return all(
            abs(got - wanted) <= TRIE_TOLERANCE * max(1.0, abs(wanted))
            for got_row, wanted_row in zip(by_trie, by_rows, strict=True)
            for got, wanted in zip(got_row, wanted_row, strict=True)
        )

    # ------------------------------------------------------------------------------------------------- prompts and batches
    def _prepare(self, place: int, messages: Sequence[Message], room: int, opening: Sequence[int] = ()) -> _Prompt:
        """Render and tokenise one chat; `room` is how many tokens must still fit behind it."""
        chat = [RenderedMessage(role=message.role, content=message.content) for message in messages]
        try:
            ids = [*self._renderer.prompt_ids(chat), *opening]
        except RenderError as error:
            return _Prompt(place, [], f"The prompt cannot be rendered: {error.reason}.")
        if not ids:
            return _Prompt(place, [], "The prompt is empty: no message holds any text.")
        needed = len(ids) + room
        if self.context_length is not None and needed > self.context_length:
            return _Prompt(
                place,
                ids,
                f"The prompt has {len(ids):,} tokens and {room:,} are kept for the answer: {needed:,}, which is "
                f"{needed - self.context_length:,} more than the model's context of {self.context_length:,}. "
                "Shorten the ticket, show fewer examples, or use a model with a longer context.",
            )
        return _Prompt(place, ids)

    def _encode(self, text: str) -> list[int]:
        """Token ids of a part of an answer, without the control tokens that open or close a text."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _batches(
        self, prompts: Sequence[_Prompt], room: int, *, steps: int = 0, most_rows: int | None = None
    ) -> Iterator[list[_Prompt]]:
        """Longest first. `room` is what a row's cache holds behind its prompt, `steps` the forwards after the first."""
        if not prompts:
            return
        ordered = sorted(prompts, key=lambda prompt: (-len(prompt.ids), prompt.place))
        counts = batching.cut(
            [len(prompt.ids) for prompt in ordered],
            most_rows=min(self.batch_size, most_rows or self.batch_size),
            most_tokens=CACHE_BYTES // _cache_bytes_per_token(self.model),
            room=room,
            cost=batching.Cost(
                shared=decoding.shared_tokens([prompt.ids for prompt in ordered], self.model),
                steps=steps,
                a_forward=A_FORWARD[self.model.device.type],
            ),
        )
        begin = 0
        for count in counts:
            yield ordered[begin : begin + count]
            begin += count


def _require_positions(model: Any) -> None:
    """Left padding and shared prefixes need a model that is told where each token stands; recurrent ones are not."""
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise BackendError(
            "unsupported",
            f"{type(model).__name__} is not an attention model, which this backend needs. Serve it with a server of its own and "
            "register it by its OpenAI-compatible URL.",
        )


def _context_length(config: Any) -> int | None:
    """As transformers loaded it: what the folder left out may have the architecture's default there."""
    text = config.get_text_config()
    return context_length({key: getattr(text, key, None) for key in CONTEXT_KEYS})


def _renderer(tokenizer: Any) -> Renderer:
    """The render that training uses too, so that a prompt has the same ids in both."""
    try:
        return Renderer(tokenizer)
    except TemplateError as error:
        raise BackendError("model", str(error)) from error


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer by the model's own account: its generation config may name several, or none."""
    configured = model.generation_config.eos_token_id if model.generation_config is not None else None
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(int(token) for token in [*listed, tokenizer.eos_token_id] if token is not None)


def _cache_bytes_per_token(model: Any) -> int:
    """Keys and values of one token in all layers, in bytes."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head_size * model.dtype.itemsize)


def _row_seed(seed: int, request_id: str) -> int:
    """One random stream per request: by the run's seed and the request's id, whoever shares its batch."""
    digest = hashlib.sha256(f"{seed}:{request_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # torch takes 63 bits


def _memory_or_model(error: RuntimeError, doing: str) -> BackendError:
    text = str(error)
    if "out of memory" in text.lower() or "allocate memory" in text:
        return BackendError(
            "memory",
            f"Not enough memory while {doing}. Use a smaller batch_size or a smaller model, or free some memory.",
        )
    return BackendError("model", f"The model failed while {doing}: {text}")


def _failed_output(request_id: str, prompt: _Prompt) -> Output:
    return Output(
        id=request_id,
        text="",
        tokens_in=len(prompt.ids),
        tokens_out=0,
        first_token_seconds=None,
        seconds=0.0,
        concurrency=1,
        finish_reason="error",
        error=prompt.problem,
    )


def _failed_choice(request_id: str, prompt: _Prompt) -> ChoiceOutput:
    return ChoiceOutput(
        id=request_id,
        choice="",
        log_likelihoods={},
        tokens_in=len(prompt.ids),
        seconds=0.0,
        concurrency=1,
        finish_reason="error",
        error=prompt.problem,
    )
