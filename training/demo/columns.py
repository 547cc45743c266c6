"""Which column of the reader's file is the ticket and which holds what is to be learnt, where nobody says. Django-free."""

from __future__ import annotations

from collections.abc import Sequence

from training.demo.source import TicketsError

TEXTS = ("text", "input", "question", "ticket", "prompt", "message", "body", "query", "utterance", "instruction")
TARGETS = ("label", "target", "category", "intent", "class", "answer", "output", "response", "completion", "reply")
"""Names that such files give them, the most telling first."""


def named_columns(file: str, columns: Sequence[str], text: str | None, target: str | None) -> tuple[str, str]:
    """(the ticket's column, the target's). What was named is taken as it is; of two columns the other one is the other.

    Raises TicketsError, which lists the columns, where names do not tell.
    """
    text = text or _known(columns, TEXTS, other=target)
    target = target or _known(columns, TARGETS, other=text)
    if len(columns) == 2:
        text = text or next((one for one in columns if target and one != target), None)
        target = target or next((one for one in columns if text and one != text), None)
    if not text or not target:
        listed = ", ".join(columns) or "none"
        raise TicketsError(
            f"{file}: name the columns, --input COLUMN for the ticket's text and --target COLUMN for the label or answer to learn. "
            f"Its columns are {listed}."
        )
    return text, target


def _known(columns: Sequence[str], names: Sequence[str], *, other: str | None) -> str | None:
    by_name = {column.strip().casefold(): column for column in columns if column != other}
    return next((by_name[name] for name in names if name in by_name), None)
