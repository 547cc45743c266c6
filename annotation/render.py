"""One way from a ticket to the model's messages; training, generation and preview all go through here. Django-free.

Placeholders are replaced in one pass, declared names only: no template language, no `str.format`, no second expansion. Ticket
text is data for the tokenizer too, so control tokens inside it are neutralised and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotation import codecs, texts
from annotation.texts import CONTROL_TOKENS
from ftplatform.projects.spec import PLACEHOLDER, TaskSpec

Message = dict[str, str]


@dataclass(frozen=True)
class Rendered:
    messages: list[Message]
    neutralised: int


def render_messages(
    spec: TaskSpec,
    inputs: dict[str, Any],
    *,
    shots: Sequence[Message] = (),
    control_tokens: Sequence[str] = CONTROL_TOKENS,
) -> Rendered:
    """System, the shots' turns, and the ticket as the user's turn.

    inputs: column → text; a missing column is empty. shots: user and assistant turns, already rendered.
    """
    counted = 0

    def fill(template: str) -> str:
        nonlocal counted

        def value(match: Any) -> str:
            nonlocal counted
            name = match.group(1)
            if name not in declared:
                return str(match.group(0))
            safe, count = texts.neutralise(str(inputs.get(name) or ""), control_tokens)
            counted += count
            return safe

        return PLACEHOLDER.sub(value, template)

    declared = {column.name for column in spec.inputs}
    messages: list[Message] = []
    if spec.system:
        messages.append({"role": "system", "content": fill(spec.system)})
    messages.extend(shots)
    messages.append({"role": "user", "content": fill(spec.user)})
    return Rendered(messages, counted)


def neutralise_values(spec: TaskSpec, values: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The values with control tokens in their free texts made harmless, and how many there were: what a model is taught is also what
    its answers are compared with. Labels are left as they are, since another label would be another answer."""
    free = {field.name for field in spec.fields if not field.choices}
    counted = 0

    def harmless(value: Any) -> Any:
        nonlocal counted
        if isinstance(value, str):
            safe, count = texts.neutralise(value)
            counted += count
            return safe
        if isinstance(value, dict):
            return {name: harmless(inner) for name, inner in value.items()}
        return [harmless(inner) for inner in value] if isinstance(value, list) else value

    return {name: harmless(value) if name in free else value for name, value in values.items()}, counted


def render_completion(
    spec: TaskSpec, values: dict[str, Any], *, control_tokens: Sequence[str] = CONTROL_TOKENS
) -> tuple[str, int]:
    """What the model should answer, with control tokens inside neutralised. Raises fieldvalues.UnparsableValue."""
    return texts.neutralise(codecs.render(spec, values), control_tokens)


def short_field_spans(spec: TaskSpec, values: dict[str, Any], weight: float) -> list[tuple[int, int, float]]:
    """[(start, end, weight)] of choice fields in the completion: they are few tokens among many and would hardly count."""
    if weight == 1:
        return []
    spans = codecs.spans_of(spec, values)
    short = {field.name for field in spec.fields if field.kind in ("choice", "multi", "number", "rating")}
    return [(start, end, weight) for name, (start, end) in spans.items() if name in short]
