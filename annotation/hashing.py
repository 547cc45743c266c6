"""Hashes of texts, keyed per project: once a text is erased, its hash says nothing about it to whoever lacks the key."""

import hashlib
import hmac
from typing import Any

from annotation.texts import normalise_prompt
from ftplatform.projects.models import Project
from ftplatform.projects.spec import PLACEHOLDER, TaskSpec, canonical


class Hasher:
    """Keyed hashes of one project's texts, 64 hex digits each."""

    def __init__(self, project: Project) -> None:
        self._key = bytes(project.text_key)

    def content(self, spec: TaskSpec, inputs: dict[str, Any]) -> str:
        """Equal for tickets whose inputs are the same text."""
        return self._hash(
            "content", canonical({column.name: str(inputs.get(column.name) or "") for column in spec.inputs})
        )

    def prompt(self, spec: TaskSpec, inputs: dict[str, Any]) -> str:
        """Equal for tickets that ask the model the same thing but for case, spaces and punctuation."""
        return self._hash("prompt", prompt_text(spec, inputs))

    def group(self, name: str) -> str:
        return self._hash("group", name)

    def _hash(self, what: str, text: str) -> str:
        data = f"{what}\x00{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()


def prompt_text(spec: TaskSpec, inputs: dict[str, Any]) -> str:
    """What tells one prompt from another: the inputs that the model is shown, normalised. A column that the prompt does not name
    makes no difference to the model, so it makes none here."""
    return "\n".join(normalise_prompt(str(inputs.get(name) or "")) for name in shown_inputs(spec))


def shown_inputs(spec: TaskSpec) -> list[str]:
    """The inputs that the prompt names, in the task's order."""
    shown = set(PLACEHOLDER.findall(spec.system + spec.user))
    return [column.name for column in spec.inputs if column.name in shown]
