"""What a demo is made of: a file, what its columns become, and the task. Django-free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ftplatform.projects.spec import TaskSpec


class TicketsError(Exception):
    """The file cannot make a task; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Source:
    """One project to be made."""

    name: str
    slug: str
    description: str
    attribution: str
    path: Path
    mapping: dict[str, str]
    spec: TaskSpec
    target_weight: float
    remarks: tuple[str, ...] = ()
    """What was guessed or cut, and what the file's reader warned of; told beside the plan and in the JSON."""
    leaves_some: bool = False
    """Whether tickets are kept back for labelers."""


def tokens_of(text: str) -> int:
    """How many tokens a text has, a little more than less: the tokenizer of a model lies in a folder that may not be made yet.

    A token holds about four ASCII letters and spaces, one digit or sign, and less than two bytes of other scripts.
    """
    words = sum(character.isalpha() or character.isspace() for character in text if character < "\x80")
    signs = sum(character < "\x80" for character in text) - words
    others = len(text.encode("utf-8", "replace")) - words - signs
    return int(words / 4 + signs + others / 1.7) + 1
