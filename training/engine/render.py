"""From messages and an answer to token ids, labels and weights: the one render of engine, preview and generation.

The prompt is the chat template's own text up to the point where the model speaks, the answer is tokenised apart and
ends with the token that ends the assistant's turn. So the ids of the prompt are those that generation sends, and
what is trained is told by *position*: where padding and end are one token (SmolLM2), a mask by token id would
never teach the model to stop.

Text of tickets is data: a control token inside it would open a turn of its own. Callers neutralise it before
(``annotation.texts.neutralise`` with ``control_tokens``); here it is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from training.engine.rows import Choice, Message, Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Label of a position that is not trained, as in torch's cross-entropy."""


class RenderError(ValueError):
    """A row that cannot be trained on, with its id and the reason."""

    def __init__(self, row_id: str, reason: str) -> None:
        super().__init__(f"row {row_id}: {reason}")
        self.row_id = row_id
        self.reason = reason


class LongRow(RenderError):
    """Prompt and answer together are longer than allowed. Nothing is ever cut: half an answer teaches half answers."""

    def __init__(self, row_id: str, prompt_tokens: int, answer_tokens: int, max_length: int) -> None:
        super().__init__(
            row_id,
            f"{prompt_tokens} tokens of prompt and {answer_tokens} of answer are {prompt_tokens + answer_tokens}, "
            f"more than max_length {max_length}",
        )
        self.prompt_tokens = prompt_tokens
        self.answer_tokens = answer_tokens
        self.max_length = max_length


class UntrainedRow(RenderError):
    """Nothing of the answer is trained: it is empty, or all its weights are 0. Only how to stop could be learnt of it."""


LEAVABLE = (LongRow, UntrainedRow)
"""What may be left out of a run on request; the other errors are faults of the text or of the model's template."""


class ControlToken(RenderError):
    """A control token of the model stands in the text of a message or an answer."""


class TemplateError(ValueError):
    """The tokenizer cannot render a chat for training: what is missing, and what to do."""


@dataclass(frozen=True)
class Fork:
    """A position at which the labels of a choice part ways: the model chooses right if it prefers the row's token to the rivals."""

    name: str
    position: int
    rivals: list[int]


@dataclass(frozen=True)
class Rendered:
    """One row as the model sees it; the first three lists have one entry per token."""

    id: str
    input_ids: list[int]
    labels: list[int]
    """The token's id where it is trained, ``IGNORED`` in the prompt."""
    weights: list[float]
    """Weight in the loss, 0 in the prompt."""
    forks: list[Fork] = field(default_factory=list)
    """In the order of positions; none for a row without choices."""

    @property
    def trained_tokens(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class PreviewToken:
    """A token for the page. The texts of a row's tokens joined are the exact text that the model sees.

    A character that takes several tokens (an emoji) stands with the first of them; the others are empty.
    """

    text: str
    trained: bool
    weight: float


def control_tokens(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, ...]:
    """Texts that the tokenizer turns into control tokens, longest first."""
    return tuple(sorted((str(tokenizer.convert_ids_to_tokens(i)) for i in _control_ids(tokenizer)), key=len)[::-1])


def end_token(tokenizer: "PreTrainedTokenizerBase") -> int:
    """Id of the token that ends an assistant's turn in the chat template, or the tokenizer's end token.

    Some templates do not continue their own generation prompt (they put an empty thought before the answer);
    there the tokenizer's end token is what stops generation.
    """
    question = [{"role": "user", "content": "x"}]
    prompt = _apply_template(tokenizer, question, generate=True)
    whole = _apply_template(tokenizer, [*question, {"role": "assistant", "content": "x"}], generate=False)
    if whole.startswith(prompt + "x"):
        control = _control_ids(tokenizer)
        after = tokenizer(whole[len(prompt) + 1 :], add_special_tokens=False)["input_ids"]
        for token in after:
            if token in control:
                return int(token)
    if tokenizer.eos_token_id is None:
        raise TemplateError(
            "The chat template closes the assistant's turn with no control token and the tokenizer has no end token: "
            "a model tuned so would never stop. Set eos_token in tokenizer_config.json."
        )
    return int(tokenizer.eos_token_id)


class Renderer:
    """Renders rows with one tokenizer; what depends on the tokenizer alone is worked out once.

    Raises TemplateError where the tokenizer has no chat template, no end token or no character offsets.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        if not tokenizer.chat_template:
            raise TemplateError(
                "The tokenizer has no chat template: take the model's instruct version, or put its "
                "chat_template.jinja into the folder."
            )
        if not tokenizer.is_fast:
            raise TemplateError(
                "The tokenizer has no tokenizer.json: without it tokens cannot be traced to characters. "
                "Save it once with transformers' AutoTokenizer and use_fast=True."
            )
        self.tokenizer = tokenizer
        self.end = end_token(tokenizer)
        self._control = _control_ids(tokenizer)

    def prompt_ids(self, messages: Sequence[Message], row_id: str = "prompt") -> list[int]:
        """Token ids up to the point where the model speaks: what generation sends and training masks."""
        return self._encode_prompt(messages, row_id)[1]

    def render(self, row: Row, max_length: int | None = None) -> Rendered:
        """The row as ids, labels and weights. Raises LongRow, UntrainedRow, ControlToken, RenderError."""
        _, prompt, _ = self._encode_prompt(row.messages, row.id)
        answer, offsets = self._encode_text(row.completion, row.id, "the answer")
        weights = _weights(offsets, row.spans)
        if not any(weights):
            raise UntrainedRow(row.id, "its answer is empty" if not answer else "all weights of its answer are 0")
        answer, weights = [*answer, self.end], [*weights, 1.0]
        if max_length is not None and len(prompt) + len(answer) > max_length:
            raise LongRow(row.id, len(prompt), len(answer), max_length)
        return Rendered(
            id=row.id,
            input_ids=[*prompt, *answer],
            labels=[*[IGNORED] * len(prompt), *answer],
            weights=[*[0.0] * len(prompt), *weights],
            forks=[fork for choice in row.choices for fork in self._forks(row.completion, choice, answer, len(prompt))],
        )

    def _forks(self, completion: str, choice: Choice, answer: list[int], start: int) -> Iterator[Fork]:
        """Where a greedy decoder that may write only this choice's labels has to decide, given what stands before the choice.

        Each label is tokenised inside the whole answer, since tokens depend on what stands beside them.
        """
        before, after = completion[: choice.start], completion[choice.end :]
        texts = [before + label + after for label in choice.labels if label != completion[choice.start : choice.end]]
        open_ = [[*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.end] for text in texts]
        for at, token in enumerate(answer):
            rivals = {other[at] for other in open_ if at < len(other)} - {token}
            if rivals:
                yield Fork(choice.name, start + at, sorted(rivals))
            open_ = [other for other in open_ if at < len(other) and other[at] == token]
            if not open_:
                return

    def preview(self, row: Row) -> list[PreviewToken]:
        """The row token by token, for a page that colours what is trained. Raises as ``render`` does."""
        text, _, prompt_offsets = self._encode_prompt(row.messages, row.id)
        _, answer_offsets = self._encode_text(row.completion, row.id, "the answer")
        weights = _weights(answer_offsets, row.spans)
        end = str(self.tokenizer.convert_ids_to_tokens(self.end))
        return [
            *(PreviewToken(piece, trained=False, weight=0.0) for piece in _pieces(text, prompt_offsets)),
            *(
                PreviewToken(piece, trained=True, weight=weight)
                for piece, weight in zip(_pieces(row.completion, answer_offsets), weights, strict=True)
            ),
            PreviewToken(end, trained=True, weight=1.0),
        ]

    def _encode_prompt(self, messages: Sequence[Message], row_id: str) -> tuple[str, list[int], list[tuple[int, int]]]:
        for number, message in enumerate(messages, start=1):
            self._encode_text(message.content, row_id, f"message {number} ({message.role})")
        try:
            text = _apply_template(self.tokenizer, [message.model_dump() for message in messages], generate=True)
        except TemplateError as error:
            raise RenderError(row_id, str(error)) from error
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return text, list(encoded["input_ids"]), list(encoded["offset_mapping"])

    def _encode_text(self, text: str, row_id: str, where: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and character offsets of text that must be data only."""
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for token in encoded["input_ids"]:
            name = str(self.tokenizer.convert_ids_to_tokens(token)) if token in self._control else ""
            # An unknown character becomes the unknown token, which is a control token too: harmless unless spelt out.
            if name and (token != self.tokenizer.unk_token_id or name in text):
                raise ControlToken(row_id, f"{where} holds the control token {name}: neutralise the text first")
        return list(encoded["input_ids"]), list(encoded["offset_mapping"])


def preview(tokenizer: "PreTrainedTokenizerBase", row: Row) -> list[PreviewToken]:
    """The tokens of one row for a page: text, whether it is trained, and its weight."""
    return Renderer(tokenizer).preview(row)


def render_rows(
    renderer: Renderer, rows: Iterable[Row], max_length: int | None
) -> tuple[list[Rendered], list[RenderError]]:
    """All rows that can be trained on, and the reason for each that cannot."""
    rendered: list[Rendered] = []
    refused: list[RenderError] = []
    for row in rows:
        try:
            one = renderer.render(row, max_length)
        except RenderError as error:
            refused.append(error)
            continue
        if one.labels[-1] != renderer.end:
            raise AssertionError(f"row {row.id} does not end with the trained end token")
        rendered.append(one)
    return rendered, refused


def _apply_template(tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, Any]], *, generate: bool) -> str:
    from jinja2 import TemplateError as JinjaError  # transformers renders with it; a page without a chat needs neither

    try:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=generate, tokenize=False)
    except JinjaError as error:
        raise TemplateError(f"the chat template refuses these messages: {error}") from error
    return str(text)


def _control_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    added = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


def _weights(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int, float]]) -> list[float]:
    """Weight of each token: that of the span with which it shares a character, else 1."""
    weights = [1.0] * len(offsets)
    for index, (start, end) in enumerate(offsets):
        for span_start, span_end, weight in spans:
            if start < span_end and span_start < end:
                weights[index] = weight
                break
    return weights


def _pieces(text: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
    """The text cut at token borders; characters between two tokens go with the later one, so that nothing is lost."""
    pieces: list[str] = []
    done = 0
    for _, end in offsets:
        pieces.append(text[done:end])
        done = max(done, end)
    if pieces:
        pieces[-1] += text[done:]
    return pieces
