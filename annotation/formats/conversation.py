"""What the chat formats are written from: the messages of a prompt and the completion to be learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotation.formats.rows import FormatError, Record

_ROLES = ("system", "user", "assistant")
Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`messages`: {"role", "content"} up to the last user turn; `completion`: what the assistant answers."""

    messages: list[Message]
    completion: str

    @property
    def system(self) -> str | None:
        """The system text, if the conversation begins with one."""
        return self.messages[0]["content"] if self.messages[0]["role"] == "system" else None

    @property
    def turns(self) -> list[Message]:
        """The messages without the system text."""
        return self.messages[1:] if self.system is not None else self.messages


def conversation(record: Record, number: int) -> Conversation:
    """Check a record {"messages": […], "completion": text}; without completion the last message must be the assistant's.

    Raises FormatError that names the record and what is wrong. Further keys of the record are not written.
    """
    given = record.get("messages")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise FormatError(
            f'Record {number} needs "messages", a list of {{"role", "content"}}, and "completion", a text.'
        )
    messages = [_message(message, number, position) for position, message in enumerate(given, start=1)]
    completion = record.get("completion")
    if completion is None and messages[-1]["role"] == "assistant":
        completion = messages.pop()["content"]
    if not isinstance(completion, str):
        raise FormatError(f'Record {number} has no "completion" (a text), so there is nothing to learn from it.')
    if not messages or messages[-1]["role"] == "assistant":
        raise FormatError(f"Record {number}: the message before the completion must be the user's (or the system's).")
    return Conversation(messages, completion)


def _message(message: object, number: int, position: int) -> Message:
    if isinstance(message, Mapping):
        role, content = message.get("role"), message.get("content")
        if role in _ROLES and isinstance(content, str) and (role != "system" or position == 1):
            return {"role": role, "content": content}
    raise FormatError(
        f"Record {number}, message {position}: a role ({', '.join(_ROLES)}; system only first) and a text as content are needed."
    )
